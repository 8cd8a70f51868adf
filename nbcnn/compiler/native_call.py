"""Native addresses and argument words of compiled kernels, by which native code calls them without Python.

A compiled kernel is a native function ``status f(result *, exception **, words...)``: an array is handed over as seven
words and more (owner, parent, size, item size, address, shape, strides), a whole number as one. All are 64-bit words,
so a call is an address and a row of words. Surplus words at the end of a row are not looked at, as C's calling
conventions have it on 64-bit processors. What is no compiled kernel, such as a function around a matrix product, stays
a Python call, which divides the call list in two.
"""

from __future__ import annotations

import struct
from weakref import WeakKeyDictionary

import numpy as np
from llvmlite import ir
from numba import config, typeof, types
from numba.core.dispatcher import Dispatcher

WORDS = 80
"""The longest row: direct's grad_weight takes up to 74."""

ARRAY = ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "strides")
"""What of an array is handed over, in Numba's names and order."""


_ADDRESSES: WeakKeyDictionary = WeakKeyDictionary()
"""By kernel and types, each asked for once: Numba and llvmlite take locks for it, and an exception that ends a thread
between taking a lock and the code that releases it would leave the lock held for all other threads."""


def native_call(function, arguments):
    """Dispatcher, arguments and native address of a call that native code can make, or None.

    A kernel that gives something back may not: there is nobody to take it.
    """
    if config.DISABLE_JIT or struct.calcsize("P") != 8:
        return None
    words = words_of(arguments)
    if not isinstance(function, Dispatcher) or not words or len(words) + 2 > WORDS:
        return None
    signature = tuple(typeof(argument) for argument in arguments)
    known = _ADDRESSES.setdefault(function, {})
    if signature not in known:
        known[signature] = _address(function, signature)
    return None if known[signature] is None else (function, arguments, known[signature])


def _address(function, signature) -> int | None:
    """The address of a kernel compiled for these types; None for one that gives something back."""
    function.compile(signature)
    compiled = function.overloads[signature]
    if compiled.signature.return_type != types.none:
        return None
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def words_of(value) -> list[int]:
    """An argument as native words; [] for one that isn't made of arrays and whole numbers."""
    if isinstance(value, np.ndarray):
        return [0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides]
    if isinstance(value, tuple):
        parts = [words_of(item) for item in value]
        return [word for part in parts for word in part] if all(parts) else []
    return [value] if isinstance(value, int) and not isinstance(value, bool) else []


def addresses_in(value, first) -> list[int]:
    """The places of arrays' addresses among the words of an argument, which begin at place ``first``."""
    if isinstance(value, np.ndarray):
        return [first + ARRAY.index("data")]
    places = []
    for item in value if isinstance(value, tuple) else ():
        places += addresses_in(item, first)
        first += len(words_of(item))
    return places


def word_flaw(function, arguments) -> str:
    """What Numba hands over otherwise than words_of has it, or "": seen before a kernel is called with wrong words."""
    signature = tuple(typeof(argument) for argument in arguments)
    handed = function.targetctx.get_arg_packer(function.overloads[signature].fndesc.argtypes).argument_types
    if len(handed) != len(words_of(arguments)):
        return f"a kernel takes {len(handed)} words, where {len(words_of(arguments))} were expected"
    if not all(isinstance(word, ir.PointerType) or word == ir.IntType(64) for word in handed):
        return "a kernel takes words that have not 64 bits"
    models = [function.targetctx.data_model_manager[kind] for kind in signature if isinstance(kind, types.Array)]
    return "" if all(tuple(model._fields) == ARRAY for model in models) else "arrays are handed over in another order"
