"""What the speed of compiled code depends on besides its source: the compiler, its settings, the CPU as it sees it."""

from __future__ import annotations

import llvmlite
import numba
import numpy as np
from llvmlite import binding


def compiler() -> dict[str, str | bool]:
    """Versions of Numba, llvmlite and NumPy (whose matrix product some backends call), and Numba's settings."""
    versions = {"numba": numba.__version__, "llvmlite": llvmlite.__version__, "numpy": np.__version__}
    return versions | {"compiled": not numba.config.DISABLE_JIT, "bounds checked": bool(numba.config.BOUNDSCHECK)}


def target() -> tuple[str, list[str]]:
    """LLVM's name of this CPU, and its instruction sets."""
    return binding.get_host_cpu_name(), sorted(name for name, there in binding.get_host_cpu_features().items() if there)
