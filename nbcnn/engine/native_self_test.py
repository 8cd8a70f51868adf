"""A self-test of native calls: whether a kernel does the same for native code, by its address, as for Python.

Numba and the processor's calling convention decide how arguments are passed, and neither promises to stay as it is. So
before the first call list of a process, kernels with arguments of every kind are called both ways (call_list.py).
"""

from __future__ import annotations

import struct

import numpy as np

from nbcnn.compiler.jit import kernel
from nbcnn.compiler.native_call import native_call, word_flaw


@kernel
def every_kind(a, b, c, d, e, locked, number, numbers, y):
    """y: a number from each array's end, of 1 to 5 dimensions, and from each whole number. 73 words and the outcome's.

    Raises ValueError for a number below 0, which native code sees as a status.
    """
    if number < 0:
        raise ValueError
    (one, two), three = numbers
    y[0] = a[a.size - 1]
    y[1] = b[b.shape[0] - 1, 1]
    y[2] = c[1, c.shape[1] - 1, 1]
    y[3] = d[1, 1, d.shape[2] - 1, 1]
    y[4] = e[1, 1, 1, e.shape[3] - 1, 1]
    y[5] = locked[locked.size - 1]
    y[6] = number + 10 * one + 100 * two + 1000 * three


@kernel
def few_words(y):
    """y[0] = 1: most words of a row are not looked at."""
    y[0] = 1


def self_test_calls():
    """The calls of the self-test, pairs (kernel, arguments): two that go well, one that fails. The last array is y."""
    arrays = []
    for dimensions, dtype in enumerate(("f4", "f8", "i8", "f8", "f4", "f4"), 1):
        shape = (2,) * dimensions if dimensions < 6 else (3,)
        room = np.arange(256, dtype=dtype)[64 * (dimensions % 3) :]  # an address that is wrong by little reads others
        arrays.append(room[: 2**dimensions].reshape(shape) if dimensions < 6 else room[:3])
    arrays[-1].flags.writeable = False
    given = (*arrays, 3, ((1, 2), 4))
    return [
        (every_kind, (*given, np.zeros(16)[:7])),
        (few_words, (np.zeros(16, np.float32)[:2],)),
        (every_kind, (*arrays, -1, ((1, 2), 4), np.zeros(16)[:7])),
    ]


def flaw(play) -> str:
    """What does not hold, or "" where all does. ``play(kernel, arguments, address)`` has native code make a call; gives
    whether it went well."""
    if struct.calcsize("P") != 8:
        return f"addresses have {8 * struct.calcsize('P')} bits here, not 64"
    for function, arguments in self_test_calls():
        made = native_call(function, arguments)
        if made is None:
            return f"{function.py_func.__name__} has no address"
        if said := word_flaw(function, arguments):
            return said
        try:
            function(*arguments)
        except ValueError:
            wanted = None
        else:
            wanted = arguments[-1].tobytes()
        arguments[-1][...] = 0
        went_well = play(*made)
        if went_well != (wanted is not None):
            return "a kernel that fails and one that does not can't be told apart"
        if went_well and arguments[-1].tobytes() != wanted:
            return f"{function.py_func.__name__} gives other numbers"
    return ""
