"""An optimizer: Lion (Chen et al. 2023, arXiv 2302.06675), which steps by signs. The file's name is its name in YAML.

In a network file it stands as `train: {optimizer: {NAME: {lr: 0.0003}}}`.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from nbcnn.plugin import Optimizer, OptimizerConfig, kernel, register


@kernel
def step(p, g, moment, attributes):
    """Parameters p, gradients g, moment: all (size,), float32; updates p and moment. A network's tensors are one array.

    attributes: lr, beta1, 1 - beta1, beta2, 1 - beta2, weight_decay.
    """
    lr, b1, r1, b2, r2, decay = attributes
    for i in range(p.size):
        p[i] -= lr * (np.sign(b1 * moment[i] + r1 * g[i]) + decay * p[i])
        moment[i] = b2 * moment[i] + r2 * g[i]


class MyConfig(OptimizerConfig):
    """What YAML may say: each field is a key with its type, its bounds and its default."""

    lr: float = Field(0.0003, gt=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.99, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)


@register.optimizer()
class MyOptimizer(Optimizer):
    """Keeps one array, the moment (size,)."""

    Config = MyConfig

    def __init__(self, config: OptimizerConfig, size: int) -> None:
        assert isinstance(config, MyConfig)
        self._moment = np.zeros(size, np.float32)
        self._config = config

    def step(self, parameters: np.ndarray, gradients: np.ndarray, lr: float | None = None) -> None:
        """One step: change parameters (size,) in place. A schedule hands it the learning rate."""
        c = self._config
        wanted = (c.lr if lr is None else lr, c.beta1, 1 - c.beta1, c.beta2, 1 - c.beta2, c.weight_decay)
        numbers = tuple(np.float32(number) for number in wanted)  # a plain float would make the loop float64
        step(parameters, gradients, self._moment, numbers)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """The arrays that a checkpoint keeps, so that training could go on exactly from there."""
        return {"moment": self._moment}
