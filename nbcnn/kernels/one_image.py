"""An optional part of a backend: a forward kernel for a single image.

A pack that holds one image costs the work of 16. So a backend may have ``single(problem)``, which gives a second
forward kernel: its arrays have no last axis of 16, x is (C, H, W) or (F,), and its lanes hold 16 neighbours of one
image. Its outputs must be the bits that ``forward`` gives of the same image in a pack, for the engine takes one or the
other by the number of images; sums in the same order do that. Where any layer of a network has none, all images go in
packs.
"""

from __future__ import annotations

from typing import NamedTuple

from nbcnn.kernels.contract import Kernel


class OneImage(NamedTuple):
    """The forward kernel for one image, which ``single`` returns."""

    forward: Kernel
    """(x, w, b, y, scratch) or (x, y, scratch)"""
    workspace: int = 0
    """How many numbers of scratch it needs."""
