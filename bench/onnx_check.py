#!/usr/bin/env python3
"""Exports networks to ONNX, runs them in onnxruntime and compares the outputs with dltool's own.

    bench/onnx_check.py [--dltool PROGRAM] [RUN|CONFIG]...

Without arguments all configs in configs/ that need no data to be checked, with random weights. A config gets weights by a formula
and is compared through `dltool predict`-free means: `dltool import` of the exported model must give the same outputs in
onnxruntime when it is exported again. A run is compared with its own `dltool predict --json`.
Prints max|a-b| / max|b| for each; exit code 1 above 1e-4. Needs numpy, onnx, onnxruntime and safetensors."""
