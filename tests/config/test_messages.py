"""Mistakes in a config: each is told in one sentence with its place, all at once, in plain words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from configs import HEAD, TINY, cases, problems, written
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nbcnn.config import Overrides, load_config
from nbcnn.config.messages import expected, explain
from nbcnn.config.tree import Tree
from nbcnn.errors import ConfigError

# Entries of a list of layers, the dash before them left out.
LAYERS_WRONG = r"""
conv2d: {kernel_size: 5}
    4:3: layers[0].conv2d: out_channels is missing; expected a whole number of at least 1
linear: {out_features: 5, biass: true}
    4:29: layers[0].linear.biass: unknown key 'biass'; did you mean bias? (known: backend, bias, out_features)
flatten: {x: 1}
    4:13: layers[0].flatten.x: unknown key 'x'; there is nothing to set here
linear: {out_features: five}
    4:26: layers[0].linear.out_features: expected a whole number of at least 1, got 'five'
linear: {out_features: 0}
    4:26: layers[0].linear.out_features: expected a whole number of at least 1, got 0
linear: {out_features: true}
    4:26: layers[0].linear.out_features: expected a whole number of at least 1, got true
linear: {out_features: 1.5}
    4:26: layers[0].linear.out_features: expected a whole number of at least 1, got 1.5
linear: {out_features: 1, bias: 1}
    4:35: layers[0].linear.bias: expected true or false, got 1
linear: {out_features: 1, backend: 1}
    4:38: layers[0].linear.backend: expected text, or null, got 1
