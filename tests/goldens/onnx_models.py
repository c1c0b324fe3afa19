#!/usr/bin/env python3
"""Small networks as PyTorch's two exporters write them to ONNX, for tests/onnx/import_golden_test.cpp: onnx/<name>.onnx, and in
onnx_models.json what PyTorch computes in float64 for the formula's tensor 1 (tokens are whole numbers of it).

    pip install torch==2.13.0 onnx onnxscript numpy
    python tests/goldens/onnx_models.py

_ts is the older exporter (dynamo=False), which gives operators the names of their modules, _dyn the newer one. Both fold batch
norms into the convolutions before them where they can."""
import copy
import json
import logging
import pathlib
import tempfile
import warnings

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

from formula import formula, samples

HERE = pathlib.Path(__file__).resolve().parent


def conv_bn(source, target, kernel=3, stride=1, groups=1):
    return nn.Sequential(nn.Conv2d(source, target, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(target))


class Basic(nn.Module):
    def __init__(self, source, target, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(source, target, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(target)
        self.conv2 = nn.Conv2d(target, target, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(target)
        self.downsample = conv_bn(source, target, 1, stride) if stride > 1 else None

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Basic(4, 4, 1), Basic(4, 4, 1))
        self.layer2 = nn.Sequential(Basic(4, 6, 2))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(6, 5)

    def forward(self, x):
        x = self.layer2(self.layer1(self.maxpool(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Inverted(nn.Module):
    """A block of MobileNetV2, which is added to its source where shapes allow."""

    def __init__(self, source, target, stride):
        super().__init__()
        wide = 2 * source
        self.adds = stride == 1 and source == target
        self.conv = nn.Sequential(nn.Sequential(*conv_bn(source, wide, 1), nn.ReLU6()),
                                  nn.Sequential(*conv_bn(wide, wide, 3, stride, wide), nn.ReLU6()), *conv_bn(wide, target, 1))

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Sequential(*conv_bn(3, 4, 3, 2), nn.ReLU6()), Inverted(4, 4, 1), Inverted(4, 6, 2))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(6, 5))

    def forward(self, x):
        return self.classifier(self.features(x).mean([2, 3]))


class GoogLeNet(nn.Module):
    """Two inception blocks, poolings with ceil_mode, and a softmax."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 5, 2, 2)
        for i, source in ((1, 4), (2, 10)):
            setattr(self, f"branch1_{i}", nn.Conv2d(source, 3, 1))
            setattr(self, f"branch2_{i}", nn.Sequential(nn.Conv2d(source, 3, 1), nn.ReLU(), nn.Conv2d(3, 4, 3, padding=1)))
            setattr(self, f"branch4_{i}", nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), nn.Conv2d(source, 3, 1)))
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.average = nn.AvgPool2d(2, 2, count_include_pad=False)
        self.fc = nn.Linear(10 * 2 * 2, 5)

    def block(self, x, i):
        return F.relu(torch.cat([getattr(self, f"branch{k}_{i}")(x) for k in (1, 2, 4)], 1))

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.average(self.block(self.block(x, 1), 2))
        return F.softmax(self.fc(x.view(x.size(0), -1)), dim=1)


class DenseNet(nn.Module):
    """Batch norms before their convolutions, so that no exporter folds them."""

    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        for i in range(3):
            setattr(self, f"norm{i}", nn.BatchNorm2d(4 + 2 * i, momentum=0.3, eps=1e-3))
            setattr(self, f"conv{i + 1}", nn.Conv2d(4 + 2 * i, 2, 3, padding=1, bias=False))
        self.transition = nn.Sequential(nn.BatchNorm2d(10), nn.ReLU(), nn.Conv2d(10, 5, 1, bias=False), nn.AvgPool2d(2, 2))
        self.classifier = nn.Linear(5, 5)

    def forward(self, x):
        x = self.conv0(x)
        for i in range(3):
            x = torch.cat([x, getattr(self, f"conv{i + 1}")(F.relu(getattr(self, f"norm{i}")(x)))], 1)
        return self.classifier(F.adaptive_avg_pool2d(self.transition(x), 1).flatten(1))


class Functions(nn.Module):
    """One function and one norm behind the other, an asymmetric padding, a gate."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.SiLU(), nn.Hardswish(), nn.GELU(), nn.GELU(approximate="tanh"), nn.Mish(), nn.ELU(0.7),
            nn.LeakyReLU(0.2), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True), nn.Hardsigmoid(), nn.Softplus(),
            nn.ZeroPad2d((1, 2, 0, 1)), nn.Conv2d(4, 4, 2, dilation=2))
        self.gate = nn.Conv2d(4, 4, 1)
        self.norm = nn.LayerNorm(6)
        self.fc1 = nn.Linear(4 * 2, 6)
        self.fc2 = nn.Linear(6, 5)

    def forward(self, x):
        x = self.features(x)
        x = x * torch.sigmoid(self.gate(F.adaptive_avg_pool2d(x, 1)))
        x = F.adaptive_max_pool2d(x, 1)
        x = torch.cat([x, x.tanh()], 1)
        return self.fc2(self.norm(self.fc1(torch.flatten(x, 1))))


class Lstm(nn.Module):
    def __init__(self, **how):
        super().__init__()
        self.rnn = nn.LSTM(6, 5, batch_first=True, **how)
        self.fc = nn.Linear(10 if how.get("bidirectional") else 5, 5)

    def forward(self, x):
        return self.fc(self.rnn(x)[0][:, -1])


class LastState(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(6, 5, batch_first=True, nonlinearity="relu")
        self.fc = nn.Linear(5, 5)

    def forward(self, x):
        return self.fc(self.rnn(x)[1][-1])


class Tokens(nn.Module):
    """A language model: scores for each step."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.rnn = nn.GRU(6, 5, 2, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(10)
        self.fc = nn.Linear(10, 11)

    def forward(self, x):
        return self.fc(self.norm(self.rnn(self.embedding(x))[0]))


PICTURE, SEQUENCE = (2, 3, 17, 17), (2, 7, 6)
NETS = {"resnet": (ResNet, PICTURE), "mobilenet": (MobileNet, PICTURE), "googlenet": (GoogLeNet, PICTURE), "densenet": (DenseNet, PICTURE),
        "functions": (Functions, PICTURE), "lstm": (Lstm, SEQUENCE), "rnn": (LastState, SEQUENCE),
        "bilstm": (lambda: Lstm(num_layers=2, bidirectional=True), SEQUENCE), "tokens": (Tokens, (2, 7))}


def stripped(model):
    """Without what people read: the newer exporter writes stack traces."""
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    del model.graph.value_info[:]
    return model


def write(name, net, batch, newer):
    path = HERE / "onnx" / f"{name}_{'dyn' if newer else 'ts'}.onnx"
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        if newer:
            torch.onnx.export(net, (batch,), file.name, dynamo=True, external_data=False, verbose=False,
                              dynamic_shapes=({0: torch.export.Dim("batch")},))
        else:
            torch.onnx.export(net, (batch,), file.name, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "batch"}})
        path.write_bytes(stripped(onnx.load(file.name)).SerializeToString())


def main():
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    golden = {}
    (HERE / "onnx").mkdir(exist_ok=True)
    for salt, (name, (make, shape)) in enumerate(NETS.items()):
        torch.manual_seed(salt)
        net = make().eval()
        for module in net.modules():   # statistics as after training
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.3, 0.3)
                module.running_var.uniform_(0.5, 1.5)
            if isinstance(module, (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LayerNorm)):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.3, 0.3)
        values = formula(1, shape)
        tokens = name == "tokens"
        batch = torch.tensor(np.floor((values + 1) / 2 * 10).astype(np.int64)) if tokens else torch.tensor(values)
        for newer in (False, True) if name != "rnn" else (False,):   # the newer one takes an RNN apart
            write(name, net, batch, newer)
        exact = copy.deepcopy(net).double()
        with torch.no_grad():
            out = exact(batch if tokens else batch.double())
        if name == "googlenet":
            out = torch.log(out)   # up to a constant the scores, which dltool's network ends with
        golden[name] = {"input": list(shape), "output": samples(out.numpy())}
    (HERE / "onnx_models.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
