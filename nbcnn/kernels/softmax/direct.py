"""Softmax over the classes of each image; the largest score is subtracted first, so that nothing can overflow.

Sums over many classes are taken in blocks, as block_sums.py cuts them.
"""

from __future__ import annotations

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import OneImage, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.registry import register
from nbcnn.kernels.scores import largest_and_total, largest_and_total_of_one
from nbcnn.lanes import fma, load, splat, store
from nbcnn.lanes.block_sums import block_length


@kernel
def forward(x, y, scratch):
    """scores x (K,) -> probabilities y (K,)"""
    _, total = largest_and_total(x, y)
    for k in range(x.shape[0]):
        store(y, (k,), load(y, (k,)) / total)  # equation (14)


@kernel
def one_image(x, y, scratch):
    """The same for one image's scores x (K,)."""
    _, total = largest_and_total_of_one(x, y)
    for k in range(x.shape[0]):
        y[k] /= total  # equation (14)


@kernel
def grad_input(x, y, dy, dx, scratch):
    """dx_k = y_k dy_k - y_k (sum of y dy): the difference of the factors may overflow where y_k is 0, and 0·∞ is NaN"""
    K = y.shape[0]
    length, zero = block_length(K), splat(y.dtype.type(0))
    s = total = zero
    for first in range(0, K, length):
        for k in range(first, min(first + length, K)):
            s += load(y, (k,)) * load(dy, (k,))
        s, total = zero, total + s
    for k in range(K):
        p = load(y, (k,))
        store(dx, (k,), fma(p, load(dy, (k,)), -(p * total)))


@register("softmax")
class Direct(SimpleBackend):
    """the formula, 16 images at once, safe from overflow"""

    def build(self, problem: ElementwiseProblem) -> ParameterFreeKernels:
        """Nothing to bind."""
        return ParameterFreeKernels(forward, grad_input)

    def single(self, problem: ElementwiseProblem) -> OneImage:
        """Nothing to bind."""
        return OneImage(one_image)
