"""A list of kernel calls that native code makes in a row, without returning to Python.

Between two kernels that Python calls, a thread must take Python's lock, and with several threads each waits for the
others at every layer. So an engine stores its calls once, arguments and all, and native code makes them without the
lock from the first to the last. LeNet's training step on 2 threads: 60,000 images/s call by call, 73,000 from the list
(tests/benchmarks/call_list.py).
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from numba import config, typeof

from nbcnn.compiler.compile_log import expect_kernels, listened_to
from nbcnn.compiler.jit import is_kernel, missing
from nbcnn.compiler.native_call import WORDS, addresses_in, native_call, words_of
from nbcnn.engine import native_self_test
from nbcnn.engine.replay import DONE, replay
from nbcnn.engine.stand_by import NOBODY, replay_batches
from nbcnn.kernels.contract import unfolded
from nbcnn.util.spans import in_row

NO_ROWS = np.zeros((1, 0), np.uint8)
"""Memory of which pieces have nothing."""
NO_MOVES = np.zeros((0, 2), np.int64), np.zeros(0, np.int64), np.zeros(1, np.int64)


class CallList:
    """Calls as pairs (kernel, arrays). Compiles what is not compiled yet; keeps all arrays alive.

    ``pieces``: it will be played for these, where no call is Python's. ``rows`` (pieces, n) is memory of which each
    piece has a row: arrays that lie in row 0 are those of piece 0.
    """

    def __init__(self, calls, pieces=False, rows=NO_ROWS) -> None:
        self.rows = rows
        self._parts: list = []
        self._places: list = []  # of each call: its part, and its place there
        calls = list(calls)
        expect_calls(calls, pieces)
        for call in calls:
            compiled = native_call(*unfolded(*call)) if native_calls_hold() else None
            if compiled is None:
                self._parts.append(list(call))
            else:
                if not self._parts or not isinstance(self._parts[-1], _NativeCalls):
                    self._parts.append(_NativeCalls())
                self._parts[-1].add(*compiled)
            part = self._parts[-1]
            self._places.append((part, len(part) - 1))

        self.native = all(isinstance(part, _NativeCalls) for part in self._parts)
        """Whether no call on it is made by Python."""

    def play_pieces(self, where, pieces, player=replay_batches, *arguments) -> bool:
        """Play it for each piece that is not taken yet, without Python between them; it must be ``native``.

        Whether all are taken: False where a call was late.
        """
        (stretch,) = self._parts
        return stretch.play(player, where, pieces, stretch.moves(self.rows), *(arguments or (NOBODY,))) == DONE

    def play_batches(self, where, helper) -> bool:
        """Play it for the pieces of each batch that a ``helper`` is called to (stand_by.py), until it is not any more;
        False where a call was late.
        """
        return self.play_pieces(where, 0, replay_batches, helper)

    def replace(self, number, call) -> None:
        """Put a call in the place of one that, like it, is compiled or Python's: the same on other arrays, say."""
        part, place = self._places[number]
        if isinstance(part, _NativeCalls):
            part.replace(place, *call)
        else:
            part[:] = call

    @property
    def parts(self) -> list:
        """Stretches of compiled calls, and pairs of a Python function and its arguments, in order."""
        return self._parts

    def __call__(self, piece=0) -> None:
        """Play it, for one of its pieces."""
        for part in self._parts:
            if isinstance(part, _NativeCalls):
                part.move(self.rows, piece)
                part.play()
            else:
                part[0](*in_row(part[1], self.rows, piece))


