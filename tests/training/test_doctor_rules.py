"""The doctor's rules, each on a training that it has to find and on the healthy one beside it, without any training."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from graphlib import TopologicalSorter
from itertools import product
from typing import Any

import numpy as np
import pytest

from nbcnn.config import Overrides, load_config
from nbcnn.data import Dataset, Split
from nbcnn.engine.network import Network
from nbcnn.training.doctor.data_facts import DataFacts
from nbcnn.training.doctor.diagnosis import diagnose, explains, rules
from nbcnn.training.doctor.evidence import Evidence, one_digit
from nbcnn.training.evaluation import Evaluation

LAYERS: list[Any] = [
    {"conv2d": {"out_channels": 4, "kernel_size": 3}},
    {"batch_norm2d": {"momentum": 0.1}},
    "relu",
    "flatten",
    {"linear": {"out_features": 8}},
    "sigmoid",
    {"dropout": {"p": 0.2}},
    {"linear": {"out_features": 4}},
]
CONFIG: dict[str, Any] = {
    "name": "patient",
    "input": {"channels": 2, "height": 12, "width": 12},
    "layers": LAYERS,
    "data": {"mean": [0.5], "std": [0.2]},
    "train": {"epochs": 6, "batch_size": 20, "optimizer": {"sgd": {"lr": 0.1}}, "init": "xavier_uniform"},
}


def split(seed: int, count: int = 400) -> Split:
    """Smooth images of four classes, told apart by where they are bright."""
    rng = np.random.RandomState(seed)
    labels = rng.randint(0, 4, count)
    rows, columns = np.mgrid[0:12, 0:12]
    places = np.stack([np.sin(rows / 2 + k) + np.cos(columns / 2 - 2 * k) for k in range(4)])
    x = 127 + 45 * places[labels][:, None] + rng.normal(0, 12, (count, 2, 12, 12)) + np.array([25, -25])[:, None, None]
    return Split(np.clip(x, 0, 255).astype(np.uint8), labels.astype(np.int64))


def patient() -> dict[str, Any]:
    """The parts of the evidence of a training that goes well."""
    row = {
        "epoch": 1,
        "loss": 0.8,
        "accuracy": 0.7,
        "inputs": {"mean": 0.0, "std": 1.0},
        "scores": {"lowest": -3.0, "highest": 3.0},
        "layers": {
            "0": {"weight": 1.0, "gradient": 0.5, "update": 0.01, "output": 1.0, "gradient_out": 0.01},
            "1": {"mean_drift": 0.1, "variance_drift": 1.2},
            "2": {"dead": 0.0},
            "4": {"weight": 2.0, "gradient": 0.5, "update": 0.01, "output": 1.0, "gradient_out": 0.01},
            "5": {"saturated": 0.05},
            "7": {"weight": 2.0, "gradient": 1.0, "update": 0.01, "output": 1.0, "gradient_out": 0.1},
        },
    }
    return {
        "config": deepcopy(CONFIG),
        "train": split(1),
        "test": split(2, 200),
        "rows": [deepcopy(row) | {"step": step} for step in (1, 4, 16, 20, 40, 60, 80, 100, 120)],
        "train_loss": [1.0, 0.7, 0.5, 0.4, 0.35, 0.3],
        "train_accuracy": [0.6, 0.7, 0.8, 0.85, 0.88, 0.9],
        "test_loss": [1.0, 0.7, 0.55, 0.5, 0.48, 0.47],
        "test_accuracy": [0.6, 0.7, 0.78, 0.8, 0.82, 0.83],
        "lr": [0.1] * 6,
        "grad_norm": [None] * 6,
        "recalls": [0.83] * 4,
    }


def evidence_of(parts: dict[str, Any]) -> Evidence:
    data = Dataset("drawn", parts["train"], parts["test"], tuple("abcd"), "memory")
    columns = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "lr", "grad_norm")
    count = len(parts["train_loss"])
    steps = -(-len(data.train) // parts["config"]["train"]["batch_size"])
    records = [
        {"epoch": k + 1, "step": (k + 1) * steps, "val_loss": None} | {name: parts[name][k] for name in columns}
        for k in range(count)
    ]
    labels = np.repeat(np.arange(4), 100)
    guesses = labels.copy()
    for k, recall in enumerate(parts["recalls"]):
        wrong = np.flatnonzero(labels == k)[round(100 * recall) :]
        guesses[wrong] = 0 if k else 1
    judged = Evaluation(float(np.mean(guesses == labels)), 0.5, 400, guesses, labels, data.classes, 4)
    network = Network(load_config(parts["config"]))
    return Evidence(network, records, parts["rows"], DataFacts(data), judged if count else None)


def stuck(parts: dict[str, Any]) -> None:
    """It has learned next to nothing, and a little more than nothing."""
    parts["train_loss"], parts["test_loss"] = (
        [1.385, 1.36, 1.34, 1.33, 1.32, 1.31],
        [1.38, 1.36, 1.35, 1.34, 1.33, 1.32],
    )
    parts["train_accuracy"] = parts["test_accuracy"] = [0.26, 0.3, 0.32, 0.33, 0.34, 0.38]


def each_layer(parts: dict[str, Any], rows: slice = slice(None), **figures: float) -> None:
    for row in parts["rows"][rows]:
        for layer in row["layers"].values():
            layer.update({name: value for name, value in figures.items() if name in layer})


def layer(parts: dict[str, Any], path: str, rows: slice = slice(None), **figures: float) -> None:
    for row in parts["rows"][rows]:
        row["layers"][path].update(figures)


CASES: dict[str, Callable[[dict[str, Any]], None]] = {}


def case(plant: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    CASES[plant.__name__.removeprefix("of_")] = plant
    return plant


@case
def step_too_large(parts: dict[str, Any]) -> None:
    stuck(parts)
    each_layer(parts, update=0.9)


@case
def step_too_small(parts: dict[str, Any]) -> None:
    stuck(parts)
    each_layer(parts, update=1e-5)


@case
def stuck_at_chance(parts: dict[str, Any]) -> None:
    stuck(parts)
    parts["train_loss"] = [1.386] * 6


@case
def momentum_too_large(parts: dict[str, Any]) -> None:
    stuck(parts)
    parts["config"]["train"]["optimizer"] = {"sgd": {"lr": 0.01, "momentum": 0.995}}


@case
def weight_decay_too_large(parts: dict[str, Any]) -> None:
    stuck(parts)
    parts["config"]["train"]["optimizer"] = {"sgd": {"lr": 0.1, "weight_decay": 0.5}}
    each_layer(parts, slice(3, None), weight=0.1)


@case
def clipping_too_tight(parts: dict[str, Any]) -> None:
    stuck(parts)
    parts["config"]["train"]["clip_grad_norm"] = 0.001
    parts["grad_norm"] = [1.5] * 6


@case
def rate_decays_too_early(parts: dict[str, Any]) -> None:
    stuck(parts)
    parts["config"]["train"]["schedule"] = {"step": {"step_size": 1, "gamma": 0.01}}
    parts["lr"] = [0.1 * 0.01**k for k in range(6)]


@case
def too_few_steps(parts: dict[str, Any]) -> None:
    stuck(parts)
    parts["config"]["train"]["batch_size"] = 400


@case
def dropout_too_large(parts: dict[str, Any]) -> None:
    stuck(parts)
    parts["config"]["layers"][6]["dropout"]["p"] = 0.95


@case
def augmentation_too_strong(parts: dict[str, Any]) -> None:
    stuck(parts)
    parts["config"]["train"]["augment"] = {"random_crop": {"padding": 10}}
    parts["test_accuracy"] = [0.6] * 6


@case
def average_lags(parts: dict[str, Any]) -> None:
    parts["config"]["train"]["ema"] = {"decay": 0.9999}
    parts["test_accuracy"] = [0.3] * 6


@case
def exploding_gradients(parts: dict[str, Any]) -> None:
    stuck(parts)
    layer(parts, "0", slice(0, 1), gradient=5e4)


@case
def vanishing_gradients(parts: dict[str, Any]) -> None:
    stuck(parts)
    layer(parts, "0", gradient=1e-6)


@case
def saturation(parts: dict[str, Any]) -> None:
    stuck(parts)
    layer(parts, "5", saturated=0.8)


@case
def dead_relus(parts: dict[str, Any]) -> None:
    stuck(parts)
    layer(parts, "2", dead=0.75)


@case
def last_layer_activation(parts: dict[str, Any]) -> None:
    parts["config"]["layers"].append("tanh")


@case
def batch_norm_statistics(parts: dict[str, Any]) -> None:
    parts["config"]["layers"][1]["batch_norm2d"]["momentum"] = 0.001
    layer(parts, "1", mean_drift=2.0, variance_drift=3.0)
    parts["test_accuracy"] = [0.3] * 6


@case
def over_fitting(parts: dict[str, Any]) -> None:
    parts["test_loss"] = [1.0, 0.7, 0.8, 0.9, 1.0, 1.1]
    parts["train_accuracy"][-1] = 0.99


@case
def unscaled_inputs(parts: dict[str, Any]) -> None:
    parts["config"]["data"] = {"mean": [127.5], "std": [51]}


@case
def unshuffled_classes(parts: dict[str, Any]) -> None:
    train = parts["train"]
    order = np.argsort(train.labels, kind="stable")
    parts["config"]["train"]["shuffle"] = False
    parts["train"] = Split(train.images[order], train.labels[order])


@case
def shuffled_labels(parts: dict[str, Any]) -> None:
    train = parts["train"]
    parts["train"] = Split(train.images, np.random.RandomState(0).permutation(train.labels))
    parts["test_accuracy"] = [0.25] * 6


@case
def of_test_labels_differ(parts: dict[str, Any]) -> None:
    test = parts["test"]
    parts["test"] = Split(test.images, (test.labels + 1) % 4)
    parts["test_accuracy"] = [0.05] * 6


@case
def of_test_images_differ(parts: dict[str, Any]) -> None:
    test = parts["test"]
    parts["test"] = Split(test.images // 3, test.labels)


@case
def leaking_test_images(parts: dict[str, Any]) -> None:
    test, train = parts["test"], parts["train"]
    images, labels = test.images.copy(), test.labels.copy()
    images[:5], labels[:5] = train.images[:5], train.labels[:5]
    parts["test"] = Split(images, labels)


@case
def swapped_layout(parts: dict[str, Any]) -> None:
    for name in ("train", "test"):
        x = parts[name].images
        wrong = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(x.shape)
        parts[name] = Split(wrong, parts[name].labels)


@case
def class_imbalance(parts: dict[str, Any]) -> None:
    train = parts["train"]
    kept = np.ones(len(train), bool)
    kept[np.flatnonzero(train.labels == 2)[5:]] = False
    parts["train"] = Split(train.images[kept], train.labels[kept])
    parts["recalls"] = [0.9, 0.9, 0.1, 0.9]


def test_nothing_is_said_of_a_training_that_goes_well() -> None:
    assert diagnose(evidence_of(patient())) == []


@pytest.mark.parametrize("name", CASES)
def test_a_rule_finds_its_fault_alone(name: str) -> None:
    parts = patient()
    CASES[name](parts)
    evidence = evidence_of(parts)
    found = diagnose(evidence)
    assert [finding.rule for finding in found] == [name], [finding.sentence for finding in found]
    (finding,) = found
    assert finding.statistic and finding.cause and finding.remedy
    if finding.sets:  # the change is one that the config takes, and that changes it
        assert load_config(parts["config"], Overrides(sets=finding.sets)) != evidence.config
    else:
        assert name in {
            "shuffled_labels",
            "test_labels_differ",
            "test_images_differ",
            "leaking_test_images",
            "swapped_layout",
        }


def test_every_rule_is_tried_here() -> None:
    assert {*CASES} == {*rules()}


def test_rules_explain_others_that_there_are() -> None:
    for name in rules():
        assert {*explains(name)} < {*rules()} - {name}
    tuple(TopologicalSorter({name: explains(name) for name in rules()}).static_order())  # none in a circle


def test_what_follows_from_another_finding_is_left_out() -> None:
    parts = patient()
    step_too_large(parts)
    dead_relus(parts)
    each_layer(parts, update=0.9)
    assert [finding.rule for finding in diagnose(evidence_of(parts))] == ["step_too_large"]
    each_layer(parts, update=0.01)
    assert [finding.rule for finding in diagnose(evidence_of(parts))] == ["dead_relus"]


def test_a_training_that_stopped_for_nan() -> None:
    parts = patient()
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        parts[name] = []
    parts["rows"] = parts["rows"][:1]
    each_layer(parts, update=30.0)
    parts["rows"].append({"epoch": 1, "step": 2, "stopped": "the loss became nan at step 2 (epoch 1)"})
    (finding,) = diagnose(evidence_of(parts))
    assert finding.rule == "step_too_large"
    assert "3000% of their length, and the loss became nan at step 2" in finding.statistic
    assert finding.sets == ("train.optimizer.sgd.lr=3e-05",)


def test_moved_labels_are_named_with_their_shift() -> None:
    parts = patient()
    train = parts["train"]
    parts["train"] = Split(train.images, np.roll(train.labels, -1))
    parts["test_accuracy"] = [0.25] * 6
    (finding,) = diagnose(evidence_of(parts))
    assert finding.rule == "shuffled_labels"
    assert "with the labels moved by +1 it is" in finding.cause


def test_layers_inside_others_get_their_own_key() -> None:
    parts = patient()
    dropout_too_large(parts)
    inner = parts["config"]["layers"][4:7]
    parts["config"]["layers"][4:7] = [{"sequential": inner}]
    evidence = evidence_of(parts)
    finding = next(one for one in diagnose(evidence) if one.rule == "dropout_too_large")
    changed = load_config(parts["config"], Overrides(sets=finding.sets))
    assert changed.to_mapping()["layers"][4]["sequential"]["layers"][2]["dropout"]["p"] == 0.2


def test_one_digit() -> None:
    assert [one_digit(number) for number in (0.00123, 0.0349, 7.2, 3e-7)] == ["0.001", "0.03", "7", "3e-07"]


def test_without_the_images_the_numbers_still_speak() -> None:
    parts = patient()
    step_too_small(parts)
    evidence = replace(evidence_of(parts), facts=None, judged=None)
    assert [finding.rule for finding in diagnose(evidence)] == ["step_too_small"]


def test_augmentation_is_not_blamed_for_what_the_step_does() -> None:
    """Far too small, or too large at the top of a warm-up: nothing is learned, and augmentation is not why."""
    warm_ups = {"schedule": "one_cycle"}, {"schedule": "cosine", "warmup": {"epochs": 1}}
    for (update, rule), warm_up in product(((5e-6, "step_too_small"), (0.3, "step_too_large")), warm_ups):
        parts = patient()
        augmentation_too_strong(parts)
        parts["train_loss"], parts["test_accuracy"] = [1.37] * 6, [0.25] * 6
        parts["train_accuracy"] = [0.25] * 6
        parts["config"]["train"] |= warm_up
        each_layer(parts, update=0.0)  # that of the schedule's end
        each_layer(parts, slice(1, 2), update=update)
        assert [finding.rule for finding in diagnose(evidence_of(parts))] == [rule]


def test_a_training_whose_loss_still_falls_has_no_augmentation_that_is_too_strong() -> None:
    """Its accuracy is the mean of the epoch, with augmentation and dropout: the other images are far ahead of it."""
    parts = patient()
    augmentation_too_strong(parts)
    parts["train_loss"] = [1.3, 1.25, 1.2, 1.1, 1.0, 0.9]
    assert diagnose(evidence_of(parts)) == []
    parts["train_loss"] = [0.9] * 6
    assert [finding.rule for finding in diagnose(evidence_of(parts))] == ["augmentation_too_strong"]


def test_dead_units_are_not_told_of_where_other_images_are_told_apart() -> None:
    """Smoothed labels and dropout keep the training loss high; that of the validation images says how it goes."""
    parts = patient()
    dead_relus(parts)
    parts["test_loss"] = [0.5] * 6
    assert diagnose(evidence_of(parts)) == []


def test_batch_norm_that_takes_in_a_tenth_is_left_alone() -> None:
    """Twenty steps with the momentum that would be proposed: a few more, and its statistics are there."""
    parts = patient()
    batch_norm_statistics(parts)
    for momentum, told in ((0.05, True), (0.1, False)):
        parts["config"]["layers"][1] = {"batch_norm2d": {"momentum": momentum}}
        evidence = evidence_of(parts)
        evidence.records[-1]["step"] = 20
        assert ("batch_norm_statistics" in [finding.rule for finding in diagnose(evidence)]) == told
