"""Stochastic gradient descent, momentum, Nesterov's variant and weight decay (docs/math.md, optimizers)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from nbcnn.optim.base import OPTIMIZERS, Optimizer, OptimizerConfig, rounded

if TYPE_CHECKING:
    import numpy as np


class SGDConfig(OptimizerConfig):
    """PyTorch's names and defaults."""

    lr: float = Field(gt=0)
    momentum: float = Field(0.0, ge=0, lt=1)
    dampening: float = Field(0.0, ge=0, le=1)
    weight_decay: float = Field(0.0, ge=0)
    nesterov: bool = False

    @model_validator(mode="after")
    def _fit_together(self) -> SGDConfig:
        for name in ("nesterov", "dampening"):
            if getattr(self, name) and not self.momentum:
                raise ValueError(f"{name} needs a momentum above 0, for instance momentum: 0.9")
        if self.nesterov and self.dampening:
            raise ValueError(f"nesterov needs dampening: 0, got dampening: {self.dampening:g}; leave one of them out")
        return self


@OPTIMIZERS.register("sgd")
class SGD(Optimizer):
    """Keeps the velocity, (0,) where momentum is 0; with dampening the number of steps taken (1,) too."""

    Config = SGDConfig

    def __init__(self, config: OptimizerConfig, size: int) -> None:
        import numpy as np

        from nbcnn.optim._sgd_kernel import sgd_step

        assert isinstance(config, SGDConfig)
        self._config, self._step = config, sgd_step
        self._velocity = np.zeros(size if config.momentum else 0, np.float32)
        self._count = np.zeros(1 if config.dampening else 0, np.int64)

    def step(
        self, parameters: np.ndarray, gradients: np.ndarray, lr: float | None = None, momentum: float | None = None
    ) -> None:
        c, dampened = self._config, self._count.size > 0
        kept = 1 - c.dampening if dampened and self._count[0] else 1.0  # as in PyTorch, the first step is whole
        self._count += 1
        lr, momentum = c.lr if lr is None else lr, c.momentum if momentum is None else momentum
        numbers = rounded(lr, momentum, c.weight_decay, kept)
        self._step(parameters, gradients, self._velocity, numbers, c.nesterov, dampened)

    @property
    def state(self) -> dict[str, np.ndarray]:
        return {"velocity": self._velocity} | ({"count": self._count} if self._count.size else {})
