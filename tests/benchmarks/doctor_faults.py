"""Trainings drawn by seed, healthy and with one planted fault each, for tests/benchmarks/doctor.py and the tests.

A fault is planted in a healthy training: its config, its images or its labels are changed in the one way that the
function here says. ``expected`` are the rules that name its cause; ``mend`` is None where a rule's ``--set`` has to mend
it, and ``data`` where the images or labels themselves have to be mended.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from nbcnn.config import load_config
from nbcnn.data import load_dataset

Arrays = tuple[np.ndarray, np.ndarray]
SIZE, TRAIN, TEST = 14, 1200, 400


@dataclass(frozen=True)
class Setting:
    """A config, and training and test images (N, C, 14, 14) with their labels."""

    config: dict[str, Any]
    train: Arrays
    test: Arrays
    family: str = ""

    def changed(self, **train: Any) -> Setting:
        """With other training settings."""
        config = deepcopy(self.config)
        config["train"] |= train
        return replace(self, config=config)


@cache
def pool() -> tuple[Arrays, Arrays]:
    """The embedded images, four pixels made one."""
    data = load_dataset(load_config("lenet").data)
    splits = []
    for split in (data.train, data.test):
        small = split.images.reshape(-1, 1, SIZE, 2, SIZE, 2).mean(axis=(3, 5))
        splits.append((np.rint(small).astype(np.uint8), split.labels))
    return splits[0], splits[1]


def healthy(seed: int) -> Setting:
    """A training that learns: one of several families of networks and optimizers."""
    rng = np.random.RandomState(seed)
    (x, y), (tx, ty) = pool()
    chosen, judged = rng.permutation(len(x))[:TRAIN], rng.permutation(len(tx))[:TEST]
    family = ("sigmoid", "relu", "tanh", "batch_norm", "mlp")[rng.randint(5)]
    config = _network(family, rng)
    config["data"] = {"mean": [0.286], "std": [0.33]}
    if rng.rand() < 0.5:
        config["data"]["validation"] = 0.15
    return Setting(config, (x[chosen], y[chosen]), (tx[judged], ty[judged]), family)


def _network(family: str, rng: np.random.RandomState) -> dict[str, Any]:
    first, second, hidden = int(rng.randint(4, 9)), int(rng.randint(8, 17)), int(rng.randint(24, 49))
    kind = {"batch_norm": "relu", "mlp": "relu"}.get(family, family)
    pool_kind = {kind: "max_pool2d"}.get("relu", "avg_pool2d")
    norm = ["batch_norm2d"] if family == "batch_norm" else []
    layers: list[Any] = []
    if family == "mlp":
        layers = ["flatten", {"linear": {"out_features": 2 * hidden}}, "relu"]
        if rng.rand() < 0.4:
            layers.append({"dropout": {"p": 0.2}})
        layers += [{"linear": {"out_features": hidden}}, "relu", {"linear": {"out_features": 10}}]
    else:
        for channels in (first, second):
            bias = {} if family != "batch_norm" else {"bias": False}
            layers += [{"conv2d": {"out_channels": channels, "kernel_size": 3, "padding": 1, **bias}}, *norm, kind]
            layers.append({pool_kind: {"kernel_size": 2}})
        layers += ["flatten", {"linear": {"out_features": hidden}}, kind, {"linear": {"out_features": 10}}]
    adam = rng.rand() < 0.6
    low, high = {"sigmoid": (0.006, 0.02), "tanh": (0.002, 0.006), "batch_norm": (0.002, 0.008)}.get(
        family, (0.001, 0.004)
    )
    if not adam:
        low, high = {"sigmoid": (0.4, 1.0), "tanh": (0.05, 0.2), "batch_norm": (0.02, 0.1)}.get(family, (0.02, 0.06))
    rate = float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.2g}")
    momentum = 0.9 if not adam and rng.rand() < 0.4 and family != "sigmoid" else 0.0
    if momentum:
        rate = float(f"{rate / 5:.2g}")
    optimizer = {"adam": {"lr": rate}} if adam else {"sgd": {"lr": rate, "momentum": momentum}}
    return {
        "name": family.replace("_", "-"),
        "input": {"channels": 1, "height": SIZE, "width": SIZE},
        "layers": layers,
        "train": {
            "epochs": 12 if family == "sigmoid" else int(rng.randint(6, 9)),
            "batch_size": int(rng.choice([16, 32])),
            "optimizer": optimizer,
            "init": "xavier_uniform" if kind != "relu" else "kaiming_uniform",
            "seed": int(rng.randint(1000)),
            "threads": 1,
        },
    }


@dataclass(frozen=True)
class Fault:
    """A healthy setting and the same with a fault; ``score`` is what the fault spoils, higher is better."""

    name: str
    before: Setting
    after: Setting
    expected: tuple[str, ...]
    score: str = "accuracy"
    mend: str = "sets"


Plant = Callable[[np.random.RandomState, int], Fault]
FAULTS: dict[str, Plant] = {}


def fault(plant: Plant) -> Plant:
    """Make a fault known by its function's name."""
    FAULTS[plant.__name__] = plant
    return plant


