"""A call list that reads a clock after every call: the time of each call inside real steps.

The clock is the system's ``clock_gettime``, called from native code by its address: 25 ns a look, where one that Python
calls takes 100 and a way out of native code and back. Processors' own counters are quicker, but stand still, drift or
may not be read on some.
"""

from __future__ import annotations

import ctypes
import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nbcnn.compiler.jit import kernel
from nbcnn.engine.call_list import NO_ROWS, CallList, _NativeCalls
from nbcnn.engine.ordered_sum import mark_finished
from nbcnn.engine.replay import DONE, LATE, call_at
from nbcnn.errors import KernelError
from nbcnn.kernels.turns import take_next
from nbcnn.util.spans import in_row


@intrinsic
def _look(typingctx, clock, number, stamp):
    """Have clock_gettime, at address ``clock``, write seconds and nanoseconds to the address ``stamp``."""

    def codegen(context, builder, sig, args):
        word, small = ir.IntType(64), ir.IntType(32)
        function = ir.FunctionType(small, [small, word.as_pointer()]).as_pointer()
        found = builder.inttoptr(args[0], function)
        return builder.call(found, [builder.trunc(args[1], small), builder.inttoptr(args[2], word.as_pointer())])

    return types.int32(types.int64, types.int64, types.int64), codegen


@kernel
def replay_timed(addresses, rows, clock, stamp, spent):
    """As ``replay``; adds to spent (calls,) the nanoseconds that each call took, from the end of the one before.

    clock (2,): the address of clock_gettime, and which clock; stamp (2,) is scratch.
    """
    _look(clock[0], clock[1], stamp.ctypes.data)
    before = stamp[0] * 1_000_000_000 + stamp[1]
    for k in range(addresses.size):
        if call_at(addresses[k], rows.ctypes.data + k * rows.shape[1] * 8) != 0:
            return k
        _look(clock[0], clock[1], stamp.ctypes.data)
        now = stamp[0] * 1_000_000_000 + stamp[1]
        spent[k] += now - before
        before = now
    return -1


@kernel
def replay_pieces_timed(addresses, rows, where, pieces, moves, clock):
    """As ``replay_pieces``, with the clock's ``clock``, ``stamp`` and ``spent`` of replay_timed."""
    place, late, following, finished = where
    words, first, step = moves
    look, stamp, spent = clock
    piece = take_next(following)
    while piece < pieces:
        place[0] = piece
        for k in range(first.size):
            rows[words[k, 0], words[k, 1]] = first[k] + piece * step[0]
        failed = replay_timed(addresses, rows, look, stamp, spent)
        if failed >= 0:
            return failed
        for k in range(late.size):
            if late[k] != 0:
                return LATE
        mark_finished(finished, piece)
        piece = take_next(following)
    return DONE


class TimedCallList:
    """Calls as pairs (kernel, arrays), each with the time that it has taken; raises KernelError without a clock.

    ``spent`` (calls,) are nanoseconds since the last ``reset``, ``last`` is when the last playing ended, and ``late``
    are the nanoseconds between playings in which the thread waited: after those that left 1 in ``is_late`` (1,).
    """

    def __init__(self, calls, is_late, rows=NO_ROWS) -> None:
        calls = list(calls)
        self._call_list, self._is_late = CallList(calls, rows=rows), is_late
        self._clock, self._stamp = np.array(_clock(), np.int64), np.zeros(2, np.int64)
        self.spent = np.zeros(len(calls), np.int64)
        self.reset()

    @property
    def native(self) -> bool:
        """As of a call list."""
        return self._call_list.native

    def reset(self) -> None:
        """Everything from 0."""
        self.spent[:] = 0
        self.last = self.late = 0
        self.ended_late = False

    def __call__(self, piece=0) -> None:
        """Play it, for one of its pieces; what Python calls is timed by Python."""
        self._begin()
        place = 0
        for part in self._call_list.parts:
            if isinstance(part, _NativeCalls):
                part.move(self._call_list.rows, piece)
                here = self.spent[place : place + len(part)]
                part.play(replay_timed, self._clock, self._stamp, here)
                place += len(part)
            else:
                before = time.perf_counter_ns()
                part[0](*in_row(part[1], self._call_list.rows, piece))
                self.spent[place] += time.perf_counter_ns() - before
                place += 1
        self._end()

    def play_pieces(self, where, pieces) -> bool:
        """As a call list's."""
        self._begin()
        clock = (self._clock, self._stamp, self.spent)
        done = self._call_list.play_pieces(where, pieces, replay_pieces_timed, clock)
        self._end()
        return done

    def _begin(self) -> None:
        if self.ended_late:
            self.late += time.perf_counter_ns() - self.last

    def _end(self) -> None:
        self.ended_late = bool(self._is_late.any())  # something is left undone, for which its thread waits
        self.last = time.perf_counter_ns()


def _clock() -> tuple[int, int]:
    """The address of clock_gettime and the number of its steady clock."""
    try:
        function = ctypes.CDLL(None).clock_gettime
        return ctypes.cast(function, ctypes.c_void_p).value or 0, time.CLOCK_MONOTONIC
    except (AttributeError, OSError, TypeError):
        raise KernelError(
            "a profile needs the system's clock_gettime, and this system has none; "
            "nbcnn bench MODEL times its layers one by one"
        ) from None