class _NativeCalls:
    """Compiled calls in a row."""

    def __init__(self) -> None:
        self._calls: list[tuple] = []
        self._addresses = np.zeros(0, np.int64)
        self._rows, self._scratch = np.zeros((0, WORDS), np.int64), np.zeros(WORDS, np.int64)
        self._moves: tuple | None = None

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, dispatcher, arguments, address) -> None:
        self._calls.append(())
        self._addresses = np.append(self._addresses, 0)
        self._rows = np.concatenate([self._rows, np.zeros((1, WORDS), np.int64)])
        self.put(len(self) - 1, dispatcher, arguments, address)

    def put(self, place, dispatcher, arguments, address) -> None:
        words = [self._scratch.ctypes.data, self._scratch[8:].ctypes.data, *words_of(arguments)]
        self._rows[place, : len(words)] = words
        self._addresses[place] = address
        self._calls[place] = (dispatcher, arguments)

    def replace(self, place, function, arrays) -> None:
        """An array of the same type as before keeps the compiled code: 4 µs, where Numba takes 60 to find it again."""
        if self._moves is not None:
            words, addresses, _ = self._moves
            self._rows[words[:, 0], words[:, 1]] = addresses
            self._moves = None
        dispatcher, held = self._calls[place]
        first = 2  # after the outcome's
        same = function is dispatcher and all(
            new is old or _alike(new, old) for new, old in zip(arrays, held, strict=True)
        )
        if not same:
            self.put(place, *native_call(*unfolded(function, arrays)))
            return
        for new, old in zip(arrays, held, strict=True):
            words = 5 + 2 * np.ndim(old)
            if new is not old:
                self._rows[place, first : first + words] = words_of(new)
            first += words
        self._calls[place] = (dispatcher, arrays)

    def moves(self, memory):
        """The words that are addresses in row 0 of ``memory`` (pieces, n), as replay_pieces takes them."""
        if not memory.size:
            return NO_MOVES
        if self._moves is None:
            start, step = memory.ctypes.data, memory.strides[0]
            found = [
                (row, place)
                for row, (_, arguments) in enumerate(self._calls)
                for place in addresses_in(arguments, 2)  # after the outcome's
                if start <= self._rows[row, place] < start + step
            ]
            words = np.array(found, np.int64).reshape(-1, 2)
            self._moves = words, self._rows[words[:, 0], words[:, 1]], np.array([step], np.int64)
        return self._moves

    def move(self, memory, piece) -> None:
        """Have the calls those addresses that are of a piece."""
        words, first, step = self.moves(memory)
        if not first.size:
            return
        self._rows[words[:, 0], words[:, 1]] = first + piece * step

    def play(self, player=replay, *arguments) -> int:
        """Have ``player`` make the calls; raises what is wrong where one failed, else gives what it gave."""
        failed = player(self._addresses, self._rows, *arguments)
        if failed >= 0:
            dispatcher, arguments = self._calls[failed]
            dispatcher(*arguments)  # says in Python what is wrong
            raise RuntimeError(f"{dispatcher.py_func.__qualname__} failed, and did not when it was called again")
        return failed


@cache
def native_calls_hold() -> bool:
    """Whether native code can call kernels on this machine; warns where it can't, which costs speed and no bit."""
    flaw = "" if config.DISABLE_JIT else native_self_test.flaw(_goes_well)
    if flaw:
        warnings.warn(
            f"on this machine native code can't call kernels by their address ({flaw}); Python calls them one by one "
            "instead, which gives the same numbers and takes longer",
            RuntimeWarning,
            stacklevel=3,
        )
    return not flaw


def _goes_well(*call) -> bool:
    calls = _NativeCalls()
    calls.add(*call)
    return replay(calls._addresses, calls._rows) < 0


def expect_calls(calls, pieces=False) -> None:
    """Have those kernels of calls, pairs (kernel, arguments), counted that will have to be compiled.

    The player is one of them: that of ``pieces``, where these are wanted. What a Python function among the calls calls
    is not seen: it is counted when its turn comes.
    """
    if not listened_to():
        return
    made = [unfolded(*call) for call in calls]
    no_calls = (np.zeros(0, np.int64), np.zeros((0, WORDS), np.int64))
    if pieces and all(is_kernel(function) for function, _ in made):
        number = no_calls[0]
        moves = np.zeros((0, 2), np.int64), number, number
        made.append((replay_batches, (*no_calls, (number,) * 4, 0, moves, NOBODY)))
    else:
        made.append((replay, no_calls))
    if not native_calls_hold.cache_info().currsize:  # the self-test is still to come
        made += [(replay, no_calls), *native_self_test.self_test_calls()]
    for function, arguments in made:
        if is_kernel(function):
            signature = tuple(typeof(argument) for argument in arguments)
            expect_kernels(missing(function, signature))


def _alike(new, old) -> bool:
    """Whether Numba has the same type for two contiguous arrays."""
    if not isinstance(new, np.ndarray) or not isinstance(old, np.ndarray):
        return False
    kinds = [(array.dtype, array.ndim, array.flags.num, type(array)) for array in (new, old)]
    return kinds[0] == kinds[1]