linear: {out_features: 1, backend: dirct}
    4:38: layers[0].linear.backend: unknown backend 'dirct' for linear; did you mean direct? (known:
conv2d: {out_channels: 1, kernel_size: [5]}
    4:42: layers[0].conv2d.kernel_size: expected a whole number of at least 1, or a list of two (rows, columns), got [5]
conv2d: {out_channels: 1, kernel_size: [5, 5, 5]}
    4:42: layers[0].conv2d.kernel_size: expected a whole number of at least 1, or a list of two (rows, columns), got [5,
conv2d: {out_channels: 1, kernel_size: five}
    4:42: layers[0].conv2d.kernel_size: expected a whole number of at least 1, or a list of two (rows, columns), got 'fi
max_pool2d: {kernel_size: 2, stride: [5, 0]}
    4:44: layers[0].max_pool2d.stride[1]: expected a whole number of at least 1, got 0
max_pool2d: {kernel_size: 2, stride: 0}
    4:40: layers[0].max_pool2d.stride: expected a whole number of at least 1, or a list of two (rows, columns), or null
conv2d: {out_channels: 1, kernel_size: [5, x]}
    4:46: layers[0].conv2d.kernel_size[1]: expected a whole number of at least 1, got 'x'
linear
    4:3: layers[0].linear: out_features is missing; expected a whole number of at least 1
linear:
    4:3: layers[0].linear: out_features is missing; expected a whole number of at least 1
linear: 5
    4:11: layers[0].linear: expected arguments as {key: value, ...} (known: backend, bias, out_features), got 5
flatten: 5
    4:12: layers[0].flatten: expected arguments as {key: value, ...} (it has none), got 5
5
    4:3: layers[0]: expected the name of a layer, alone or with its arguments, got 5
conv2d: {in_channels: 1, out_channels: 2, kernel_size: 5}
    4:12: layers[0].conv2d.in_channels: unknown key 'in_channels'; it follows from the input and the layers before; leave
linear: {in_features: 9, out_features: 5}
    4:12: layers[0].linear.in_features: unknown key 'in_features'; it follows from the input and the layers before; leave
relu: {inplace: true}
    4:10: layers[0].relu.inplace: unknown key 'inplace'; it never changes a result; leave it out
conv2d: {out_channels: 2, kernelsize: 3}
    4:29: layers[0].conv2d.kernelsize: unknown key 'kernelsize'; did you mean kernel_size? (known:
softmax
    4:3: layers[0]: unknown layer 'softmax'; the loss contains softmax already; end with linear
LogSoftmax: {dim: 1}
    4:3: layers[0].LogSoftmax: unknown layer 'LogSoftmax'; the loss contains softmax already; end with linear
ReLU
    4:3: layers[0]: unknown layer 'ReLU'; did you mean relu? (known:
Sigmoid
    4:3: layers[0]: unknown layer 'Sigmoid'; did you mean sigmoid? (known:
MaxPool2d: {kernel_size: 2}
    4:3: layers[0].MaxPool2d: unknown layer 'MaxPool2d'; did you mean max_pool2d? (known:
relu6
    4:3: layers[0]: unknown layer 'relu6'; did you mean relu? (known:
conv2: {kernel_size: 5}
    4:3: layers[0].conv2: unknown layer 'conv2'; did you mean conv2d? (known:
linear:\n  out_features: 5
    4:3: layers[0]: expected one layer, got 2 keys (linear, out_features); arguments go one level deeper than the name
{}
    4:3: layers[0]: expected one layer, got 0 keys (none)
os.system: {}
    4:3: layers[0].os.system: unknown layer 'os.system'; known:
sequential: 5
    4:15: layers[0].sequential: expected a list of layers, at least one, got 5
sequential: []
    4:15: layers[0].sequential: expected a list of layers, at least one, got []
sequential: [relu, linear: {out_features: x}]
    4:45: layers[0].sequential[1].linear.out_features: expected a whole number of at least 1, got 'x'
sequential: {layers: [relu, linear: {out_features: x}]}
    4:54: layers[0].sequential.layers[1].linear.out_features: expected a whole number of at least 1, got 'x'
max_pool2d: {kernel_size: 2, padding: 2}
    4:15: layers[0].max_pool2d: padding [2, 2] is more than half of
"""

# What comes after a network that is right.
SECTIONS_WRONG = r"""
trian: {}
    4:1: trian: unknown key 'trian'; did you mean train? (known: backends, blocks, data, input, layers,
momentum: 0.9
    4:1: momentum: unknown key 'momentum'; it belongs to the optimizer: train.optimizer.sgd.momentum, as in train: {optimizer: {sgd: {momentum: 0.9}}}
lr: 0.2\ntrain: {optimizer: {adam: {lr: 0.1}}}
    4:1: lr: unknown key 'lr'; did you mean train.optimizer.adam.lr? (known here: backends,
backends: direct
    4:11: backends: expected a mapping, as in {key: value}, got 'direct'
backends: {conv3d: x}
    4:12: backends.conv3d: unknown op 'conv3d'; did you mean conv2d? (known:
backends: {conv2d: dirct}
    4:20: backends.conv2d: unknown backend 'dirct' for conv2d; did you mean direct? (known:
backends: {conv2d: 5}
    4:20: backends.conv2d: expected the name of a backend, got 5
data: mnist
    4:7: data: expected a mapping with keys such as name, folder, size, grayscale, got 'mnist'
data: {name: fashion-mnits}
    4:14: data.name: unknown data set 'fashion-mnits'; did you mean fashion-mnist
data: {name: ''}
    4:14: data.name: expected text
data: {name: mnist, folder: x}
    4:7: data: name and folder exclude one another; give the name of a data
data: {name: mnist, size: [2, 2]}
    4:27: data.size: size is for a folder of images; the data set mnist has its own
data: {grayscale: true}
    4:19: data.grayscale: grayscale is for a folder of images; the data set fash
data: {folder: x, size: 5}
    4:25: data.size: expected a list of 2 whole numbers of at least 1, or null, got 5
data: {folder: x, size: [5, 0]}
    4:29: data.size[1]: expected a whole number of at least 1, got 0
data: {mean: true}
    4:14: data.mean: expected a number, or a list of one for each input channel, got true
data: {mean: []}
    4:14: data.mean: expected a number, or a list of one for each input channel, got []
data: {validation: 0}
    4:20: data.validation: a share of 0 holds out 0 × N = 0 of N training images, and none could choose the best checkpoint; give a share above 0 and below 1, such as 0.1, or null for no
data: {validation: 1}
    4:20: data.validation: a share of 1 holds out all N of N training images, and N - N = 0 are left to train on; give a share above 0 and below 1
data: {validation: 10}
    4:20: data.validation: a share of 10 would be 10 × N of N training images, more than there are; give a share above 0 and below 1, such as 0.1, or 0.1 for 10 %, or null
data: {validation: 5000.0}
    4:20: data.validation: a share of 5000 would be 5000 × N of N training images, more than there are; give a share above 0 and below 1, such as 0.1, or null
data: {validation: -0.1}
    4:20: data.validation: a share of -0.1 would be a negative number of images; give a share
data: {validation: true}
    4:20: data.validation: expected a share above 0 and below 1, as in 0.1 for a tenth, or null, got true
data: {validation: 10%}
    4:20: data.validation: expected a share above 0 and below 1, as in 0.1 for a tenth, or null, got '10%'
data: {validaton: 0.1}
    4:8: data.validaton: unknown key 'validaton'; did you mean validation? (known:
data: {std: 0}
    4:13: data.std: expected a number above 0, or a list of one for each input channel, got 0
train: {optimizer: {sgd: {lr: '0,001'}}}
    4:31: train.optimizer.sgd.lr: expected a number above 0, got '0,001'; write a decimal point: 0.001
train: {optimizer: 5}
    4:20: train.optimizer: expected the name of an optimizer, alone or with its arguments, got 5
train: {seed: 9223372036854775808}
    4:15: the whole number 9223372036854775808 is too large; the largest is 9223372036854775807
data: {mean: [a]}
    4:15: data.mean[0]: expected a number, got 'a'
data: {std: [0]}
    4:14: data.std[0]: expected a number above 0, got 0
data: {std: [.inf]}
    4:14: data.std[0]: expected a number above 0, got '.inf'
data: {mean: [1, 2]}
    4:14: data.mean: expected 1 number or 3, one for each input channel, got 2
train: 5
    4:8: train: expected a mapping with keys such as epochs, batch_size, optimizer, init, got 5
train: {epochs: 0}
    4:17: train.epochs: expected a whole number of at least 1, got 0
train: {seed: -1}
    4:15: train.seed: expected a whole number of at least 0, got -1
train: {threads: two}
    4:18: train.threads: expected a whole number from 1 to 1024, or null, got 'two'
train: {checkpoint_every: {step: 5}}
    4:28: train.checkpoint_every.step: unknown key 'step'; did you mean steps? (known: seconds, steps)
train: {checkpoint_every: 5}
    4:27: train.checkpoint_every: expected steps or seconds, as in {steps: 200}, or null, got 5
train: {checkpoint_every: {steps: 0}}
    4:35: train.checkpoint_every.steps: expected a whole number of at least 1, or null, got 0
train: {checkpoint_every: {}}
    4:27: train.checkpoint_every: expected steps or seconds, as in {steps: 200}, or null
train: {shuffle: yes}
    4:18: train.shuffle: expected true or false, got 'yes'
train: {init: xavier}
    4:15: train.init: expected one of default, xavier_uniform, kaiming_uniform, got 'xav
train: {optimizer: adm}
    4:20: train.optimizer: unknown optimizer 'adm'; did you mean adam? (known:
train: {optimizer: {sgd: {}}}
    4:21: train.optimizer.sgd: lr is missing; expected a number above 0
train: {optimizer: {sgd: {lr: 0}}}
    4:31: train.optimizer.sgd.lr: expected a number above 0, got 0
train: {optimizer: {sgd: {lr: true}}}
    4:31: train.optimizer.sgd.lr: expected a number above 0, got true
train: {optimizer: {adam: {betas: [0.5, 1]}}}
    4:41: train.optimizer.adam.betas[1]: expected a number of at least 0 and below 1, got 1
train: {optimizer: {sgd: {lr: 1}, adam: {}}}
    4:20: train.optimizer: expected one optimizer, got 2 keys
train: {optimizer: {sgd: {lr: 1, nesterov: true}}}
    4:26: train.optimizer.sgd: nesterov needs a momentum above 0, for instance momentum: 0.9
train: {optimizer: {sgd: {lr: 1, dampening: 0.5}}}
    4:26: train.optimizer.sgd: dampening needs a momentum above 0, for instance momentum: 0.9
train: {optimizer: {sgd: {lr: 1, momentum: 0.9, nesterov: true, dampening: 0.5}}}
    4:26: train.optimizer.sgd: nesterov needs dampening: 0, got dampening: 0.5; leave one of them out
train: {schedule: {cosine: {T_max: 0}}}
    4:36: train.schedule.cosine.T_max: expected a whole number of at least 1, or null, got 0
train: {schedule: {cosine: {eta_min: 0.5}}}
    4:38: train.schedule.cosine.eta_min: the rate would rise from 0.1 to 0.5; expected at most the optimizer's lr
train: {schedule: {multi_step: {milestones: [30, 60, 45]}}}
    4:32: train.schedule.multi_step: milestones must rise, and 45 comes after 60; write each once, in order
train: {schedule: {multi_step: {milestones: [30, 30]}}}
    4:32: train.schedule.multi_step: milestones must rise, and 30 comes after 30; write each once, in order
train: {schedule: {multi_step: {milestones: []}}}
    4:45: train.schedule.multi_step.milestones: expected a list of whole numbers of at least 1, at least one, got []
train: {schedule: {multi_step: {milestones: [0, 5]}}}
    4:46: train.schedule.multi_step.milestones[0]: expected a whole number of at least 1, got 0
train: {schedule: {multi_step: {gamma: 0.1}}}
    4:20: train.schedule.multi_step: milestones is missing; expected a list of whole numbers of at least 1, at least one
train: {schedule: step}
    4:19: train.schedule.step: step_size is missing; expected a whole number of at least 1
train: {schedule: {step: {step_size: 3, gamma: 2}}}
    4:48: train.schedule.step.gamma: expected a number above 0 and of at most 1, got 2
train: {schedule: {one_cycle: {pct_start: 0}}}
    4:43: train.schedule.one_cycle.pct_start: expected a number above 0 and below 1, got 0
train: {schedule: {one_cycle: {pct_start: 1.0}}}
    4:43: train.schedule.one_cycle.pct_start: expected a number above 0 and below 1, got 1.0
train: {schedule: {one_cycle: {pct_start: 0.6, three_phase: true}}}
    4:31: train.schedule.one_cycle: 0.6 up and 0.6 down are 1.2 of the training; with three_phase pct_start is at most
train: {schedule: {one_cycle: {base_momentum: 0.9, max_momentum: 0.8}}}
    4:31: train.schedule.one_cycle: base_momentum 0.9 is above max_momentum 0.8; exchange them
train: {schedule: {reduce_on_plateau: {factor: 1}}}
    4:48: train.schedule.reduce_on_plateau.factor: expected a number above 0 and below 1, got 1
train: {schedule: {reduce_on_plateau: {min_lr: 1}}}
    4:48: train.schedule.reduce_on_plateau.min_lr: 1 is above the optimizer's lr 0.1, so the rate could never be reduced
train: {epochs: 5, warmup: {epochs: 5}}
    4:37: train.warmup.epochs: a warm-up of 5 epochs leaves 5 - 5 = 0 epochs to the schedule
train: {warmup: {}}
    4:17: train.warmup: expected one length, steps or epochs, as in {epochs: 2}, got none
train: {warmup: {steps: 5, epochs: 1}}
    4:17: train.warmup: expected one length, steps or epochs, as in {epochs: 2}, got steps: 5 and epochs: 1
train: {warmup: 5}
    4:17: train.warmup: expected steps or epochs, as in {epochs: 2}, or null, got 5
train: {schedule: one_cycle, warmup: {epochs: 1}}
    4:38: train.warmup: one_cycle warms up by itself, for its pct_start of the training; leave warmup out
train: {clip_grad_norm: 0}
    4:25: train.clip_grad_norm: expected a number above 0, or null, got 0
train: {label_smoothing: 1}
    4:26: train.label_smoothing: expected a number of at least 0 and below 1, got 1
train: {class_weights: []}
    4:24: train.class_weights: expected a list of numbers above 0, at least one, or null, got []
train: {class_weights: [1, 0]}
    4:28: train.class_weights[1]: expected a number above 0, got 0
train: {class_weights: [1, 1e-46]}
    4:28: train.class_weights[1]: 1e-46 is 0 or nearly so in float32, in which nbcnn computes; the smallest that works
train: {ema: {decay: 1}}
    4:22: train.ema.decay: expected a number above 0 and below 1, got 1
train: {ema: 0.999}
    4:14: train.ema: expected a decay, as in {decay: 0.999}, or null, got 0.999
train: {early_stopping: {}}
    4:9: train.early_stopping: patience is missing; expected a whole number of at least 1
train: {early_stopping: {patience: 0}}
    4:36: train.early_stopping.patience: expected a whole number of at least 1, got 0
train: {early_stopping: {patience: 3, metric: val_loss}}
    4:47: train.early_stopping.metric: expected one of loss, accuracy, got 'val_loss'
train: {weight_decay_on: biases}
    4:26: train.weight_decay_on: expected one of all, weights, got 'biases'
train: {optimizer: {rmsprop: {alpha: 1}}}
    4:38: train.optimizer.rmsprop.alpha: expected a number of at least 0 and below 1, got 1
"""

# Whole files.
NETWORKS_WRONG = r"""
name: ../x\ninput: {channels: 3, height: 8, width: 8}\nlayers: [flatten, linear: {out_features: 2}]\n
    1:7: name: expected a name of at most 80 letters, digits, '.', '_' and '-', got '../x'
name: 5\ninput: {channels: 3, height: 8, width: 8}\nlayers: [flatten, linear: {out_features: 2}]\n
    1:7: name: expected a name of at most 80 letters
name: tiny\ninput: {channels: 3, height: -8, width: 8}\nlayers: [flatten, linear: {out_features: 2}]\n
    2:30: input.height: expected a whole number of at least 1, got -8
name: tiny\ninput: {channels: 3, height: 8}\nlayers: [flatten, linear: {out_features: 2}]\n
    2:1: input: width is missing; expected a whole number of at least 1
name: tiny\ninput: {channels: 3, height: 8, width: 8}\nlayers: 5
    3:9: layers: expected a list of layers, at least one, got 5
name: tiny\ninput: {channels: 3, height: 8, width: 8}\nlayers: []
    3:9: layers: expected a list of layers, at least one, got []
name: tiny\ninput: {channels: 3, height: 8, width: 8}\nlayers:
    3:8: layers: expected a list of layers, at least one, got null
name: tiny\ninput: {channels: 1, height: 8, width: 8}\nlayers: [flatten, linear: {out_features: 2}]\ndata: {std: [1, 2]}
    4:13: data.std: expected 1 number, got 2
"""


@pytest.mark.parametrize(("layer", "told"), cases(LAYERS_WRONG))
def test_mistakes_in_a_layer(layer: str, told: str, tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, HEAD + "layers:\n- " + layer))
    assert problem.startswith(f"x.yaml:{told}"), problem


@pytest.mark.parametrize(("section", "told"), cases(SECTIONS_WRONG))
def test_mistakes_in_other_sections(section: str, told: str, tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, TINY + section))
    assert problem.startswith(f"x.yaml:{told}"), problem


@pytest.mark.parametrize(("network", "told"), cases(NETWORKS_WRONG))
def test_mistakes_in_the_network(network: str, told: str, tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, network))
    assert problem.startswith(f"x.yaml:{told}"), problem


def test_what_a_network_must_have(tmp_path: Path) -> None:
    assert problems(written(tmp_path, "train: {}")) == (
        "x.yaml:1:1: name is missing; expected a name of at most 80 letters, digits, '.', '_' and '-'",
        "x.yaml:1:1: input is missing; expected a mapping with keys such as channels, height, width",
        "x.yaml:1:1: layers is missing; expected a list of layers, at least one",
    )


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
train: {epochs: zero, shufle: true, optimizer: {sgd: {lr: -1}}}
name: x
input: {channels: 0, height: 8, width: 8}
layers:
  - conv2d: {out_chanels: 6, kernel_size: five, backend: fat}
  - sequential: [relux, linear: {out_features: x}]
backends: {conv3d: x, conv2d: fat, linear: 5}
data: {name: mnist, folder: x, mean: [a]}
"""
    sets = Overrides(sets=("train.sed=3", "nonsense"), backends=("conv2d=fat",), batch_size=0)
    found = problems(written(tmp_path, text), sets)
    assert [problem.partition(" ")[0] for problem in found[:13]] == [
        f"x.yaml:{place}:"
        for place in (
            "1:17", "1:23", "1:59", "3:19", "5:14", "5:43", "5:58", "6:18", "6:48", "7:12", "7:44",
            "8:7", "8:39",
        )
    ]  # fmt: skip
    assert [problem.partition(": ")[0] for problem in found[13:]] == [
        "--set train.sed=3", "--set nonsense", "--batch-size 0", "--backend conv2d=fat",
    ]  # fmt: skip
    assert not re.search(
        r"Input should|_type|_parsing|valid_|tuple|dict|NoneType|pydantic|constrained", "\n".join(found)
    )


def test_more_than_a_hundred_mistakes_are_counted(tmp_path: Path) -> None:
    found = problems(written(tmp_path, TINY + "\n".join(f"key{i}: 1" for i in range(150))))
    assert len(found) == 101
    assert found[-1] == "... and 50 more problems"


def test_mappings_have_key_paths_but_no_file() -> None:
    source: dict[str, Any] = {
        "name": "x",
        "input": {"channels": 1, "height": 1, "width": 1},
        "layers": [{"linear": {}}],
    }
    assert problems(source) == ("layers[0].linear: out_features is missing; expected a whole number of at least 1",)
    source["layers"] = ["relu"]
    for train, sentence in (
        ({"seed": 2**63}, "train.seed: the whole number is too large; the largest is 9223372036854775807"),
        ({"optimizer": {"sgd": {"lr": float("nan")}}}, "train.optimizer.sgd.lr: expected a finite number, got nan"),
        ({1: 2}, "train: expected a name as the key, got 1"),
        ({"epochs": object}, "train.epochs: expected a whole number of at least 1, got <class 'object'>"),
    ):
        assert problems({**source, "train": train}) == (sentence,)
    loop: dict[str, Any] = {}
    loop["train"] = loop
    assert problems(loop) == ("train.train.train: nested deeper than 50 levels",)


def test_a_mapping_is_neither_kept_nor_changed() -> None:
    source: dict[str, Any] = {
        "name": "x",
        "input": {"channels": 1, "height": 1, "width": 1},
        "layers": ("relu",),
        "train": {},
    }
    load_config(source, Overrides(sets=("train.optimizer.sgd.lr=5", "layers.0=sigmoid"), backends=("sigmoid=direct",)))
    assert source["layers"] == ("relu",)
    assert source["train"] == {}
    assert load_config(source).to_mapping()["train"]["optimizer"]["sgd"]["lr"] == 0.1


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("lenett", "there is no model 'lenett'; give a model's name, a YAML file or a run folder; did you mean lenet?"),
        ("no/lenett.yaml", "there is no file 'no/lenett.yaml'; give a model's name, a YAML file or a run folder$"),
        ("lenet.yaml", "there is no file 'lenet.yaml'; the model that comes with nbcnn is called lenet, without"),
        ("leaves.yaml", r"there is no file 'leaves.yaml'; did you mean leafs.yaml\?$"),
        ("runs/lenett-1", "there is no file or folder 'runs/lenett-1'; give a model's name, a YAML [^;]*$"),
        ("nul\0", r"there is no model 'nul\\x00'"),
        ("x" * 5000, r"there is no model 'xxxx.*\.\.\.'"),
        (5, "expected a model's name, a path or a mapping, got int"),
    ],
)
def test_sources_that_are_not_there(
    source: Any, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("leafs.yaml", "b.yaml", "leaves.txt"):
        written(tmp_path, TINY, name)
    with pytest.raises(ConfigError, match=f"^{sentence}"):
        load_config(source)


def test_a_checkpoint_is_no_config(tmp_path: Path) -> None:
    checkpoint = written(tmp_path, "", "best.safetensors")
    told = f"^{checkpoint} is a checkpoint, which holds parameters; "
    with pytest.raises(ConfigError, match=f"{told}give the YAML file of its network$"):
        load_config(checkpoint)
    written(tmp_path, TINY, "config.yaml")
    with pytest.raises(ConfigError, match=f"{told}its network is in .*config.yaml: .* the run folder {tmp_path}$"):
        load_config(checkpoint)


def test_a_misspelt_key_hides_no_other_mistake(tmp_path: Path) -> None:
    found = problems(written(tmp_path, HEAD + "layers:\n- conv2d: {in_channels: 1, kernelsize: 3}"))
    assert [line.partition("; ")[0] for line in found] == [
        "x.yaml:4:3: layers[0].conv2d: out_channels is missing",
        "x.yaml:4:12: layers[0].conv2d.in_channels: unknown key 'in_channels'",
        "x.yaml:4:28: layers[0].conv2d.kernelsize: unknown key 'kernelsize'",
    ]


def test_what_could_not_be_read_again_is_refused(tmp_path: Path) -> None:
    def nested(groups: int) -> Path:
        inner = "[flatten, linear: {out_features: 2}]"
        return written(tmp_path, HEAD + "layers: " + "[sequential: " * groups + inner + "]" * groups)

    config = load_config(nested(15))
    assert load_config(written(tmp_path, config.to_yaml(), "config.yaml")) == config
    (problem,) = problems(nested(20))
    assert re.match("with every default written out, .* read again: config.yaml:.*: nested deeper than 50", problem)


def test_a_folder_that_is_no_run_and_a_file_that_can_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        ConfigError, match=f"^{tmp_path} is a folder without a config.yaml; expected a run folder or a YAML"
    ):
        load_config(tmp_path)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    file = written(tmp_path, TINY)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigError, match=f"^{file}: can't be read: Permission denied"):
        load_config(file)


class Opaque:
    """A type that pydantic can't describe."""


class PluginConfig(BaseModel):
    """Fields of kinds that the built-in configs don't have."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    rate: Annotated[float, Field(ge=0, le=0.5)]
    count: Annotated[int, Field(le=9)]
    mode: Literal["only"]
    names: tuple[Literal["a", "b"], ...]
    table: dict[str, int]
    opaque: Opaque
    anything: Any
    mixed: list[Any]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("rate", "a number from 0 to 0.5"),
        ("count", "a whole number of at most 9"),
        ("mode", "only"),
        ("names", "a list of items, each one of a, b"),
        ("table", "a mapping, as in {key: value}"),
        ("opaque", "another kind of value"),
        ("anything", "another kind of value"),
        ("mixed", "a list of values"),
    ],
)
def test_the_fields_of_plugins_are_described(field: str, words: str) -> None:
    assert expected(PluginConfig, field) == words


def test_mistakes_inside_a_plugins_mapping() -> None:
    root = {"rate": 1, "count": 1, "mode": "other", "names": ["a"], "table": {"x": "y"}, "anything": 1, "mixed": [1]}
    with pytest.raises(ValidationError) as caught:
        PluginConfig.model_validate(root)
    assert [str(problem) for problem in explain(caught.value, PluginConfig, Tree(root))] == [
        "rate: expected a number from 0 to 0.5, got 1",
        "mode: expected only, got 'other'",
        "table.x: expected a whole number, got 'y'",
        "opaque is missing; expected another kind of value",
    ]
