"""Kernels of group and layer normalisation, of packs and of one image: equations (51) and (52) of docs/math.md.

The mean and the variance are those of each image, in two passes over a group's numbers; sums are in the numbers' order,
long ones in blocks (lanes/block_sums.py). Going back they are computed again, so that nothing has to be kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.kernels.contract import LANES, KernelWithAttributes, NormKernels, OneImage, SimpleBackend
from nbcnn.kernels.normalization import NormProblem
from nbcnn.lanes import fma, lane, lane_sum, load, load_masked, splat, sqrt, store, store_masked
from nbcnn.lanes.block_sums import block_length


@kernel
def statistics(x, first, stop, eps):
    """Of x (K·P,) from ``first`` to ``stop``: the mean, and 1 / √(variance + eps)."""
    length, zero = block_length(stop - first), splat(x.dtype.type(0))
    s = total = zero
    for begin in range(first, stop, length):
        for n in range(begin, min(begin + length, stop)):
            s += load(x, (n,))
        s, total = zero, total + s
    mean, total = total / (stop - first), zero
    for begin in range(first, stop, length):
        for n in range(begin, min(begin + length, stop)):
            d = load(x, (n,)) - mean
            s += d * d
        s, total = zero, total + s
    return mean, 1 / sqrt(total / (stop - first) + eps[0])


@kernel
def forward(x, w, b, y, scratch, attributes):
    """x (K, P), w (K,), b (K,) -> y (K, P); attributes: how many groups, and eps as an array (1,)."""
    groups, eps = attributes
    K, P = x.shape[:2]
    M = K // groups
    numbers = x.reshape((K * P, LANES))
    for g in range(groups):
        mean, r = statistics(numbers, g * M * P, (g + 1) * M * P, eps)
        for k in range(g * M, (g + 1) * M):
            for p in range(P):
                store(y, (k, p), (load(x, (k, p)) - mean) * r * w[k] + b[k])  # equation (51)


@kernel
def one_image(x, w, b, y, scratch, attributes):
    """The same for one image, 16 pixels at once, or 16 weights where each has one pixel."""
    groups, eps = attributes
    K, P = x.shape
    M = K // groups
    numbers, out = x.reshape(K * P), y.reshape(K * P)
    for g in range(groups):
        mean, r = statistics_of_one(numbers, g * M * P, (g + 1) * M * P, eps)
        if P == 1:
            for k in range(g * M, (g + 1) * M, LANES):
                n = (g + 1) * M - k
                v = (load_masked(numbers, (k,), n) - mean) * r
                store_masked(out, (k,), v * load_masked(w, (k,), n) + load_masked(b, (k,), n), n)
        else:
            for k in range(g * M, (g + 1) * M):
                for p in range(0, P, LANES):
                    v = (load_masked(x, (k, p), P - p) - mean) * r
                    store_masked(y, (k, p), v * w[k] + b[k], P - p)


@kernel
def statistics_of_one(x, first, stop, eps):
    """As ``statistics``, of one image's numbers."""
    length, zero = block_length(stop - first), x.dtype.type(0)
    s = total = zero
    for begin in range(first, stop, length):
        for n in range(begin, min(begin + length, stop)):
            s += x[n]
        s, total = zero, total + s
    mean, total = total / x.dtype.type(stop - first), zero
    for begin in range(first, stop, length):
        for n in range(begin, min(begin + length, stop)):
            d = x[n] - mean
            s += d * d
        s, total = zero, total + s
    return mean, lane(1 / sqrt(splat(total / x.dtype.type(stop - first)) + eps[0]), 0)


@kernel
def sums_of_weight(x, dy, k, mean, r):
    """Of weight k's pixels, the sums of dy and of dy times the normalised x."""
    P = x.shape[1]
    length, zero = block_length(P), splat(x.dtype.type(0))
    s = t = total_s = total_t = zero
    for begin in range(0, P, length):
        for p in range(begin, min(begin + length, P)):
            d = load(dy, (k, p))
            s += d
            t += d * ((load(x, (k, p)) - mean) * r)
        s, total_s = zero, total_s + s
        t, total_t = zero, total_t + t
    return total_s, total_t


@kernel
def grad_input(x, dy, w, dx, scratch, attributes):
    """x (K, P), dy (K, P), w (K,) -> dx (K, P)"""
    groups, eps = attributes
    K, P = x.shape[:2]
    M = K // groups
    numbers, length, zero = x.reshape((K * P, LANES)), block_length(M), splat(x.dtype.type(0))
    for g in range(groups):
        mean, r = statistics(numbers, g * M * P, (g + 1) * M * P, eps)
        s = t = total_s = total_t = zero
        for begin in range(g * M, (g + 1) * M, length):
            for k in range(begin, min(begin + length, (g + 1) * M)):
                of_dy, of_product = sums_of_weight(x, dy, k, mean, r)
                s += of_dy * w[k]
                t += of_product * w[k]
            s, total_s = zero, total_s + s
            t, total_t = zero, total_t + t
        u, v = total_s / (M * P), total_t / (M * P)
        for k in range(g * M, (g + 1) * M):
            for p in range(P):
                normal = (load(x, (k, p)) - mean) * r
                store(dx, (k, p), r * (fma(load(dy, (k, p)), w[k], -u) - normal * v))  # equation (52)


@kernel
def grad_weight(x, dy, dw, db, scratch, attributes):
    """x (K, P), dy (K, P) -> dw (K,), db (K,), summed over the 16 images"""
    groups, eps = attributes
    K, P = x.shape[:2]
    M = K // groups
    numbers = x.reshape((K * P, LANES))
    for g in range(groups):
        mean, r = statistics(numbers, g * M * P, (g + 1) * M * P, eps)
        for k in range(g * M, (g + 1) * M):
            of_dy, of_product = sums_of_weight(x, dy, k, mean, r)
            dw[k], db[k] = lane_sum(of_product), lane_sum(of_dy)


class NormBackend(SimpleBackend):
    """A backend of group and of layer normalisation, which differ in what has a weight."""

    def build(self, problem: NormProblem) -> NormKernels:
        """Bind the groups and eps."""
        own = _attributes(problem)
        return NormKernels(*(KernelWithAttributes(one, own) for one in (forward, grad_input, grad_weight)))

    def single(self, problem: NormProblem) -> OneImage:
        """Neighbouring numbers."""
        return OneImage(KernelWithAttributes(one_image, _attributes(problem)))


def _attributes(problem: NormProblem) -> tuple[Any, ...]:
    return problem.groups, np.array([problem.eps], problem.dtype)
