"""What the speed of compiled code depends on besides its source: the compiler, its settings, the CPU as it sees it."""

from __future__ import annotations

import platform

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


def vector_registers() -> tuple[int, int]:
    """How many vector registers the code may use that Numba compiles here, and how many bits each holds."""
    if platform.machine() in ("aarch64", "arm64"):
        return 32, 128
    if numba.config.CPU_FEATURES is None:
        there = {name for name, has in binding.get_host_cpu_features().items() if has}
    else:
        there = {name[1:] for name in numba.config.CPU_FEATURES.split(",") if name.startswith("+")}
    return (32, 512) if "avx512f" in there else (16, 256) if "avx" in there else (16, 128)
