"""A thread of the engine: buffers for one pack, and a call list for each mode that is replayed pack by pack."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from nbcnn.engine import ordered_sum
from nbcnn.engine.augmented_pack import AugmentedPackBuffers, augmented, mixed
from nbcnn.engine.batch import Batch, BatchInputs, Mode
from nbcnn.engine.call_list import CallList
from nbcnn.engine.fusion import fuse
from nbcnn.engine.network import Network
from nbcnn.engine.thread_pool import AbandonedError
from nbcnn.layers.base import Call

SLEEP = 50e-6
"""Seconds between two looks at whose gradient is added next, where that thread can't be running."""


class Worker:
    """The packs that one thread takes of a batch."""

    def __init__(self, network: Network, training: bool) -> None:
        self.buffers = AugmentedPackBuffers(network, training)
        self._given: dict[Mode, tuple[Batch, BatchInputs]] = {}
        self._lists: dict[Mode, Any] = {}

    def calls(self, mode: Mode, batch: Batch, inputs: BatchInputs) -> list[Call]:
        """All kernel calls for a pack, in order; those of an activation and the pooling that reads it are one."""
        pack = self.buffers
        made = [*pack.gather(batch, inputs), *pack.forward]
        if mode == "predict":
            return fuse([*made, *pack.outputs(batch)])
        made += pack.loss(batch, mixed(inputs))
        if mode == "train":
            made += [*pack.loss_gradient(mixed(inputs)), *pack.backward, *pack.add_gradient(batch)]
        return fuse(made)

    def begin(self, mode: Mode, batch: Batch, inputs: BatchInputs, images: int) -> None:
        """Get ready for packs of a batch of so many images."""
        self.buffers.place[1], self.buffers.late[0] = images, 0
        known, given = self._given.pop(mode, (None, None))  # who is interrupted here leaves no half-changed call list
        kinds = [(augmented(one), mixed(one)) for one in (given or inputs, inputs)]
        if known is not batch or kinds[0] != kinds[1]:
            calls = self.calls(mode, batch, inputs)
            self._lists[mode] = CallList(((call.kernel, call.arrays) for call in calls), pieces=True)
        elif given is not inputs:
            for number, call in enumerate(self.buffers.gather(batch, inputs)):
                self._lists[mode].replace(number, (call.kernel, call.arrays))
        self._given[mode] = batch, inputs

    def use(self, mode: Mode, call_list: Callable[[], None]) -> None:
        """Replay another call list in this mode, one with a clock (timed_replay.py), until the batch is another."""
        self._lists[mode] = call_list

    def call_list(self, mode: Mode) -> tuple[Callable[[], None], list[Call]]:
        """What is replayed since the last ``begin``, and its calls."""
        return self._lists[mode], self.calls(mode, *self._given[mode])

    def native(self, mode: Mode) -> bool:
        """Whether no call of this mode is made in Python, where BLAS may be called."""
        native: bool = self._lists[mode].native
        return native

    def run(self, mode: Mode) -> None:
        """Take packs while there are any, and make all calls for each.

        Without Python between packs, where two threads that want its lock would wait for each other: that cost 7 % of a
        prediction's time. Raises AbandonedError where the gradient of a pack before will never come.
        """
        calls, (batch, _), pack = self._lists[mode], self._given[mode], self.buffers
        if calls.native:
            while not calls.play_pieces((pack.place, pack.late, batch.next_pack), batch.packs):
                self._wait(batch)
            return
        while (number := batch.take()) < batch.packs:
            pack.place[0] = number
            calls()
            self._wait(batch)

    def _wait(self, batch: Batch) -> None:
        while self.buffers.late[0]:
            if batch.failed:
                raise AbandonedError
            time.sleep(SLEEP)
            ordered_sum.add_in_turn(*self.buffers.sum_arrays(batch))
