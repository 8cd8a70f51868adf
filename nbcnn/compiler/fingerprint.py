"""The fingerprint of compiled code: a digest of everything that it depends on.

So machine code of another source text is never loaded in its place. It is made when code is compiled or looked for in
the cache, for only then all that it reaches is there.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import llvmlite
import numba
import numpy as np

from nbcnn.compiler.reachable import Reach
from nbcnn.compiler.sources import LANGUAGE, file_digest, texts

SETTINGS = (
    "BOUNDSCHECK",
    "OPT",
    "LOOP_VECTORIZE",
    "SLP_VECTORIZE",
    "DEBUGINFO_DEFAULT",
    "DISABLE_INTEL_SVML",
    "EXTEND_VARIABLE_LIFETIMES",
    "LLVM_REFPRUNE_PASS",
    "LLVM_REFPRUNE_FLAGS",
)
"""Numba's environment variables that change code."""

_LANGUAGE = {name: file_digest(str(Path(__file__).parents[1] / name)) for name in LANGUAGE}
"""Read before they are imported: an upgrade may replace the files of a process that goes on."""


class Fingerprint(NamedTuple):
    """A digest of a function's compiled code. Where ``lasting`` is False it holds in this process only."""

    digest: str
    lasting: bool


def fingerprint(function, options) -> Fingerprint:
    """The fingerprint of a Python function compiled with ``options`` now, with the present values of all its names."""
    reach = Reach(function)
    parts = [sys.version, numba.__version__, llvmlite.__version__, np.__version__]
    parts += [repr(sorted(options.items(), key=str)), *(str(getattr(numba.config, name, None)) for name in SETTINGS)]
    parts += [*_LANGUAGE.values(), *reach.parts, *map(str, texts(reach.modules).items())]
    return Fingerprint(hashlib.sha256("\n".join(parts).encode(errors="surrogatepass")).hexdigest(), reach.lasting)
