"""Base classes of optimizers: a config, a few flat state arrays, one pass over the flat parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict

from nbcnn.errors import ConfigError
from nbcnn.util.registry import Registry

if TYPE_CHECKING:
    import numpy as np


class OptimizerConfig(BaseModel):
    """Base class of optimizer configs: the YAML keys of an optimizer."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Optimizer(ABC):
    """One optimizer over a flat parameter buffer of ``size`` numbers."""

    Config: ClassVar[type[OptimizerConfig]]

    @abstractmethod
    def __init__(self, config: OptimizerConfig, size: int) -> None: ...

    @abstractmethod
    def step(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
        """Update ``parameters`` (size,) in place from ``gradients`` (size,), both float32.

        Where it takes ``lr=None`` too, schedules hand it the learning rate of each step; where ``momentum=None``,
        one_cycle hands it the momentum. None stands for the config's.
        """

    @property
    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """The arrays that a checkpoint must hold to go on exactly; assigning into them restores the optimizer."""


def rounded(*numbers: float) -> tuple[np.float32, ...]:
    """The constants of a step, rounded to float32; one beyond its range is infinite.

    That is no warning of NumPy's to the user: the training says at which step the parameters became infinite.
    """
    import numpy as np

    with np.errstate(over="ignore"):
        return tuple(np.float32(number) for number in numbers)


OPTIMIZERS: Registry[type[Optimizer]] = Registry(
    "optimizer", "nbcnn.optim", ConfigError, (Optimizer, {"Config": OptimizerConfig})
)
