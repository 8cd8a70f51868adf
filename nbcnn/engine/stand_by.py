"""Kernels in which an engine's helper threads wait for the next batch, and take its packs without Python.

A helper that Python gives its job begins later than the caller, and ends later, for it needs Python's lock before and
after, and its code comes from far caches. So a helper stays where it is after a batch, in ``replay_batches``, and looks
for a while whether it is called to the next one. It can be where that is of the same mode and one stage, whose calls
are all compiled. LeNet's step takes 0.98 of the time in batches of 256, 0.95 in batches of 64; a prediction of 256
images 0.95, of 32 0.89.

Each helper has a line of memory: its state, the packs of the batch that it is called to, how many jobs it was given by
Python, how many of them it had done when it came to rest, whether it is to be called, and whether it was.
"""

from __future__ import annotations

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.engine.replay import DONE, replay_pieces
from nbcnn.kernels.turns import read_atomic, swap, write_atomic

AWAY, LISTENING, CALLED, IN_PYTHON = 0, 1, 2, 3
"""States. IN_PYTHON: it has left compiled code with work to do, or an error."""

STATE, PACKS, GIVEN, RESTED, WANTED, CAME = 0, 1, 2, 3, 4, 5
"""What a helper's line holds, in this order."""

LINE = 8
"""Numbers of a cache line, which each helper has to itself."""

LOOKS = 300_000
"""For how long a helper stands by: some 300 µs, more than what Python does between steps."""

NOBODY = np.zeros(LINE, np.int64), 0, 0
"""What replay_batches takes for a thread that was not called: it plays once."""


@kernel
def replay_batches(addresses, rows, where, pieces, moves, helper):
    """Play the pieces of batches as ``replay_pieces``, whenever a helper is called; DONE where it was not for a while.

    ``helper`` is its line, how often it looks, and how many jobs it has done. With no looks it is the caller, who plays
    once, ``pieces`` of them. Else what stopped it, as replay_pieces says.
    """
    line, looks, jobs = helper
    if looks > 0:
        write_atomic(line[RESTED:], jobs)
        write_atomic(line, LISTENING)
    while True:
        if looks > 0:
            for _ in range(looks):
                if read_atomic(line) != LISTENING or read_atomic(line[GIVEN:]) != jobs:
                    break
            if swap(line, LISTENING, AWAY):
                return DONE
            pieces = line[PACKS]
        outcome = replay_pieces(addresses, rows, where, pieces, moves)
        if looks == 0:
            return outcome
        write_atomic(line, LISTENING if outcome == DONE else IN_PYTHON)
        if outcome != DONE:
            return outcome


@kernel
def call_wanted(lines, helpers):
    """Call those of the first helpers that are WANTED and listen; says in CAME of their lines which these were."""
    for h in range(helpers):
        lines[h, CAME] = lines[h, WANTED] != 0 and swap(lines[h], LISTENING, CALLED)


@kernel
def wait_for_batch(following, pieces, looks, line, jobs):
    """Wait until somebody takes the first of the next batch's pieces; gives up after so many looks, 1 ns or so each.

    Before that, following[0] is at least ``pieces``, where it was left, or 0, which a batch begins with. That this
    thread waits here, and holds no lock of Python's, it says in its line.
    """
    write_atomic(line[RESTED:], jobs)
    for _ in range(looks):
        if 0 < read_atomic(following) < pieces:
            break


@kernel
def wait_for_rest(lines, helpers, looks):
    """Wait until the first helpers have played what they were called to and done what they were given; so many looks
    at each."""
    for h in range(helpers):
        line = lines[h]
        for _ in range(looks):
            if read_atomic(line) != CALLED and read_atomic(line[RESTED:]) == read_atomic(line[GIVEN:]):
                break
