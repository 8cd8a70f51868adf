"""The kernels for convolutions with many channels, bound to the numbers of a problem."""

from __future__ import annotations

from nbcnn.kernels.contract import KernelWithAttributes, WeightedKernels
from nbcnn.kernels.conv2d import _wide, _wide_grad_weight
from nbcnn.kernels.conv2d._wide_sizes import (
    image_block,
    is_wide,
    is_wide_backward,
    products_block,
    together,
    together_backward,
)
from nbcnn.kernels.conv2d.problem import Conv2dProblem


def instead_of(kernels: WeightedKernels, p: Conv2dProblem) -> WeightedKernels:
    """``kernels`` with those in their place by which the layer is faster; the bits of results are the same."""
    window = p.stride, p.dilation, p.padding[::2]
    numbers = (*window, together(p), products_block(p))
    if is_wide(p):
        kernels = kernels._replace(forward=KernelWithAttributes(_wide.forward, numbers))
    if is_wide(p, of_x=True):
        kernels = kernels._replace(grad_input=KernelWithAttributes(_wide.grad_input, numbers))
    if is_wide_backward(p):
        numbers = (*window, together_backward(p), image_block(p))
        kernels = kernels._replace(grad_weight=KernelWithAttributes(_wide_grad_weight.grad_weight, numbers))
    return kernels
