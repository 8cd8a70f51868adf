"""Sizes of register blocks: how many sums the registers of this machine hold at once.

More sums at once mean fewer loads for each; more than the registers hold are kept in memory in between, which costs
more than it saves. Sizes change the speed and no bit of the results.
"""

from __future__ import annotations

from functools import lru_cache

from nbcnn.compiler.host import vector_registers
from nbcnn.kernels.contract import LANES

SUMS = {(32, 512): 20, (16, 256): 6, (32, 128): 5, (16, 128): 2}
"""Sums of 16 images in float32, by the number of registers and their bits: these fit beside what they are made of."""

HALVES = {(16, 256)}
"""Registers of which sums over images and pixels are made for half of the images at once, so that there is room for
twice as many."""


@lru_cache
def sums(dtype: str) -> int:
    """How many sums of 16 images fit into the registers."""
    return max(1, SUMS[vector_registers()] // {"float32": 1, "float64": 2}[dtype])


def parts() -> tuple[int, ...]:
    """The first image of each part of a pack whose sums over pixels are made at once."""
    return (0, LANES // 2) if vector_registers() in HALVES else (0,)


def size(n: int, most: int) -> int:
    """The largest block that makes as few sums twice as possible, of those that are not small."""
    return n if n <= most else min(range((most + 1) // 2, most + 1), key=lambda one: (-n % one, -one))


def size_alone(n: int, most: int) -> int:
    """The same for blocks with one sum in a row: of 64 channels 6 at once, for 4 load more than 2 made twice cost."""
    return n if n <= most else min(range((most + 1) // 2, most + 1), key=lambda one: -(-n // one) * (one + 1))
