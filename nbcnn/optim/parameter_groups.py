"""Parameter groups: an optimizer without weight decay on bias and norm parameters, and the factory of optimizers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from math import prod
from typing import TYPE_CHECKING, Literal

from nbcnn.optim.base import OPTIMIZERS, Optimizer, OptimizerConfig

if TYPE_CHECKING:
    import numpy as np

Decayed = Literal["all", "weights"]
Shapes = Mapping[str, tuple[int, ...]]


def make_optimizer(name: str, config: OptimizerConfig, shapes: Shapes, decayed: Decayed = "all") -> Optimizer:
    """The optimizer of that name for a network's parameters, whose ``shapes`` are those of its flat buffer in order.

    ``decayed`` are the parameters that ``weight_decay`` is for: all, or those of two and more dimensions, which leaves
    out every bias and the weights of norms.
    """
    kind = OPTIMIZERS.get(name)
    if decayed == "all" or not getattr(config, "weight_decay", 0):
        return kind(config, sum(map(prod, shapes.values())))
    return ParameterGroups(kind, config, shapes)


class ParameterGroups(Optimizer):
    """One optimizer for each run of neighbouring parameters with the same weight decay: the config's, or none."""

    Config = OptimizerConfig

    def __init__(self, kind: type[Optimizer], config: OptimizerConfig, shapes: Shapes) -> None:
        plain = config.model_copy(update={"weight_decay": 0.0})
        self._groups: list[tuple[slice, Optimizer]] = []
        first = 0
        for decays, size in _runs(shapes):
            self._groups.append((slice(first, first + size), kind(config if decays else plain, size)))
            first += size

    def step(self, parameters: np.ndarray, gradients: np.ndarray, **scheduled: float) -> None:
        for part, optimizer in self._groups:
            optimizer.step(parameters[part], gradients[part], **scheduled)

    @property
    def state(self) -> dict[str, np.ndarray]:
        groups = enumerate(optimizer.state for _, optimizer in self._groups)
        return {f"groups.{number}.{name}": array for number, state in groups for name, array in state.items()}


def _runs(shapes: Shapes) -> Iterator[tuple[bool, int]]:
    """Whether parameters that follow each other decay, and how many numbers they are."""
    for decays, run in groupby(shapes.values(), key=lambda shape: len(shape) > 1):
        yield decays, sum(map(prod, run))
