"""The optimizer RMSprop (docs/math.md, RMSprop)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from nbcnn.optim.base import OPTIMIZERS, Optimizer, OptimizerConfig, rounded

if TYPE_CHECKING:
    import numpy as np


class RMSpropConfig(OptimizerConfig):
    """PyTorch's names and defaults; ``weight_decay`` is added to the gradient."""

    lr: float = Field(0.01, gt=0)
    alpha: float = Field(0.99, ge=0, lt=1)
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    momentum: float = Field(0.0, ge=0, lt=1)
    centered: bool = False


@OPTIMIZERS.register("rmsprop")
class RMSprop(Optimizer):
    """Keeps the mean of squares (size,), centered the mean of gradients, and with momentum the velocity; else (0,)."""

    Config = RMSpropConfig

    def __init__(self, config: OptimizerConfig, size: int) -> None:
        import numpy as np

        from nbcnn.optim._rmsprop_kernel import rmsprop_step

        assert isinstance(config, RMSpropConfig)
        self._config, self._step = config, rmsprop_step
        self._squares = np.zeros(size, np.float32)
        self._means = np.zeros(size if config.centered else 0, np.float32)
        self._velocity = np.zeros(size if config.momentum else 0, np.float32)

    def step(
        self, parameters: np.ndarray, gradients: np.ndarray, lr: float | None = None, momentum: float | None = None
    ) -> None:
        c = self._config
        lr, momentum = c.lr if lr is None else lr, c.momentum if momentum is None else momentum
        numbers = rounded(lr, c.alpha, 1 - c.alpha, c.eps, c.weight_decay, momentum)
        self._step(parameters, gradients, self._squares, self._means, self._velocity, numbers)

    @property
    def state(self) -> dict[str, np.ndarray]:
        return {"squares": self._squares, "means": self._means, "velocity": self._velocity}
