"""``Evidence``: all that the rules may look at of a training, and the figures that several of them need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from statistics import median
from typing import Any

import numpy as np

from nbcnn.config import Config
from nbcnn.engine.network import Network
from nbcnn.layers import Layer
from nbcnn.runs.metrics_row import Record
from nbcnn.training.doctor.data_facts import DataFacts
from nbcnn.training.doctor.statistics_file import Statistics
from nbcnn.training.evaluation import Evaluation

LATEST = 3
"""Rows of statistics over which a layer's figure is the median."""


@dataclass(frozen=True)
class Evidence:
    """The network's layers and config, ``all_records`` of the epochs, ``all_rows`` of statistics.

    ``facts`` are of the images and labels, None where they are not there any more; ``judged`` is the evaluation of the
    latest weights on the validation images, or the test images where there are none.
    """

    network: Network
    all_records: Sequence[Record]
    all_rows: Sequence[Statistics]
    facts: DataFacts | None = None
    judged: Evaluation | None = None

    @property
    def config(self) -> Config:
        """That of the network."""
        return self.network.config

    @cached_property
    def records(self) -> list[Record]:
        """The records of epochs, without those that somebody has taken numbers from."""
        needed = ("step", "train_loss", "train_accuracy")
        return [record for record in self.all_records if all(record.get(name) is not None for name in needed)]

    @cached_property
    def rows(self) -> list[Statistics]:
        """The rows of statistics, without one that says why the training stopped."""
        return [row for row in self.all_rows if "stopped" not in row]

    @property
    def stopped(self) -> str:
        """Why the training could not go on; empty where it did."""
        return str(self.all_rows[-1].get("stopped", "")) if self.all_rows else ""

    @property
    def epochs(self) -> int:
        """How many are done."""
        return len(self.records)

    @cached_property
    def chance(self) -> float:
        """The loss of one who knows the shares of the classes and no image: ln(classes), where they are equal."""
        if self.facts is None:
            return log(self.network.out_shape[0])
        shares = self.facts.shares
        return float(-np.sum(shares * np.log(np.maximum(shares, 1e-12))))

    @property
    def loss(self) -> float:
        """The training loss of the last epoch; of a training without one, that of the last row."""
        if self.records:
            return float(self.records[-1]["train_loss"])
        return float(self.rows[-1]["loss"] or np.inf) if self.rows else float("inf")

    @property
    def lowest_loss(self) -> float:
        """The lowest training loss of an epoch."""
        return min((float(record["train_loss"]) for record in self.records), default=self.loss)

    @property
    def learned(self) -> float:
        """The share of the loss of chance that the training took away: 0 at chance, 1 where nothing is left."""
        return 1 - self.loss / self.chance if self.chance else 0.0

    @property
    def learned_at_best(self) -> float:
        """``learned``, or that of the images that judge it where it is more: these have no dropout, no augmentation and
        no smoothed labels, which keep a training loss high in trainings that go well.
        """
        judged = self.judged_losses[-1:]
        return max([self.learned, *(1 - loss / self.chance for loss in judged if self.chance)])

    @property
    def against_guessing(self) -> str:
        """``the loss is 2.301, where guessing has 2.303``"""
        return f"the loss is {self.loss:.4g}, where guessing has {self.chance:.4g}"

    @property
    def happened(self) -> str:
        """Why the training stopped, or what its loss is."""
        return self.stopped or self.against_guessing

    def accuracy(self, of: str = "train") -> float | None:
        """The accuracy of the last epoch: of ``train`` images, or of those that are ``judged``, val or else test."""
        if not self.records:
            return None
        last = self.records[-1]
        if of == "train":
            return float(last["train_accuracy"])
        found = last.get("val_accuracy")
        found = last.get("test_accuracy") if found is None else found
        return None if found is None else float(found)

    @property
    def judged_losses(self) -> list[float]:
        """The losses of all epochs on the validation images, or on the test images where there are none."""
        kind = "val_loss" if any(record.get("val_loss") is not None for record in self.records) else "test_loss"
        return [float(record[kind]) for record in self.records if record.get(kind) is not None]

    @property
    def judged_by(self) -> str:
        """``validation`` or ``test``."""
        return "validation" if any(record.get("val_loss") is not None for record in self.records) else "test"

    def layers(self, *ops: str) -> Iterator[Layer]:
        """The layers that compute one of these ops, in order."""
        return (layer for layer in self.network.layers() if layer.op in ops)

    def figure(self, layer: Layer, name: str) -> float | None:
        """A layer's figure: the median of the latest rows that have it."""
        found = [row["layers"].get(layer.path, {}).get(name) for row in self.rows[-LATEST:]]
        numbers = [number for number in found if number is not None]
        return float(median(numbers)) if numbers else None

    def figures(self, name: str, *ops: str) -> list[tuple[Layer, float]]:
        """Of all layers of these ops that have the figure, in order."""
        found = [(layer, self.figure(layer, name)) for layer in self.layers(*ops)]
        return [(layer, number) for layer, number in found if number is not None]

    def update(self, rows: Sequence[Statistics] | None = None) -> float | None:
        """The typical length of a step as a share of the weights: the median over layers, and over the rows given."""
        chosen = self.rows[-LATEST:] if rows is None else rows
        found = [[layer.get("update") for layer in row["layers"].values()] for row in chosen]
        medians = [median(numbers) for row in found if (numbers := [number for number in row if number is not None])]
        return float(median(medians)) if medians else None

    @property
    def largest_update(self) -> float:
        """The largest of the first step's and the latest; of a schedule that warms up, of all that were looked at."""
        settings = self.config.train
        warms_up = settings.schedule.name == "one_cycle" or settings.warmup is not None
        rows = [self.update([row]) for row in self.rows] if warms_up else []
        return max(number or 0 for number in (self.update(self.rows[:1]), self.update(), *rows))

    @property
    def rate(self) -> tuple[str, float | None]:
        """The key of the learning rate, and its value."""
        settings = self.config.train
        name, config = settings.schedule
        if own := getattr(config, "max_lr", None):
            return f"train.schedule.{name}.max_lr", float(own)
        found = getattr(settings.optimizer.config, "lr", None)
        return f"train.optimizer.{settings.optimizer.name}.lr", None if found is None else float(found)

    def argument(self, name: str) -> Any:
        """An argument of the optimizer; None where it has none of this name."""
        return getattr(self.config.train.optimizer.config, name, None)

    def key_of(self, layer: Layer) -> str:
        """The key path of a layer, as ``--set`` takes it: ``layers[2].conv2d``."""
        return layer.where.rpartition(": ")[2]

    def entry_of(self, layer: Layer) -> str:
        """``layers[2]``, the layer's entry in its list, which ``--set`` puts another layer in."""
        key = self.key_of(layer)
        return key[: key.rfind("]") + 1]


def one_digit(number: float) -> str:
    """A number with one digit that counts, as a person would write it in a config: 0.003."""
    return f"{float(f'{number:.0e}'):g}"
