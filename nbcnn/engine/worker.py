"""A thread of the engine: memory for one pack, and a call list for each stage of each mode, replayed pack by pack."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from nbcnn.engine import ordered_sum
from nbcnn.engine.augmented_pack import AugmentedPackBuffers, augmented, mixed
from nbcnn.engine.batch import Batch, BatchInputs, Mode
from nbcnn.engine.call_list import NO_ROWS, CallList
from nbcnn.engine.captured_arrays import refuse_captured
from nbcnn.engine.common_memory import BYTES, Rows, SharedArrays
from nbcnn.engine.fusion import fuse
from nbcnn.engine.memory_plan import Blocks, Memory, Relocation, plan, refuse_unplanned
from nbcnn.engine.network import Network
from nbcnn.engine.progress import Progress
from nbcnn.engine.stages import in_turn, stages_of, with_sums
from nbcnn.engine.thread_pool import AbandonedError
from nbcnn.layers.base import Call
from nbcnn.util.aligned import zeros

SLEEP = 50e-6
"""Seconds between two looks at what another thread is to do first, where that thread can't be running."""


class StageCalls:
    """The calls of a pack in one stage, and the list they are replayed from; ``late`` (n,) is of its calls in turn."""

    def __init__(self, calls: list[Call], late: np.ndarray, rows: np.ndarray, progress: Progress) -> None:
        self.calls, self.late, self.rows, self.progress = calls, late, rows, progress
        self.turns = [call for call in calls if call.in_turn]
        self.list: Any = CallList(((call.kernel, call.arrays) for call in calls), pieces=True, rows=rows)

    def replace(self, number: int, call: Call) -> None:
        """Put a call in the place of one like it."""
        self.calls[number] = call
        self.list.replace(number, (call.kernel, call.arrays))


