"""Threads add to one total in the order of their pieces; who is late says so, and nothing is lost."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from numba import config

from nbcnn.compiler.jit import kernel
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.engine.ordered_sum import add_in_turn
from nbcnn.kernels.turns import read_atomic, take_next, write_atomic


def test_it_adds_in_its_turn_and_passes_it_on(dtype: str) -> None:
    fence = GuardedArrays()
    total, part = fence.output("total", (37,), dtype), fence.input("part", np.arange(37).astype(dtype))
    turn, late = np.zeros(1, np.int64), np.ones(1, np.int64)
    total[:] = np.nan  # of the batch before
    for piece in range(3):
        add_in_turn(total, total[:0], part, (np.array([piece, 99]), turn, late))
        assert (turn[0], late[0]) == (piece + 1, 0)
        np.testing.assert_array_equal(total, (piece + 1) * np.arange(37))
    fence.check()


@pytest.mark.parametrize("turn_of", [-1, 0, 3])
def test_out_of_turn_nothing_is_added_and_the_turn_stays(turn_of: int) -> None:
    total, turn, late = np.ones(5), np.array([turn_of]), np.zeros(1, np.int64)
    add_in_turn(total, total[:0], np.ones(5), (np.array([2, 9]), turn, late))
    assert (turn[0], late[0]) == (turn_of, 1)
    assert total.tolist() == [1] * 5


@kernel
def wait_for(turn, piece):
    while read_atomic(turn) != piece:
        pass


@pytest.mark.jit
def test_a_kernel_that_waits_sees_what_another_thread_writes() -> None:
    """A plain read in such a loop would be made once, and the loop would never end."""
    turn = np.zeros(1, np.int64)
    wait_for(turn, 0)
    waiting = threading.Thread(target=wait_for, args=(turn, 1), daemon=True)
    waiting.start()
    time.sleep(0.01)
    assert waiting.is_alive()
    pass_on_from_python(turn, 1)
    waiting.join(timeout=20)
    assert not waiting.is_alive()


@kernel
def pass_on_from_python(turn, piece):
    write_atomic(turn, piece)


@kernel
def take_all(following, pieces, taken):
    """How often each piece was taken, by this thread."""
    piece = take_next(following)
    while piece < pieces:
        taken[piece] += 1
        piece = take_next(following)


def test_each_piece_is_taken_once() -> None:
    pieces = 20_000 if not config.DISABLE_JIT else 20
    following, taken = np.zeros(1, np.int64), np.zeros((3, pieces), np.int64)
    threads = [threading.Thread(target=take_all, args=(following, pieces, own)) for own in taken]
    if config.DISABLE_JIT:
        take_all(following, pieces, taken[0])
        threads = []
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (taken.sum(axis=0) == 1).all()
    assert following[0] >= pieces
