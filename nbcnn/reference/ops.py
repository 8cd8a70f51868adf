"""Every op as a plain definition on images (N, C, H, W), in NumPy and float64: the oracle of the kernels.

It shares no code with them and takes other ways to the same numbers: windows are views or slices, sums are einsums,
gradients are scattered. Numbers of equations are those of docs/math.md. Letters: N images, C, O input and output
channels, H, W input size, OH, OW output size, KH, KW kernel size, G groups, F features, K classes. Padding is that of
the four sides top, bottom, left, right. Arrays come in any kind of number and leave as float64.
"""

from __future__ import annotations

from nbcnn.reference.conv2d import conv2d, conv2d_grad_bias, conv2d_grad_input, conv2d_grad_weight
from nbcnn.reference.dense import (
    cross_entropy,
    cross_entropy_grad,
    linear,
    linear_grad_input,
    linear_grad_weight,
    log_softmax,
    log_softmax_grad,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_grad,
    tanh,
    tanh_grad,
)
from nbcnn.reference.optim import adam_step, sgd_step
from nbcnn.reference.pool2d import avg_pool2d, avg_pool2d_grad, max_pool2d, max_pool2d_grad

__all__ = [
    "adam_step",
    "avg_pool2d",
    "avg_pool2d_grad",
    "conv2d",
    "conv2d_grad_bias",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "cross_entropy",
    "cross_entropy_grad",
    "linear",
    "linear_grad_input",
    "linear_grad_weight",
    "log_softmax",
    "log_softmax_grad",
    "max_pool2d",
    "max_pool2d_grad",
    "relu",
    "relu_grad",
    "sgd_step",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_grad",
    "tanh",
    "tanh_grad",
]
