#!/usr/bin/env python3
"""Writes the embedded digits as IDX files beside this script, from scikit-learn's copy of the UCI set.

1,437 pictures for training and 360 for testing; every digit has its share of both (a fixed seed decides which
pictures). Values 0..16 become 0..255. Needs scikit-learn; the same files come out every time.
"""

import pathlib
import struct

import numpy as np
from sklearn.datasets import load_digits

HERE = pathlib.Path(__file__).parent
TEST = 360
SEED = 20240229


def stratified_test(labels):
    """TEST indices: of each class its share, rounded by largest remainder."""
    counts = np.bincount(labels)
    exact = counts * TEST / len(labels)
    take = np.floor(exact).astype(int)
    for digit in np.argsort(take - exact, kind="stable")[: TEST - take.sum()]:
        take[digit] += 1
    random = np.random.RandomState(SEED)
    chosen = [random.permutation(np.flatnonzero(labels == digit))[: take[digit]]
              for digit in range(len(counts))]
    return np.sort(np.concatenate(chosen))


def write_idx(name, array):
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    (HERE / name).write_bytes(header + array.astype(np.uint8).tobytes())


def main():
    digits = load_digits()
    pictures = np.floor(digits.images * 255 / 16 + 0.5).astype(np.uint8)
    labels = digits.target
    test = np.zeros(len(labels), bool)
    test[stratified_test(labels)] = True
    for split, mask in (("train", ~test), ("test", test)):
        write_idx(f"{split}-images-idx3-ubyte", pictures[mask])
        write_idx(f"{split}-labels-idx1-ubyte", labels[mask])


if __name__ == "__main__":
    main()
