"""The optimizers Adam and AdamW (docs/math.md, optimizers)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from nbcnn.optim.base import OPTIMIZERS, Optimizer, OptimizerConfig, rounded

if TYPE_CHECKING:
    import numpy as np

Beta = Annotated[float, Field(ge=0, lt=1)]


class AdamConfig(OptimizerConfig):
    """PyTorch's names and defaults; ``weight_decay`` is added to the gradient."""

    lr: float = Field(0.001, gt=0)
    betas: tuple[Beta, Beta] = Field((0.9, 0.999), strict=False)
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.0, ge=0)


class AdamWConfig(AdamConfig):
    """As Adam, but ``weight_decay`` shrinks the parameters directly."""

    weight_decay: float = Field(0.01, ge=0)


@OPTIMIZERS.register("adam")
class Adam(Optimizer):
    """Keeps two moments (size,) and the number of steps taken (1,)."""

    Config = AdamConfig
    decoupled: ClassVar[bool] = False

    def __init__(self, config: OptimizerConfig, size: int) -> None:
        import numpy as np

        from nbcnn.optim._adam_kernel import adam_step

        assert isinstance(config, AdamConfig)
        self._config, self._step = config, adam_step
        self._moments = np.zeros((2, size), np.float32)
        self._count = np.zeros(1, np.int64)

    def step(
        self, parameters: np.ndarray, gradients: np.ndarray, lr: float | None = None, momentum: float | None = None
    ) -> None:
        """``momentum`` takes the place of the first of the betas, as in PyTorch's one-cycle schedule."""
        self._count[0] += 1
        c, t = self._config, int(self._count[0])
        numbers = self._numbers(t, c.lr if lr is None else lr, c.betas[0] if momentum is None else momentum)
        self._step(parameters, gradients, self._moments, numbers)

    def _numbers(self, t: int, lr: float, b1: float) -> tuple[np.float32, ...]:
        """The step's constants, worked out in float64 and rounded once: see adam_step for their meaning."""
        c, b2 = self._config, self._config.betas[1]
        size = lr / (1 - b1**t)
        unbias = 1 / (1 - b2**t) ** 0.5
        shrink = 1 - lr * c.weight_decay if self.decoupled else 1.0
        decay = 0.0 if self.decoupled else c.weight_decay
        return rounded(b1, 1 - b1, b2, 1 - b2, size, unbias, c.eps, shrink, decay)

    @property
    def state(self) -> dict[str, np.ndarray]:
        return {"moments": self._moments, "count": self._count}


@OPTIMIZERS.register("adamw")
class AdamW(Adam):
    """Adam with decoupled weight decay."""

    Config = AdamWConfig
    decoupled: ClassVar[bool] = True
