"""The kernel of an exponential moving average. A plain loop, which LLVM vectorises."""

from __future__ import annotations

from nbcnn.compiler.jit import kernel


@kernel
def move_towards(average, values, share):
    """average (size,) goes a share of the way to values (size,)"""
    for i in range(average.size):
        average[i] += share * (values[i] - average[i])
