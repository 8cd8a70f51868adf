"""Softmax and cross-entropy in one, from scores: log(sum e**(x_k - m)) - (x_label - m) with m the largest score."""

from __future__ import annotations

from math import log

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, SimpleBackend
from nbcnn.kernels.cross_entropy.op import LossKernels, LossProblem
from nbcnn.kernels.registry import register
from nbcnn.kernels.scores import largest_and_total
from nbcnn.lanes import exp, lane, load, store


@kernel
def forward(x, labels, losses, guesses, scratch):
    """scores x (K,), labels (16,) -> losses (16,), guesses (16,): the first class with the largest score"""
    largest, total = largest_and_total(x, None)
    for l in range(LANES):
        m = lane(largest, l)
        losses[l] = x.dtype.type(log(lane(total, l))) - (x[labels[l], l] - m)  # equation (15)
        guesses[l] = 0
        for k in range(x.shape[0] - 1, -1, -1):
            if x[k, l] == m:
                guesses[l] = k


@kernel
def grad_input(x, labels, scale, dx, scratch):
    """scale (16,) -> dx (K,) = scale (softmax(x) - onehot(label)); a blank image has scale 0"""
    largest, total = largest_and_total(x, None)
    factor = load(scale, (0,))
    for k in range(x.shape[0]):
        store(dx, (k,), exp(load(x, (k,)) - largest) / total * factor)
    for l in range(LANES):
        dx[labels[l], l] -= scale[l]  # equation (16)


@register("cross_entropy")
class Direct(SimpleBackend):
    """the formula on scores, 16 images at once, safe from overflow"""

    def build(self, problem: LossProblem) -> LossKernels:
        """Nothing to bind."""
        return LossKernels(forward, grad_input)