def of_family(seed: int, *families: str) -> Setting:
    """The first healthy setting of one of these families, from a seed on."""
    while (setting := healthy(seed)).family not in families:
        seed += 100_000
    return setting


ALL = ("sigmoid", "relu", "tanh", "batch_norm", "mlp")


def _optimizer(setting: Setting, factor: float) -> dict[str, Any]:
    """The optimizer with another learning rate."""
    ((name, own),) = setting.config["train"]["optimizer"].items()
    return {name: own | {"lr": float(f"{own['lr'] * factor:.2g}")}}


@fault
def step_too_large(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, "relu", "tanh", "mlp", "sigmoid")
    after = setting.changed(optimizer=_optimizer(setting, float(rng.choice([100, 300, 1000]))))
    return Fault("step_too_large", setting, after, ("step_too_large",))


@fault
def diverging_step(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, "relu", "mlp", "tanh")
    rate = float(rng.choice([1e6, 1e12, 1e30]))
    after = setting.changed(optimizer={"sgd": {"lr": rate}})
    return Fault("diverging_step", setting, after, ("step_too_large",))


@fault
def step_too_small(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, *ALL)
    after = setting.changed(optimizer=_optimizer(setting, float(rng.choice([1e-3, 3e-4, 1e-4]))))
    return Fault("step_too_small", setting, after, ("step_too_small",))


@fault
def momentum_too_large(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, "relu", "tanh", "mlp", "batch_norm").changed(
        optimizer={"sgd": {"lr": float(rng.choice([0.02, 0.03])), "momentum": 0.9}}
    )
    rate = setting.config["train"]["optimizer"]["sgd"]["lr"]
    after = setting.changed(optimizer={"sgd": {"lr": rate, "momentum": float(rng.choice([0.995, 0.999]))}})
    return Fault("momentum_too_large", setting, after, ("momentum_too_large",))


@fault
def deep_sigmoids(rng: np.random.RandomState, seed: int) -> Fault:
    """Five to seven sigmoid layers, one after the other, and SGD."""
    setting = of_family(seed, "mlp")
    deep: list[Any] = []
    shallow: list[Any] = []
    for number in range(int(rng.randint(5, 8))):
        deep += [{"linear": {"out_features": 32}}, "sigmoid"]
        shallow += [{"linear": {"out_features": 32}}, "relu"] if number < 2 else []
    ends = ["flatten"], [{"linear": {"out_features": 10}}]
    before = with_layers(setting, [*ends[0], *shallow, *ends[1]]).changed(optimizer={"sgd": {"lr": 0.1}})
    after = with_layers(before, [*ends[0], *deep, *ends[1]]).changed(init="xavier_uniform")
    return Fault("deep_sigmoids", before, after, ("vanishing_gradients",))


def with_layers(setting: Setting, layers: list[Any]) -> Setting:
    """With other layers."""
    return replace(setting, config=deepcopy(setting.config) | {"layers": layers})


@fault
def growing_blocks(rng: np.random.RandomState, seed: int) -> Fault:
    """Many skip connections and no norm: each block makes what it gets larger."""
    setting = of_family(seed, "mlp")
    block = {"residual": {"body": [{"linear": {"out_features": 32}}, "relu", {"linear": {"out_features": 32}}]}}
    ends = ["flatten", {"linear": {"out_features": 32}}, "relu"], [{"linear": {"out_features": 10}}]
    rate = {"sgd": {"lr": 0.03}}
    before = with_layers(setting, [*ends[0], block, *ends[1]]).changed(optimizer=rate)
    after = with_layers(before, [*ends[0], *[deepcopy(block) for _ in range(int(rng.randint(7, 11)))], *ends[1]])
    return Fault("growing_blocks", before, after, ("exploding_gradients",))


@fault
def statistics_in_bytes(rng: np.random.RandomState, seed: int) -> Fault:
    """``data.mean`` and ``data.std`` of pixels that go to 255."""
    setting = of_family(seed, *ALL)
    return Fault("statistics_in_bytes", setting, with_data(setting, mean=[72.9], std=[84.2]), ("unscaled_inputs",))


@fault
def pixels_to_255(rng: np.random.RandomState, seed: int) -> Fault:
    """Pixels as they are in the file."""
    setting = of_family(seed, "sigmoid", "tanh", "relu", "mlp")
    return Fault("pixels_to_255", setting, with_data(setting, mean=[0.0], std=[1 / 255]), ("unscaled_inputs",))


