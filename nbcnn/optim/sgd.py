"""Stochastic gradient descent with momentum, Nesterov's variant and weight decay (docs/math.md, optimizers)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from nbcnn.optim.base import OPTIMIZERS, Optimizer, OptimizerConfig

if TYPE_CHECKING:
    import numpy as np


class SGDConfig(OptimizerConfig):
    """PyTorch's names and defaults."""

    lr: float = Field(gt=0)
    momentum: float = Field(0.0, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> SGDConfig:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0, for instance momentum: 0.9")
        return self


@OPTIMIZERS.register("sgd")
class SGD(Optimizer):
    """Keeps one array, the velocity; (0,) where momentum is 0."""

    Config = SGDConfig

    def __init__(self, config: OptimizerConfig, size: int) -> None:
        import numpy as np

        from nbcnn.optim._sgd_kernel import sgd_step

        assert isinstance(config, SGDConfig)
        self._config, self._step = config, sgd_step
        self._velocity = np.zeros(size if config.momentum else 0, np.float32)
        self._numbers = tuple(np.float32(v) for v in (config.lr, config.momentum, config.weight_decay))

    def step(self, parameters: np.ndarray, gradients: np.ndarray) -> None:
        self._step(parameters, gradients, self._velocity, self._numbers, self._config.nesterov)

    @property
    def state(self) -> dict[str, np.ndarray]:
        return {"velocity": self._velocity}
