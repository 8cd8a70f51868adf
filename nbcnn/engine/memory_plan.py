"""Plan of a pack's memory: arrays whose lifetimes do not overlap share an address.

An array lives from the first call that has it to the last. What lives within one stage lies in a thread's own memory;
what crosses from a stage to another is kept for every pack of the batch (one row of memory a pack). Largest arrays
are placed first, each at the lowest address that is free while it lives and suits its size (STEP): "greedy by size",
Pisarchyk and Lee 2020, arXiv 2001.03288.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nbcnn.engine.stages import Stage
from nbcnn.errors import KernelError
from nbcnn.kernels.contract import unfolded
from nbcnn.layers.base import Call
from nbcnn.layers.calls import with_arrays
from nbcnn.util.aligned import LINE
from nbcnn.util.spans import arrays_in, at, span

PAGE, STEP = 4096, 21 * LINE
"""A load waits for a store to an address that is the same modulo a page (4K aliasing). Large arrays begin a step apart
modulo that, in the order of their first use: it takes 2 to 3 % off a prediction of LeNet.
"""
LARGE = 8 * PAGE
"""Bytes of an array for which the gap before it is little."""


class Place(NamedTuple):
    """Where an array begins: in a thread's own memory, or in the row of each pack."""

    offset: int
    every_pack: bool


class MemoryPlan(NamedTuple):
    """The place of each array that is used, by its number; ``own`` bytes a thread, ``row`` bytes a pack."""

    places: dict[int, Place]
    own: int
    row: int


class _Life(NamedTuple):
    number: int
    size: int
    first: int
    last: int


class Blocks:
    """The arrays that were handed out to layers, found by their addresses."""

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self.arrays = [array for array in arrays if array.size]
        spans = sorted((*span(array), number) for number, array in enumerate(self.arrays))
        self._starts, self._spans = [start for start, _, _ in spans], spans

    def find(self, array: np.ndarray) -> tuple[int, int] | None:
        """The number of the block that an array is a part of, and the byte it begins at; None for other memory."""
        first, last = span(array)
        place = bisect_right(self._starts, first) - 1
        if place < 0:
            return None
        start, end, number = self._spans[place]
        return (number, first - start) if last <= end else None


def plan(stages: Sequence[Stage], blocks: Blocks) -> MemoryPlan:
    """The places of all blocks that the calls of these stages use."""
    uses: dict[int, list[tuple[int, int]]] = {}
    moment = 0
    for stage, calls in enumerate(stages):
        for call in calls:
            for array in arrays_in(unfolded(call.kernel, call.arrays)[1]):
                if found := blocks.find(array):
                    uses.setdefault(found[0], []).append((stage, moment))
            moment += 1
    own, rows = list[_Life](), list[_Life]()
    for number, when in uses.items():
        stage_numbers, moments = zip(*when, strict=True)
        size = -(-blocks.arrays[number].nbytes // LINE) * LINE
        if min(stage_numbers) == max(stage_numbers):
            own.append(_Life(number, size, min(moments), max(moments)))
        else:
            rows.append(_Life(number, size, min(stage_numbers), max(stage_numbers)))
    places: dict[int, Place] = {}
    sizes = list[int]()
    for every_pack, lives in enumerate((own, rows)):
        offsets, total = _pack(lives)
        places |= {number: Place(offset, bool(every_pack)) for number, offset in offsets.items()}
        sizes.append(total)
    return MemoryPlan(places, sizes[0], sizes[1])


def _pack(lives: list[_Life]) -> tuple[dict[int, int], int]:
    """Offsets of arrays by number, and how many bytes they need in all."""
    placed: list[tuple[int, int, _Life]] = []
    in_order = sorted(lives, key=lambda life: (life.first, life.number))
    colours = {life.number: rank * STEP % PAGE for rank, life in enumerate(in_order)}
    for life in sorted(lives, key=lambda life: (-life.size, life.first, life.number)):
        colour = offset = colours[life.number] if life.size >= LARGE else 0
        for start, end, other in sorted(placed):
            if other.first <= life.last and life.first <= other.last:
                if start - offset >= life.size:
                    break
                gap = (colour - end) % PAGE if life.size >= LARGE else 0
                offset = max(offset, end + gap)
        placed.append((offset, offset + life.size, life))
    return {life.number: start for start, _, life in placed}, max((end for _, end, _ in placed), default=0)


class Memory(NamedTuple):
    """A thread's own bytes (n,), and those of all packs (packs, n)."""

    own: np.ndarray
    rows: np.ndarray


class Relocation:
    """Calls moved to planned memory; arrays that are kept for every pack are those of pack 0."""

    def __init__(self, blocks: Blocks, found: MemoryPlan, memory: Memory) -> None:
        self._blocks, self.plan, self.memory = blocks, found, memory
        self._moved: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # by id, with the array itself, so that it stays

    def calls(self, calls: Sequence[Call]) -> list[Call]:
        """The same calls on the planned memory."""
        return [with_arrays(call, self._place) for call in calls]

    def same_blocks(self, calls: Sequence[Call]) -> list[Call]:
        """The same for calls like some before, on the very same arrays of the pack: others, and views, stay.

        To look for each array took 60 µs of a prediction's 1,300 (under cProfile).
        """
        moved = self._moved
        return [call._replace(arrays=tuple([moved.get(id(a), (a, a))[1] for a in call.arrays])) for call in calls]

    def _place(self, array: np.ndarray) -> np.ndarray:
        found = self._blocks.find(array)
        if found is None:
            return array
        number, offset = found
        if number not in self.plan.places:  # the calls that were planned have none of it
            raise KernelError(f"an array of shape {array.shape} has no place in memory; please report this")
        start, every_pack = self.plan.places[number]
        moved = at(array, self.memory.rows if every_pack else self.memory.own, start + offset)
        self._moved[id(array)] = array, moved
        return moved


def refuse_unplanned(stages: Sequence[Stage], blocks: Blocks, known: Sequence[np.ndarray]) -> None:
    """Raise KernelError for a layer that keeps an array of its own from a stage to the next: it is of one pack only.

    ``known`` are arrays that need no plan, such as parameters; constants, which no call may write, need none either.
    """
    spans = [span(array) for array in known if array.size]
    seen: dict[int, list[tuple[int, Call, bool]]] = {}
    for number, calls in enumerate(stages):
        for call in calls:
            written = _may_write(call)
            for array in arrays_in(unfolded(call.kernel, call.arrays)[1]):
                first, last = span(array)
                if blocks.find(array) or any(start <= first and last <= end for start, end in spans):
                    continue
                writes = array.flags.writeable and any(array is one for one in written)
                for before, other, wrote in seen.setdefault(first, []):
                    if before != number and (wrote or writes):
                        raise KernelError(
                            f"layer {call.layer}: its {call.direction} uses an array of shape {array.shape} that this "
                            f"layer made and its {other.direction} uses too, and between the two other packs are run "
                            "(a layer of this network needs the whole batch). bind must take it from "
                            "buffers.pack(shape); a constant must be read-only: array.flags.writeable = False"
                        )
                seen[first].append((number, call, writes))


def _may_write(call: Call) -> list[np.ndarray]:
    """The arrays that a call may write: by the signature of its kernel, or all where there is none."""
    if call.problem is None:
        return arrays_in(call.arrays)
    writes = {one.kernel: (one.arguments, one.writes) for one in call.problem.kernels.signatures()}
    names, own = writes[call.direction]
    return [array for name, array in zip(names, call.arrays, strict=True) if name in own]