@fault
def nearly_black(rng: np.random.RandomState, seed: int) -> Fault:
    """Images of 0 and 1, saved as bytes."""
    setting = of_family(seed, *ALL)
    level = int(rng.choice([51, 64, 85]))
    after = with_images(setting, lambda x: x // level)
    before = with_images(setting, lambda x: x // level * (255 // (255 // level)))
    return Fault("nearly_black", before, after, ("unscaled_inputs",))


def with_data(setting: Setting, **data: Any) -> Setting:
    """With other settings of the data."""
    config = deepcopy(setting.config)
    config["data"] |= data
    return replace(setting, config=config)


def with_images(
    setting: Setting, change: Callable[[np.ndarray], np.ndarray], train: bool = True, test: bool = True
) -> Setting:
    """With other images."""
    (x, y), (tx, ty) = setting.train, setting.test
    return replace(setting, train=(change(x) if train else x, y), test=(change(tx) if test else tx, ty))


@fault
def shuffled_labels(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, *ALL)
    (x, y), (tx, ty) = setting.train, setting.test
    after = replace(setting, train=(x, rng.permutation(y)), test=(tx, rng.permutation(ty)))
    return Fault("shuffled_labels", setting, after, ("shuffled_labels",), mend="data")


@fault
def shuffled_training_labels(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, *ALL)
    after = replace(setting, train=(setting.train[0], rng.permutation(setting.train[1])))
    return Fault("shuffled_training_labels", setting, after, ("shuffled_labels",), mend="data")


@fault
def moved_labels(rng: np.random.RandomState, seed: int) -> Fault:
    """One label is missing at the beginning."""
    setting = of_family(seed, *ALL)
    (x, y), (tx, ty) = setting.train, setting.test
    after = replace(setting, train=(x, np.roll(y, int(rng.choice([-1, 1, 2])))), test=(tx, np.roll(ty, 1)))
    return Fault("moved_labels", setting, after, ("shuffled_labels",), mend="data")


@fault
def renumbered_test_labels(rng: np.random.RandomState, seed: int) -> Fault:
    setting = with_data(of_family(seed, *ALL), validation=None)
    shift = int(rng.randint(1, 9))
    after = replace(setting, test=(setting.test[0], (setting.test[1] + shift) % 10))
    return Fault("renumbered_test_labels", setting, after, ("test_labels_differ",), mend="data")


@fault
def inverted_test_images(rng: np.random.RandomState, seed: int) -> Fault:
    setting = with_data(of_family(seed, *ALL), validation=None)
    after = with_images(setting, lambda x: 255 - x, train=False)
    return Fault("inverted_test_images", setting, after, ("test_images_differ",), mend="data")


@fault
def swapped_layout(rng: np.random.RandomState, seed: int) -> Fault:
    """Colour images, channels last, that were reshaped to channels first."""
    setting = of_family(seed, "relu", "tanh", "batch_norm", "sigmoid")
    setting = replace(
        setting, config=deepcopy(setting.config) | {"input": {"channels": 3, "height": SIZE, "width": SIZE}}
    )
    tints = rng.uniform(0.3, 1, (20, 3, 1, 1))

    def coloured(x: np.ndarray) -> np.ndarray:
        return np.rint(x * tints[rng.randint(20, size=len(x))]).astype(np.uint8)

    before = with_images(setting, coloured)
    after = with_images(before, lambda x: np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(x.shape))
    return Fault("swapped_layout", before, after, ("swapped_layout",), score="none", mend="data")


@fault
def over_fitting(rng: np.random.RandomState, seed: int) -> Fault:
    """Few images, many epochs, more units."""
    setting = of_family(seed, "mlp")
    (x, y), hidden = setting.train, int(rng.randint(150, 250))
    layers = ["flatten", {"linear": {"out_features": hidden}}, "relu", {"linear": {"out_features": hidden}}, "relu"]
    before = with_layers(setting, [*layers, {"linear": {"out_features": 10}}])
    before = before.changed(optimizer={"adam": {"lr": 0.001}}, epochs=4, batch_size=16)
    after = replace(before.changed(epochs=40), train=(x[:300], y[:300]))
    return Fault("over_fitting", before, after, ("over_fitting",), score="losses")


@fault
def class_imbalance(rng: np.random.RandomState, seed: int) -> Fault:
    """Few images of some classes, a third of what they have in the healthy training."""
    setting = with_data(of_family(seed, "relu", "tanh", "mlp"), validation=None)
    rare = rng.permutation(10)[: int(rng.randint(3, 6))]
    before, after = (with_few(setting, rare, count) for count in (30, 10))
    return Fault("class_imbalance", before, after, ("class_imbalance",), score="balanced")


def with_few(setting: Setting, rare: np.ndarray, count: int) -> Setting:
    """With so many training images of the rare classes."""
    (x, y) = setting.train
    kept = np.ones(len(y), bool)
    for label in rare:
        kept[np.flatnonzero(y == label)[count:]] = False
    return replace(setting, train=(x[kept], y[kept]))


@fault
def batch_norm_momentum(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, "batch_norm")
    momentum = float(rng.choice([0.0, 0.0003, 0.001]))
    layers = [
        {"batch_norm2d": {"momentum": momentum}} if one == "batch_norm2d" else one for one in setting.config["layers"]
    ]
    return Fault("batch_norm_momentum", setting, with_layers(setting, layers), ("batch_norm_statistics",))


@fault
def leaking_test_images(rng: np.random.RandomState, seed: int) -> Fault:
    setting = with_data(of_family(seed, *ALL), validation=None)
    share = int(rng.choice([20, 100, 300]))
    (x, y), (tx, ty) = setting.train, setting.test
    leaking = np.concatenate([tx[share:], x[:share]]), np.concatenate([ty[share:], y[:share]])
    return Fault(
        "leaking_test_images", setting, replace(setting, test=leaking), ("leaking_test_images",), "none", "data"
    )


@fault
def activation_at_the_end(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, *ALL)
    last = str(rng.choice(["sigmoid", "relu", "tanh"]))
    after = with_layers(setting, [*setting.config["layers"], last])
    return Fault("activation_at_the_end", setting, after, ("last_layer_activation",), score="loss")


@fault
def sorted_classes(rng: np.random.RandomState, seed: int) -> Fault:
    """Images in the order of their classes, not shuffled."""
    setting = of_family(seed, *ALL)
    (x, y) = setting.train
    order = np.argsort(y, kind="stable")
    after = replace(setting.changed(shuffle=False), train=(x[order], y[order]))
    return Fault("sorted_classes", setting, after, ("unshuffled_classes",))


@fault
def weight_decay_too_large(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, "relu", "tanh", "mlp", "sigmoid")
    ((name, own),) = setting.config["train"]["optimizer"].items()
    decay = {"adam": {"adamw": {"lr": own["lr"], "weight_decay": float(rng.choice([10, 30]))}}}.get(name)
    after = setting.changed(optimizer=decay or {"sgd": own | {"weight_decay": float(rng.choice([0.3, 1]))}})
    return Fault("weight_decay_too_large", setting, after, ("weight_decay_too_large",))


@fault
def clipping_too_tight(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, "relu", "tanh", "mlp").changed(optimizer={"sgd": {"lr": 0.05}})
    after = setting.changed(clip_grad_norm=float(rng.choice([1e-4, 1e-3, 3e-3])))
    return Fault("clipping_too_tight", setting, after, ("clipping_too_tight",))


@fault
def rate_decays_too_early(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, "relu", "tanh", "batch_norm", "mlp")
    gamma = float(rng.choice([0.1, 0.01, 0.001]))
    setting = setting.changed(optimizer=_optimizer(setting, 0.3))
    after = setting.changed(schedule={"step": {"step_size": 1, "gamma": gamma}})
    return Fault("rate_decays_too_early", setting, after, ("rate_decays_too_early",))


@fault
def dropout_too_large(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, "relu", "tanh", "batch_norm", "mlp")
    layers = [one for one in setting.config["layers"] if not (isinstance(one, dict) and "dropout" in one)]
    before = with_layers(setting, layers)
    p = float(rng.choice([0.9, 0.95, 0.98]))
    return Fault(
        "dropout_too_large",
        before,
        with_layers(before, [*layers[:-1], {"dropout": {"p": p}}, layers[-1]]),
        ("dropout_too_large",),
    )


@fault
def too_few_steps(rng: np.random.RandomState, seed: int) -> Fault:
    """One batch is all images, or half of them."""
    setting = of_family(seed, "relu", "tanh", "mlp", "sigmoid").changed(epochs=6)
    after = setting.changed(batch_size=int(rng.choice([400, 600, 1200])))
    return Fault("too_few_steps", setting, after, ("too_few_steps",))


@fault
def augmentation_too_strong(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, *ALL)
    after = setting.changed(augment={"random_crop": {"padding": int(rng.randint(11, 14))}})
    return Fault("augmentation_too_strong", setting, after, ("augmentation_too_strong",))


@fault
def average_lags(rng: np.random.RandomState, seed: int) -> Fault:
    setting = of_family(seed, "relu", "tanh", "mlp")
    after = setting.changed(ema={"decay": float(rng.choice([0.9995, 0.9999]))})
    return Fault("average_lags", setting, after, ("average_lags",))