class Worker:
    """The packs that one thread takes of a batch. ``shared`` and ``rows`` are those of all workers of an engine."""

    def __init__(
        self, network: Network, training: bool, shared: SharedArrays | None = None, rows: Rows | None = None
    ) -> None:
        self.buffers = AugmentedPackBuffers(network, training, shared)
        self._inference = AugmentedPackBuffers(network, False, like=self.buffers) if training else self.buffers
        self._parameters, self._rows, self._own = network.parameters, rows or Rows(), zeros((0,), BYTES)
        self._given: dict[Mode, tuple[Batch, BatchInputs]] = {}
        self._stages: dict[Mode, list[StageCalls]] = {}
        self._moves: dict[Mode, Relocation] = {}

    def calls(self, mode: Mode, batch: Batch, inputs: BatchInputs) -> list[Call]:
        """All kernel calls for a pack, in order; those of an activation and the pooling that reads it are one."""
        return [call for calls, _ in self._planned(mode, batch, inputs) for call in calls]

    def _planned(self, mode: Mode, batch: Batch, inputs: BatchInputs) -> list[tuple[list[Call], np.ndarray]]:
        """The calls of each stage on planned memory, and what its calls in turn say when they are late."""
        pack = self._of(mode)
        stages = stages_of(fuse(pack.calls(mode, batch, inputs)))
        if mode == "train":
            stages = with_sums(stages, pack.flat_gradient, batch.total, batch.done)
        both = {id(array): array for array in (*self.buffers.blocks, *self._inference.blocks)}
        refuse_captured((call for stage in stages for call in stage), Blocks([*both.values()]))
        blocks = Blocks(pack.blocks)
        if len(stages) > 1:
            known = (self._parameters, pack.flat_gradient, pack.work, pack.place, pack.step, batch.total, batch.done)
            refuse_unplanned(stages, blocks, [*known, *pack.shared_arrays])
        found = plan(stages, blocks)
        if self._own.size < found.own:
            self._own = zeros((found.own,), BYTES)
        memory = Memory(self._own, self._rows.of(batch.most_packs, found.row) if found.row else NO_ROWS)
        self._moves[mode] = moves = Relocation(blocks, found, memory)
        made, turns = [], 0
        for stage in stages:
            calls, late = in_turn(moves.calls(stage), batch.turn, turns, pack.place)
            made.append((calls, late))
            turns += late.size
        return made

    def _of(self, mode: Mode) -> AugmentedPackBuffers:
        return self.buffers if mode == "train" else self._inference

    def begin(self, mode: Mode, batch: Batch, inputs: BatchInputs, images: int) -> None:
        """Get ready for packs of a batch of so many images."""
        self.buffers.place[1] = images
        known, given = self._given.pop(mode, (None, None))  # who is interrupted here leaves no half-changed call list
        kinds = [(augmented(one), mixed(one)) for one in (given or inputs, inputs)]
        if known is not batch or kinds[0] != kinds[1]:
            planned, rows = self._planned(mode, batch, inputs), self._moves[mode].memory.rows
            self._stages[mode] = [
                StageCalls(calls, late, rows, batch.stage(number)) for number, (calls, late) in enumerate(planned)
            ]
        elif given is not inputs:
            moves, gather = self._moves[mode], self._of(mode).gather(batch, inputs)
            # Augmentation makes views of its arrays anew, which have to be looked for.
            gather = moves.calls(gather) if augmented(inputs) else moves.same_blocks(gather)
            for number, call in enumerate(gather):
                self._stages[mode][0].replace(number, call)
        for stage in self._stages[mode]:
            stage.late[:] = 0
        self._given[mode] = batch, inputs

    def stages(self, mode: Mode) -> list[StageCalls]:
        """What is replayed since the last ``begin``.

        Another ``list`` may be put in each, one with a clock (timed_replay.py), until the batch is another.
        """
        return self._stages[mode]

    def native(self, mode: Mode) -> bool:
        """Whether no call of this mode is made in Python, where BLAS may be called."""
        return all(stage.list.native for stage in self._stages[mode])

    def run(self, mode: Mode) -> None:
        """In each stage take packs while there are any, and make all calls for each.

        Raises AbandonedError where the gradient of a pack before, or its part of a stage, will never come.
        """
        batch, stages = self._given[mode][0], self._stages[mode]
        for number, stage in enumerate(stages):
            self._run(batch, number, stage)
            if number + 1 < len(stages):
                self._wait_for_all(batch, stage.progress)

    def _run(self, batch: Batch, number: int, stage: StageCalls) -> None:
        """Without Python between packs, where two threads that want its lock would wait for each other: that cost 7 %
        of a prediction's time.
        """
        place, progress = self.buffers.place, stage.progress
        if stage.list.native:
            where = (place, stage.late, progress.next_pack, progress.finished)
            while not stage.list.play_pieces(where, batch.packs):
                self._end_late(batch, stage)
            return
        while (piece := batch.take(number)) < batch.packs:
            place[0] = piece
            stage.list(piece)
            self._wait(batch, stage)
            ordered_sum.mark_finished(progress.finished, piece)

    def calls_alone(self, mode: Mode) -> tuple[CallList, tuple[np.ndarray, ...]] | None:
        """The call list that a batch is played from without Python, and where (replay_pieces); None where it is not."""
        stage, *others = self._stages[mode]
        calls = stage.list
        if others or type(calls) is not CallList or not calls.native or stage.rows.size:
            return None
        return calls, (self.buffers.place, stage.late, stage.progress.next_pack, stage.progress.finished)

    def go_on(self, mode: Mode) -> None:
        """The rest of a batch of one stage whose call list was left because a call was late."""
        batch, (stage,) = self._given[mode][0], self._stages[mode]
        self._end_late(batch, stage)
        self._run(batch, 0, stage)

    def _end_late(self, batch: Batch, stage: StageCalls) -> None:
        self._wait(batch, stage)
        ordered_sum.mark_finished(stage.progress.finished, int(self.buffers.place[0]))

    def _wait(self, batch: Batch, stage: StageCalls) -> None:
        """Make the calls that came before their turn."""
        while stage.late.any():
            if batch.failed:
                raise AbandonedError
            time.sleep(SLEEP)
            for number in np.flatnonzero(stage.late):
                call = stage.turns[number]
                call.kernel(*call.arrays)

    def _wait_for_all(self, batch: Batch, progress: Progress) -> None:
        """Wait until all packs have made the calls of a stage."""
        while not ordered_sum.all_finished(progress.finished, batch.packs):
            if batch.failed:
                raise AbandonedError
            time.sleep(SLEEP)
