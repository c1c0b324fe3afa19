#!/usr/bin/env python3
"""Trains a network of shared/bench/torch_nets.py in PyTorch on a folder of small pictures, as a dltool config of the
same graph does: for comparing accuracies (docs/results.md has the commands of both sides).

    bench/train_torch.py NET --data data/cifar10_images --epochs 10 [--seed 1] [--lr 0.1] [--batch 128] [--nesterov]

Data: train/ and test/, a folder a class; all pictures of one size. Augmentation: a crop of the picture padded by 4 zeros
(before normalising, as torchvision's RandomCrop), a flip. Schedule: a linear warm-up from a tenth over the first epoch
times half a cosine, step by step. Weights start as the configs' do: He et al. 2015, "Delving deep", fan_out. Prints a JSON
line an epoch and one for the test pictures at the end. Needs torch, numpy and Pillow."""
import argparse
import json
import math
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parent.parent
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def read_split(folder):
    """Pictures (N, 3, H, W) of bytes and labels, classes in the order of their names."""
    pictures, labels = [], []
    for label, name in enumerate(sorted(entry.name for entry in folder.iterdir())):
        for path in sorted((folder / name).iterdir()):
            pictures.append(np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1))
            labels.append(label)
    return torch.from_numpy(np.stack(pictures)), torch.tensor(labels)


def normalised(pictures):
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    return ((pictures / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def augmented(pictures, padding=4):
    """A crop and a flip of their own for every picture."""
    n, _, height, width = pictures.shape
    padded = F.pad(pictures, (padding,) * 4)
    rows = torch.randint(2 * padding + 1, (n, 1)) + torch.arange(height)
    columns = torch.randint(2 * padding + 1, (n, 1)) + torch.arange(width)
    columns = torch.where(torch.rand(n, 1) < 0.5, columns, columns.flip(1))
    return padded[torch.arange(n).view(n, 1, 1, 1), torch.arange(3).view(1, 3, 1, 1), rows.view(n, 1, height, 1),
                  columns.view(n, 1, 1, width)]


def start(net):
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def rate(step, steps, per_epoch):
    warmup = min(1.0, 0.1 + 0.9 * step / per_epoch)
    return warmup * (1 + math.cos(math.pi * step / steps)) / 2


def test(net, pictures, labels):
    net.eval()
    losses, hits, top5 = 0.0, 0, 0
    with torch.no_grad():
        for batch, label in zip(pictures.split(250), labels.split(250)):
            output = net(normalised(batch))
            losses += F.cross_entropy(output, label, reduction="sum").item()
            hits += (output.argmax(1) == label).sum().item()
            top5 += (output.topk(5).indices == label.view(-1, 1)).sum().item()
    return {"split": "test", "loss": losses / len(labels), "top1": hits / len(labels), "top5": top5 / len(labels)}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("net", help="a name of torch_nets.NETS, or densenet-bc-40-12")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--weight-decay", type=float, default=1e-4)
    parser.add_argument("--nesterov", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--nets", type=pathlib.Path, default=ROOT.parent / "shared/bench", help="folder of torch_nets.py")
    return parser.parse_args()


def make_net(args):
    sys.path.insert(0, str(args.nets))
    import torch_nets
    return torch_nets.densenet_bc(40) if args.net == "densenet-bc-40-12" else torch_nets.NETS[args.net][0]()


def main():
    args = parse_arguments()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    net = make_net(args).to(memory_format=torch.channels_last)
    start(net)
    pictures, labels = read_split(args.data / "train")
    test_pictures, test_labels = read_split(args.data / "test")
    optimizer = torch.optim.SGD(net.parameters(), args.lr, 0.9, weight_decay=args.weight_decay, nesterov=args.nesterov)
    per_epoch = -(-len(labels) // args.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, args.epochs * per_epoch, per_epoch))
    for epoch in range(args.epochs):
        began, total, hits = time.perf_counter(), 0.0, 0
        net.train()
        for batch in torch.randperm(len(labels)).split(args.batch):
            output = net(normalised(augmented(pictures[batch])))
            loss = F.cross_entropy(output, labels[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
            hits += (output.argmax(1) == labels[batch]).sum().item()
        print(json.dumps({"epoch": epoch + 1, "split": "train", "loss": total / len(labels), "top1": hits / len(labels),
                          "seconds": round(time.perf_counter() - began, 1)}), flush=True)
    print(json.dumps(test(net, test_pictures, test_labels)))


if __name__ == "__main__":
    main()
