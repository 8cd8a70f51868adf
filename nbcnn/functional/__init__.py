"""The functional API: ops on arrays (N, C, H, W), with PyTorch's names and arguments, and a choice of backend.

Arrays are float32 or float64, all of one call alike, and so is the result. One image without the batch axis,
(C, H, W), gives one result without it. Pairs may be given as one number.
Raises ShapeError where shapes do not fit, KernelError for an unknown backend or one that can't do the problem.
"""

from __future__ import annotations

from nbcnn.functional.convolution import conv2d, conv2d_grad_input, conv2d_grad_weight
from nbcnn.functional.dense import elu, gelu, hardswish, leaky_relu, linear, relu, sigmoid, silu, tanh
from nbcnn.functional.pooling import avg_pool2d, global_avg_pool2d, global_max_pool2d, max_pool2d
from nbcnn.functional.scores import cross_entropy, log_softmax, softmax

__all__ = [
    "avg_pool2d",
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "cross_entropy",
    "elu",
    "gelu",
    "global_avg_pool2d",
    "global_max_pool2d",
    "hardswish",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool2d",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "tanh",
]
