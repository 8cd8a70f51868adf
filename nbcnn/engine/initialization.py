"""Initialization of parameters: PyTorch's distributions, with other random numbers."""

from __future__ import annotations

from math import sqrt
from typing import Literal

import numpy as np

from nbcnn.layers.base import Parameter
from nbcnn.util.rng import stream

Init = Literal["default", "xavier_uniform", "kaiming_uniform"]


def initial(parameters: dict[str, Parameter], init: Init, seed: int) -> dict[str, np.ndarray]:
    """A float64 array for each parameter, uniform on [-bound, bound]: equation (26) of docs/math.md.

    Weights: ``default`` 1 / sqrt(fan_in), PyTorch's for Conv2d and Linear; ``xavier_uniform`` sqrt(6 / (fan_in +
    fan_out)), Glorot and Bengio 2010; ``kaiming_uniform`` sqrt(6 / fan_in), He et al. 2015. Biases: always the default.
    A parameter that has a first value is filled with that. Each parameter's numbers depend on the seed and its position
    alone.
    """
    drawn = {}
    for index, (name, parameter) in enumerate(parameters.items()):
        if parameter.value is not None:
            drawn[name] = np.full(parameter.shape, parameter.value)
            continue
        bound = _bound(parameter, init if name.endswith("weight") else "default")
        drawn[name] = stream(seed, "init", index=index).uniform(-bound, bound, parameter.shape)
    return drawn


def _bound(parameter: Parameter, init: Init) -> float:
    if init == "xavier_uniform":
        return sqrt(6 / (parameter.fan_in + parameter.fan_out))
    if init == "kaiming_uniform":
        return sqrt(6 / parameter.fan_in)
    return 1 / sqrt(parameter.fan_in)
