"""Statistics of a training by layer, gathered at a few steps of each epoch. No bit of the training depends on them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

import numpy as np

from nbcnn.engine.network import views
from nbcnn.errors import ShapeError, TrainingError
from nbcnn.training.doctor import statistics_file
from nbcnn.training.doctor.layer_pass import LayerPass
from nbcnn.training.doctor.layer_statistics import Row, figure, layer_statistics, norm, norm_drift
from nbcnn.training.doctor.statistics_file import Statistics
from nbcnn.training.trainer import Step, Trainer

IMAGES = 4096
"""Training images between two looks. A look costs as much as about 200 images of LeNet, the fastest network."""
FIRST = (1, 4, 16)
"""The first steps that are looked at too: what goes wrong at once may have stopped the training by its first epoch."""
LATEST = 3
"""Rows that are kept in memory while a training runs, besides those of the first steps: those that rules look at."""


def is_due(step: int, done: int, steps: int, batch_size: int) -> bool:
    """Whether the training's step ``step``, the one of number ``done`` of ``steps`` in its epoch, is looked at.

    Both are counted from 1. The last of an epoch always is; the others are evenly apart.
    """
    looks = max(1, steps * batch_size // IMAGES)
    return step in FIRST or any(done == -(-look * steps // looks) for look in range(1, looks + 1))


class Recorder:
    """Makes a trainer's steps, and writes statistics of some into its run folder.

    Where the training goes on from a position, the rows of later steps are dropped: they will come again, the same.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._pass: LayerPass | None = None
        self._tried = False
        self.seconds = 0.0
        """What all looks together took: a comparison of speed leaves it out."""
        size = trainer.settings.batch_size
        self._steps = -(-len(trainer.data.train) // size)
        statistics_file.rewind(trainer.run, trainer.steps)
        self._first, self._latest = list[Statistics](), deque[Statistics](maxlen=LATEST)
        for row in statistics_file.read(trainer.run):
            self._keep(row)

    def step(self, order: np.ndarray) -> Step:
        """A step of the trainer, with statistics where they are due; raises what it raises, and notes that it did."""
        trainer = self._trainer
        size = trainer.settings.batch_size
        done = trainer.position.seen // size + 1
        due = is_due(trainer.steps + 1, done, self._steps, size)
        before = trainer.network.parameters.copy() if due else None
        try:
            step = trainer.step(order)
        except TrainingError as error:
            self._write({**self._place(), "stopped": str(error).partition(", so training stopped")[0]})
            raise
        if before is not None:
            started = time.perf_counter()
            row = {**self._place(), "loss": figure(step.loss), "accuracy": figure(step.accuracy)}
            with np.errstate(all="ignore"):  # of numbers near the end of float32's range
                row |= self._look(before)
            self._write(row)
            self.seconds += time.perf_counter() - started
        return step

    @property
    def rows(self) -> list[Statistics]:
        """The rows of the first steps and the latest: in a long training the others are in the file alone."""
        return [*self._first, *self._latest]

    def _place(self) -> Statistics:
        return {"epoch": self._trainer.epoch, "step": self._trainer.steps}

    def _write(self, row: Statistics) -> None:
        statistics_file.append(self._trainer.run, row)
        self._keep(row)

    def _keep(self, row: Statistics) -> None:
        (self._first if row["step"] in FIRST else self._latest).append(row)

    def _look(self, before: np.ndarray) -> Statistics:
        """The statistics of the inputs, the scores and the layers, after a step from parameters ``before`` (P,)."""
        layers = _updates(self._trainer, before)
        passing = self._layer_pass()
        if passing is None:
            return {"inputs": {}, "scores": {}, "layers": layers}
        network, last = self._trainer.network, self._trainer.executor.last
        assert last is not None
        images = passing.run(last)
        for layer in network.layers():
            arrays = passing.arrays.get(layer.path)
            if arrays is None:
                continue
            found = layer_statistics(layer, arrays, images)
            if layer.op == "batch_norm":
                found = norm_drift(layer, arrays["x"], images, network.buffers)
            if found:
                layers.setdefault(layer.path, {}).update(found)
        in_order = {layer.path: layers[layer.path] for layer in network.layers() if layer.path in layers}
        x, y = passing.pack.x[..., :images], passing.pack.y[..., :images]
        return {
            "inputs": {"mean": figure(x.mean()), "std": figure(x.std())},
            "scores": {"lowest": figure(y.min()), "highest": figure(y.max())},
            "layers": in_order,
        }

    def _layer_pass(self) -> LayerPass | None:
        """Made at the first look, when the executor has taken what memory it needs; None where too little is left."""
        if not self._tried:
            self._tried = True
            try:
                self._pass = LayerPass(self._trainer.network, self._trainer.settings.executor != "serial")
            except ShapeError:
                self._pass = None
        return self._pass


def _updates(trainer: Trainer, before: np.ndarray) -> dict[str, Row]:
    """Of each layer with a weight: the norms of weight and gradient, and of the step as a share of the weight's."""
    network = trainer.network
    old, now = views(before, network.shapes), network.tensors
    gradients: Mapping[str, np.ndarray] = views(trainer.executor.gradient, network.shapes)
    rows: dict[str, Row] = {}
    for layer in network.layers():
        name = f"{layer.path}.weight"
        if layer.op in ("conv2d", "linear") and name in old:
            length = norm(old[name])
            rows[layer.path] = {
                "weight": figure(length),
                "gradient": figure(norm(gradients[name])),
                "update": figure(norm(now[name] - old[name]) / length) if length else None,
            }
    return rows
