"""The largest learning rate, with and without batch norm."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nbcnn.exercises.answer import Number
from nbcnn.exercises.base import EXERCISES, Exercise, Outcome
from nbcnn.exercises.trainings import clothes, trained

RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
LEARNS = 0.4
"""The share of test images from which on a training is said to have learned something."""


class Setting(NamedTuple):
    """How many convolutions, and the seed."""

    depth: int
    seed: int


@EXERCISES.register()
class BatchNormRate(Exercise[Setting]):
    """By which factor batch norm raises the ceiling of the learning rate."""

    number, title, chapter = 36, "Batch norm and the learning rate", "Modern networks"
    seconds, trains = 15, True

    def draw(self, rng: np.random.Generator) -> Setting:
        return Setting(int(rng.choice([3, 4])), int(rng.integers(2)))

    def question(self, setting: Setting) -> str:
        rates = ", ".join(f"{rate:g}" for rate in RATES)
        return (
            f"{setting.depth} convolutions of 3×3 with relu, pooled by 2 twice, and a linear layer are trained by "
            f"sgd, 2 epochs on 2,000 images of clothes, with the learning rates {rates}; then the same with batch "
            f"norm after each convolution. A training has learned if it gets {LEARNS:.0%} of 500 test images right. "
            "How many times larger is the largest rate that learns with batch norm than without?"
        )

    def answer(self, setting: Setting) -> Number:
        return Number(0.001, 1000, "times", close=1.5, far=40)

    def run(self, setting: Setting, quick: bool) -> Outcome:
        data, rates = clothes(2000, 500, quick), RATES[2:5] if quick else RATES
        ceilings, lines = [], []
        for norm in (False, True):
            found = [
                trained(
                    _network(setting.depth, norm),
                    data,
                    1 if quick else 2,
                    {"sgd": {"lr": rate}},
                    setting.seed,
                    "kaiming_uniform",
                )
                for rate in rates
            ]
            told = ", ".join(f"{rate:g}: {one.accuracy:.0%}" for rate, one in zip(rates, found, strict=True))
            lines.append(f"{'with' if norm else 'without'} batch norm, learning rate and share right: {told}")
            ceilings.append(
                max((rate for rate, one in zip(rates, found, strict=True) if one.accuracy >= LEARNS), default=rates[0])
            )
        without, with_ = ceilings
        return Outcome(
            round(with_ / without, 4),
            (*lines, f"the largest that learn: {without:g} and {with_:g}"),
            "Without a norm, larger weights make larger outputs, and these larger gradients: one step that is too "
            "large makes the next one larger, and relus that are pushed below 0 for all images never come back. "
            "Batch norm scales outputs back at every step, so that the size of weights does not matter"
            + (": larger rates are bearable." if with_ > without else ", but here that did not raise the ceiling."),
            {
                1: "Batch norm makes outputs independent of the size of weights, so a step that is too large does less "
                "harm."
            },
        )


def _network(depth: int, norm: bool) -> list[Any]:
    layers: list[Any] = []
    for number in range(depth):
        layers += [{"conv2d": {"out_channels": 8, "kernel_size": 3, "padding": 1}}, *["batch_norm2d"] * norm, "relu"]
        if number < 2:
            layers.append({"max_pool2d": {"kernel_size": 2}})
    return [*layers, "flatten", {"linear": {"out_features": 10}}]
