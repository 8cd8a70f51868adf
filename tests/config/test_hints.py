"""Mistakes that beginners make in a YAML file: the sentence names their cause, and suggests only what is alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import problems, written

from nbcnn.config import Overrides
from nbcnn.util.suggestions import closest

NET = """\
name: net
input: {channels: 1, height: 28, width: 28}
layers:
  - conv2d: {out_channels: 6, kernel_size: 5}
  - relu
  - flatten
  - linear: {out_features: 10}
"""

# What is replaced in NET, by what, and how the one problem begins.
CHANGED = {
    "tab before a comment": ("- relu", "- relu\t# act", "5:9: not valid YAML: a tab stands before the comment; put a space"),
    "tab after a mapping": ("5}", "5}\t# c", "4:46: not valid YAML: a tab stands before the comment; put a space"),
    "tab at the end": ("- relu", "- relu\t", "5:9: not valid YAML: a tab stands at the end of the line; delete it"),
    "tab after the colon": ("name: net", "name:\tnet", "1:6: not valid YAML: a tab stands between two words; use a space"),
    "tab as indentation": ("  - relu", "\t- relu", "5:1: not valid YAML: a tab can't indent; use spaces"),
    "no space after a colon": ("name: net", "name:net", "1:5: not valid YAML: put a space after the colon, as in name: net"),
    "no space before braces": ("input: {", "input:{", "2:6: not valid YAML: put a space after the colon, as in input: ..."),
    "no space in a layer": ("conv2d: {", "conv2d:{", "4:11: not valid YAML: put a space after the colon, as in conv2d"),
    "no space in braces": ("kernel_size: 5", "kernel_size:5", "4:31: layers[0].conv2d.kernel_size:5: unknown key 'kernel_size:5'; put a space after the colon, as in kernel_size: 5"),
    "no space after a layer": ("linear: {out_features: 10}", "linear:10", "7:5: layers[3]: unknown layer 'linear:10'; put a space after the colon"),
    "equals sign": ("name: net", "name = net", "1:5: not valid YAML: write a colon and a space for the =, as in name: net"),
    "too far in": ("  - flatten", "   - flatten", "5:5: layers[1]: unknown layer 'relu - flatten'; '- flatten' is indented further than '- relu' above it; entries of one list must line up"),
    "too far in after braces": ("  - relu", "   - relu", "5:4: not valid YAML: this '-' stands 1 column right of that in line 4; entries of one list must line up"),
    "too far in with braces": ("  - linear", "    - linear", "7:5: not valid YAML: this '-' stands 2 columns right of that in line 6; entries"),
    "too far out": ("  - flatten", " - flatten", "6:2: not valid YAML: this '-' stands 1 column left of that in line 5; entries"),
    "no dash": ("  - flatten", "  flatten", "6:3: not valid YAML: a '- ' is missing before this entry of the list"),
    "no dash, further in": ("  - linear", "    linear", "7:5: not valid YAML: a '- ' is missing before this entry of the list"),
    "no-break space": ("  - relu", "\u00a0\u00a0- relu", "5:1: not valid YAML: this is a no-break or another special space"),
    "open braces": ("size: 5}", "size: 5", "7:11: not valid YAML: a ',' or the closing '}' is missing; the '{' stands in line 4"),
    "merge conflict": ("  - relu", "<<<<<<< HEAD\n  - relu", "5:1: this line is left over from a merge conflict"),
    "Keras' layer": ("linear: {out", "Dense: {out", "7:5: layers[3].Dense: unknown layer 'Dense'; did you mean linear?"),
    "Keras' batch norm": ("- relu", "- BatchNormalization", "5:5: layers[1]: unknown layer 'BatchNormalization'; did you mean batch_norm2d?"),
    "PyTorch's call": ("- relu", "- nn.ReLU()", "5:5: layers[1]: unknown layer 'nn.ReLU()'; did you mean relu?"),
    "PyTorch's arguments": ("- relu", "- Conv2d(1, 6, 5)", "5:5: layers[1]: unknown layer 'Conv2d(1, 6, 5)'; did you mean conv2d?"),
    "adaptive pooling": ("- relu", "- AdaptiveAvgPool2d", "5:5: layers[1]: unknown layer 'AdaptiveAvgPool2d'; did you mean adaptive_avg_pool2d?"),
    "what nbcnn lacks": ("- relu", "- resnet", "5:5: layers[1]: unknown layer 'resnet'; known: adaptive_avg_pool2d, avg_pool2d"),
    "another activation": ("- relu", "- LeakyReLU", "5:5: layers[1]: unknown layer 'LeakyReLU'; did you mean leaky_relu?"),
    "an activation by another name": ("- relu", "- swish", "5:5: layers[1]: unknown layer 'swish'; did you mean silu?"),
    "an activation that nbcnn lacks": ("- relu", "- PReLU", "5:5: layers[1]: unknown layer 'PReLU'; known: adaptive_avg_pool2d, avg_pool2d"),
    "Keras' argument": ("{out_features", "{units", "7:14: layers[3].linear.units: unknown key 'units'; did you mean out_features?"),
    "activation as an argument": ("size: 5", "size: 5, activation: relu", "4:47: layers[0].conv2d.activation: unknown key 'activation'; it is a layer of its own"),
    "activation as a layer": ("- relu", "- Activation: relu", "5:5: layers[1].Activation: unknown layer 'Activation'; write the function itself as a layer"),
    "type as a key": ("conv2d: {out", "{type: conv2d, out", "4:5: layers[0]: expected one layer, got 3 keys (type, out_channels, kernel_size); the name is the key and arguments stand below it, as in conv2d: {out_channels: ...}"),
    "argument as a layer": ("- relu", "- stride: 2", "5:5: layers[1].stride: unknown layer 'stride'; it is an argument; write the layer first, as in conv2d: {stride: ...}"),
    "model": ("layers:", "model:", "3:1: model: unknown key 'model'; did you mean layers?"),
}  # fmt: skip

ADDED = {
    "lr in train": ("train: {lr: 0.01}", "8:9: train.lr: unknown key 'lr'; it belongs to the optimizer: train.optimizer.sgd.lr, as in train: {optimizer: {sgd: {lr: 0.01}}}"),
    "learning_rate beside adam": ("train: {learning_rate: 1, optimizer: adam}", "8:9: train.learning_rate: unknown key 'learning_rate'; it belongs to the optimizer: train.optimizer.adam.lr"),
    "learning_rate at the top": ("learning_rate: 0.5", "8:1: learning_rate: unknown key 'learning_rate'; it belongs to the optimizer: train.optimizer.sgd.lr"),
    "learning_rate in sgd": ("train: {optimizer: {sgd: {learning_rate: 1}}}", "8:27: train.optimizer.sgd.learning_rate: unknown key 'learning_rate'; did you mean lr?"),
    "lr as an optimizer": ("train: {optimizer: {lr: 1}}", "8:21: train.optimizer.lr: unknown optimizer 'lr'; it is an argument; write the optimizer first, as in sgd: {lr: ...}"),
    "name of an optimizer": ("train: {optimizer: {name: sgd, lr: 1}}", "8:20: train.optimizer: expected one optimizer, got 2 keys (name, lr); the name is the key and arguments stand below it, as in sgd: {lr: ...}"),
    "scheduler": ("train: {scheduler: cosine}", "8:9: train.scheduler: unknown key 'scheduler'; the learning rate's is train.schedule, as in train: {schedule: {cosine: {eta_min: 0.001}}}"),
    "schedule at the top": ("schedule: cosine", "8:1: schedule: unknown key 'schedule'; the learning rate's is train.schedule, as in train:"),
    "warmup_epochs": ("train: {warmup_epochs: 5}", "8:9: train.warmup_epochs: unknown key 'warmup_epochs'; linear warm-up is train.warmup, as in train: {warmup: {epochs: 2}}"),
    "PyTorch's name of a schedule": ("train: {schedule: {CosineAnnealingLR: {T_max: 3}}}", "8:20: train.schedule.CosineAnnealingLR: unknown schedule 'CosineAnnealingLR'; did you mean cosine? (known: constant, cosine, multi_step, one_cycle, reduce_on_plateau, step)"),
    "arguments of a schedule without its name": ("train: {schedule: {step_size: 3, gamma: 0.1}}", "8:19: train.schedule: expected one schedule, got 2 keys (step_size, gamma); arguments go one level deeper than the name, as in cosine: {T_max: 10}"),
    "mode of a plateau": ("train: {schedule: {reduce_on_plateau: {mode: max}}}", "8:40: train.schedule.reduce_on_plateau.mode: unknown key 'mode'; it follows from the metric: a loss falls"),
    "steps of one_cycle": ("train: {schedule: {one_cycle: {total_steps: 100}}}", "8:32: train.schedule.one_cycle.total_steps: unknown key 'total_steps'; it is all steps of the training"),
    "loss": ("train: {loss: mse}", "8:9: train.loss: unknown key 'loss'; the loss is always cross-entropy; leave it out"),
    "batch": ("train: {batch: 3}", "8:9: train.batch: unknown key 'batch'; did you mean batch_size?"),
    "no space after a colon": ("train:\n  epochs:3\n  batch_size: 4", "9:9: not valid YAML: put a space after the colon, as in epochs: 3"),
    "no space, the only key": ("train:\n  epochs:3", "9:3: train: expected a mapping with keys such as epochs, batch_size, optimizer, init, got 'epochs:3'; write a colon and a space, as in epochs: 3"),
    "Windows path": ('data: {folder: "C:\\users\\me"}', "8:21: not valid YAML: in double quotes a backslash begins a special character; put the text in single quotes, or write a path with /"),
    "Windows path, hexadecimal": ('data: {folder: "D:\\xrays"}', "8:21: not valid YAML: in double quotes a backslash begins a special character"),
    "Windows path, unknown": ('data: {folder: "C:\\My"}', "8:20: not valid YAML: in double quotes a backslash begins a special character"),
    "another optimizer": ("train: {optimizer: RMSprop}", "8:20: train.optimizer: unknown optimizer 'RMSprop'; did you mean rmsprop?"),
}  # fmt: skip

OTHER_FORMATS = {
    "Darknet": ("[net]\nbatch=64\n[convolutional]\nfilters=32\n", "1:1: this looks like an INI, TOML or Darknet file, not YAML"),
    "INI alone": ("; comment\n[net]\n", "2:1: this looks like an INI"),
    "TOML": ('name = "x"\n', "1:1: expected keys such as name, input and layers at the top, got 'name = \"x\"'; write a colon and a space, as in name: \"x\""),
    "Caffe": ('name: "LeNet"\nlayer {\n  name: "data"\n}\n', "2:1: this looks like a Caffe (prototxt) file, not YAML"),
    "Python": ("import torch\nclass Net(nn.Module):\n    def f(self):\n        pass\n", "1:1: this looks like Python, not YAML"),
    "XML": ("<?xml version='1.0'?>\n<net/>\n", "1:1: this looks like XML or HTML, not YAML"),
    "Markdown": (f"```yaml\n{NET}```\n", "1:1: this line (```) is Markdown's"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), CHANGED.values(), ids=CHANGED)
def test_a_mistake_in_a_network_is_told_by_its_cause(old: str, new: str, told: str, tmp_path: Path) -> None:
    assert old in NET
    (problem, *_) = problems(written(tmp_path, NET.replace(old, new, 1)))
    assert problem.startswith(f"x.yaml:{told}"), problem


@pytest.mark.parametrize(("section", "told"), ADDED.values(), ids=ADDED)
def test_a_mistake_after_a_network_is_told_by_its_cause(section: str, told: str, tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, f"{NET}{section}\n"))
    assert problem.startswith(f"x.yaml:{told}"), problem


@pytest.mark.parametrize(("text", "told"), OTHER_FORMATS.values(), ids=OTHER_FORMATS)
def test_a_file_of_another_format_is_called_so(text: str, told: str, tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, text))
    assert problem.startswith(f"x.yaml:{told}"), problem


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("train.lr=0.1", "--set train.lr=0.1: train.lr: unknown key 'lr'; it belongs to the optimizer: train.optimizer.adam.lr"),
        ("lr=0.1", "--set lr=0.1: lr: unknown key 'lr'; did you mean train.optimizer.adam.lr?"),
        ("train.optimizer.lr=1", "--set train.optimizer.lr=1: lr is an argument of adam; write train.optimizer.adam.lr"),
        ("train.optimizer.learning_rate=1", "--set train.optimizer.learning_rate=1: learning_rate is an argument of adam; write train.optimizer.adam.lr"),
    ],
)  # fmt: skip
def test_what_people_set(text: str, told: str, tmp_path: Path) -> None:
    file = written(tmp_path, NET + "train: {optimizer: {adam: {lr: 0.001}}}\n")
    (problem,) = problems(file, Overrides(sets=(text,)))
    assert problem.startswith(told), problem


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("trian", "train"), ("sdg", "sgd"), ("MaxPool2d", "max_pool2d"), ("shuffel", "shuffle"), ("fashion", "fashion-mnist"),
        ("residual", None), ("scheduler", None), ("resnet", None), ("selu", None), ("version", None), ("help", None),
        ("vgg", None), ("activation", None), ("momentum", None), ("cifar10", None),
    ],
)  # fmt: skip
def test_only_what_is_alike_is_suggested(wrong: str, meant: str | None) -> None:
    known = "train sgd max_pool2d shuffle fashion-mnist fashion-mnist-mini relu lenet eval fft dilation augment mnist layers"
    assert closest(wrong, known.split()) == meant
