#!/usr/bin/env python3
"""`dltool docs schema` against what dltool itself accepts and refuses: every shipped config must validate, and each
change of a good one below must not. Exits with 77 (ctest: skipped) where Python has no jsonschema or PyYAML."""

import copy
import json
import pathlib
import re
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(f"skipped: {error}; apt-get install python3-jsonschema python3-yaml")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Loader(yaml.SafeLoader):
    """YAML 1.2's words and numbers, as dltool and editors read them: 1e-4 is a number, yes is a word."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|false", list("tf")),
        ("int", r"[-+]?[0-9]+", list("-+0123456789")),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", list("-+.0123456789"))):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)
Loader.add_constructor("tag:yaml.org,2002:float",
                       lambda loader, node: float(node.value.replace(".inf", "inf").replace(".nan", "nan")))

GOOD = """
data: {source: {synthetic: {shape: [3, 8, 8], classes: 2, samples: 8}}, batch: 4}
model:
  layers:
    - conv: {name: conv1, out_channels: 4, kernel_size: 3, weight_init: {kaiming_normal: {mode: fan_out}}}
    - batch_norm
    - relu: ~
    - repeat: 2
      layers: [conv: {out_channels: 4, kernel_size: 1}]
    - flatten
    - linear: {out_features: $data.classes, weight_init: kaiming_uniform}
loss: cross_entropy
optimizer: {sgd: {lr: 1e-1}}
schedule: {cosine: {}, warmup: {epochs: 1}}
train: {epochs: 1}
"""
BLOCKS = """
blocks:
  basic: {params: {c: ~}, layers: [conv: {out_channels: $c, kernel_size: 3}, relu]}
"""

# What is done to GOOD, and whether it must still validate.
CHANGES = [
    ("nothing", lambda c: None, True),
    ("a layer of PyTorch's name", lambda c: layers(c).append({"conv2d": {"out_channels": 4, "kernel_size": 3}}), False),
    ("a layer that nothing knows", lambda c: layers(c).append({"transformer": {}}), False),
    ("the same without parameters", lambda c: layers(c).append("transformer"), False),
    ("the same in a repeat", lambda c: layers(c)[3]["layers"].append("transformer"), False),
    ("a loss among the layers", lambda c: layers(c).append("cross_entropy"), False),
    ("a layer without the key it needs", lambda c: layers(c).append({"conv": {"kernel_size": 3}}), False),
    ("the same, named alone", lambda c: layers(c).append("conv"), False),
    ("a misspelled key of a layer", lambda c: layers(c).append({"linear": {"out_feature": 3}}), False),
    ("two types in an entry", lambda c: layers(c).append({"relu": {}, "tanh": {}}), False),
    ("a name beside its type", lambda c: layers(c).append({"relu": {}, "name": "r"}), False),
    ("a repeat without layers", lambda c: layers(c).append({"repeat": 2}), False),
    ("an unknown initializer", lambda c: layers(c)[0]["conv"].update(weight_init="he"), False),
    ("an unknown key of an initializer", lambda c: layers(c)[0]["conv"].update(weight_init={"normal": {"sd": 1}}), False),
    ("a number as text", lambda c: c["train"].update(epochs="3"), False),
    ("an expression", lambda c: c["train"].update(epochs="$n"), True),
    ("no epochs at all", lambda c: c["train"].update(epochs=0), False),
    ("more than an int holds", lambda c: c["train"].update(epochs=2**31), False),
    ("a batch beyond its end", lambda c: c["data"].update(batch=2**32), False),
    ("an unknown section", lambda c: c.update(training={}), False),
    ("an unknown optimizer", lambda c: c.update(optimizer={"sdg": {"lr": 1}}), False),
    ("no learning rate", lambda c: c.update(optimizer={"sgd": {}}), False),
    ("no learning rate, which is inherited", lambda c: c.update(optimizer={"sgd": {}}, extends="b.yaml"), True),
    ("a key taken away from what is inherited", lambda c: c.update(schedule=None, extends="b.yaml"), True),
    ("the same below", lambda c: c["train"].update(clip=None), True),
    ("a null for a layer's key", lambda c: layers(c)[0]["conv"].update(bias=None), False),
    ("a block", lambda c: (c.update(blocks()), layers(c).append({"basic": {"c": 4}})), True),
    ("a block that is inherited", lambda c: (c.update(extends="b.yaml"), layers(c).append({"basic": {"c": 4}})), True),
    ("PyTorch's name beside blocks", lambda c: (c.update(blocks()), layers(c).append({"Conv2d": {}})), False),
    ("the same, alone", lambda c: (c.update(blocks()), layers(c).append("BatchNorm2d")), False),
    ("another case beside blocks", lambda c: (c.update(blocks()), layers(c).append("ReLU")), False),
    ("PyTorch's name in a block", lambda c: (c.update(blocks()), c["blocks"]["basic"]["layers"].append("MaxPool2d")), False),
    ("a misspelled key beside blocks", lambda c: (c.update(blocks()), layers(c).append({"relu": {"inplace": True}})), False),
]


def layers(config):
    return config["model"]["layers"]


def blocks():
    return yaml.load(BLOCKS, Loader)


def main():
    dltool = sys.argv[1]
    schema = json.loads(subprocess.run([dltool, "docs", "schema"], check=True, capture_output=True, text=True).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    failures = []
    configs = sorted((ROOT / "configs").rglob("*.yaml"))
    for path in configs:
        for error in validator.iter_errors(yaml.load(path.read_text(), Loader)):
            best = jsonschema.exceptions.best_match([error])
            failures.append(f"{path.relative_to(ROOT)}: {list(best.absolute_path)}: {best.message[:200]}")
    for what, change, valid in CHANGES:
        config = copy.deepcopy(yaml.load(GOOD, Loader))
        change(config)
        if validator.is_valid(config) != valid:
            failures.append(f"{what}: {'is refused' if valid else 'passes'}")
    for failure in failures:
        print(failure)
    print(f"{len(configs)} configs, {len(CHANGES)} changes: {len(failures)} failures")
    return 1 if failures or len(configs) < 60 else 0


if __name__ == "__main__":
    sys.exit(main())
