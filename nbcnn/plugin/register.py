"""Decorators with which plugins register backends, ops, layers, optimizers, schedules, data sets and check rules.

What is built in is registered by the very same calls, under the names that the registries give them. A name that is not
given is the name of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=type)


def backend(op: str, name: str | None = None) -> Callable[[T], T]:
    """A backend of an op, such as ``"conv2d"``: a class as nbcnn.plugin.Backend describes it."""
    from nbcnn.kernels.registry import register

    return register(op, name)


def op(name: str) -> Callable[[T], T]:
    """An op: a subclass of nbcnn.kernels.op.Op, with its problem, its definition in NumPy and what it is tried on."""
    from nbcnn.kernels.ops import OPS

    return OPS.register(name)  # type: ignore[return-value]


def layer(name: str | None = None) -> Callable[[T], T]:
    """A layer: a subclass of nbcnn.plugin.Layer."""
    from nbcnn.layers import LAYERS

    return LAYERS.register(name)  # type: ignore[return-value]


def optimizer(name: str | None = None) -> Callable[[T], T]:
    """An optimizer: a subclass of nbcnn.plugin.Optimizer."""
    from nbcnn.optim import OPTIMIZERS

    return OPTIMIZERS.register(name)  # type: ignore[return-value]


def schedule(name: str | None = None) -> Callable[[T], T]:
    """A learning-rate schedule: a subclass of nbcnn.plugin.Schedule."""
    from nbcnn.optim.schedules import SCHEDULES

    return SCHEDULES.register(name)  # type: ignore[return-value]


def dataset(name: str | None = None) -> Callable[[T], T]:
    """A data set: a subclass of nbcnn.plugin.DataSource."""
    from nbcnn.data import DATASETS

    return DATASETS.register(name)  # type: ignore[return-value]


def check_rule(name: str | None = None) -> Callable[[T], T]:
    """A rule of ``nbcnn check``: a subclass of nbcnn.plugin.CheckRule."""
    from nbcnn.introspect.check.rule import RULES

    return RULES.register(name)  # type: ignore[return-value]
