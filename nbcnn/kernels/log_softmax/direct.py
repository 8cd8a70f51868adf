"""The logarithm of softmax, straight from the scores: a probability too small for a float still has its logarithm.

Sums over many classes are taken in blocks, as block_sums.py cuts them.
"""

from __future__ import annotations

from math import log

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, OneImage, ParameterFreeKernels, SimpleBackend
from nbcnn.kernels.elementwise import ElementwiseProblem
from nbcnn.kernels.registry import register
from nbcnn.kernels.scores import largest_and_total, largest_and_total_of_one
from nbcnn.lanes import exp, load, splat, store
from nbcnn.lanes.block_sums import block_length


@kernel
def forward(x, y, scratch):
    """scores x (K,) -> logarithms y (K,) of their probabilities"""
    largest, total = largest_and_total(x, None)
    store(y, (0,), total)
    for l in range(LANES):
        y[0, l] = log(y[0, l])
    log_total = load(y, (0,))
    for k in range(x.shape[0]):
        store(y, (k,), (load(x, (k,)) - largest) - log_total)  # equation (28)


@kernel
def one_image(x, y, scratch):
    """The same for one image's scores x (K,)."""
    largest, total = largest_and_total_of_one(x, None)
    log_total = x.dtype.type(log(total))
    for k in range(x.shape[0]):
        y[k] = (x[k] - largest) - log_total  # equation (28)


@kernel
def grad_input(x, y, dy, dx, scratch):
    """dx_k = dy_k - e**y_k · sum of dy"""
    K = y.shape[0]
    length, zero = block_length(K), splat(y.dtype.type(0))
    s = total = zero
    for first in range(0, K, length):
        for k in range(first, min(first + length, K)):
            s += load(dy, (k,))
        s, total = zero, total + s
    for k in range(K):
        store(dx, (k,), load(dy, (k,)) - exp(load(y, (k,))) * total)


@register("log_softmax")
class Direct(SimpleBackend):
    """the formula on scores, 16 images at once, safe from overflow"""

    def build(self, problem: ElementwiseProblem) -> ParameterFreeKernels:
        """Nothing to bind."""
        return ParameterFreeKernels(forward, grad_input)

    def single(self, problem: ElementwiseProblem) -> OneImage:
        """Nothing to bind."""
        return OneImage(one_image)
