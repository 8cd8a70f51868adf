"""Counts of a backend's multiplications and bytes on a problem, from which its time is predicted."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from nbcnn.kernels.contract import LANES


class Work(NamedTuple):
    """The work of one call on a pack of 16 images."""

    macs: int
    """multiply-accumulate steps, really done (a complex product is 4)"""
    numbers: int
    """numbers read from or written to memory, scratch included; bytes are these times the dtype's size"""


class Cost(NamedTuple):
    """The work of each direction."""

    forward: Work
    grad_input: Work
    grad_weight: Work


def formula_cost(problem: Any) -> Cost:
    """The cost of the formula's own sums, every array met once: that of backends which say nothing else."""
    arrays = LANES * (prod(problem.x_shape) + prod(problem.y_shape)) + prod(getattr(problem, "w_shape", (0,)))
    return Cost(*(Work(LANES * problem.macs, arrays) for _ in Cost._fields))


def met_taps(size: int, kernel_size: int, stride: int, before: int, dilation: int, out_size: int) -> int:
    """Along one axis, how often an output meets a pixel of the image, not of its padding."""
    met = 0
    for tap in range(-before, -before + dilation * kernel_size, dilation):
        first, last = max(0, -(tap // stride)), min(out_size - 1, (size - 1 - tap) // stride)
        met += max(0, last - first + 1)
    return met
