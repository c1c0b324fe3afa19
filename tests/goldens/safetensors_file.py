"""Writes safetensors_file.safetensors with the Python package: what it writes we must read, and write again byte for byte.

    python tests/goldens/safetensors_file.py      (needs torch and safetensors)
"""
import pathlib

import torch
from safetensors.torch import save_file

from formula import formula

weight = torch.from_numpy(formula(1, (2, 3)))
tensors = {
    "conv1.weight": weight,
    "bn1.num_batches_tracked": torch.tensor(7),              # a scalar, I64
    "double": torch.tensor([0.5, -2.0], dtype=torch.float64),
    "half": weight.to(torch.float16),
    "bfloat": weight.to(torch.bfloat16),
    "int": torch.tensor([1, -2, 3], dtype=torch.int32),
    "byte": torch.tensor([1, 2, 255], dtype=torch.uint8),
    "mask": torch.tensor([True, False, True]),
    "empty": torch.zeros(0, 4),
    'quote " and ü': torch.tensor([1.0]),
}
save_file(tensors, pathlib.Path(__file__).with_suffix(".safetensors"), metadata={"format": "pt"})
