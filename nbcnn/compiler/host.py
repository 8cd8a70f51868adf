"""The compile environment as part of a fingerprint: compiler, its settings, CPU features."""

from __future__ import annotations

import os
import platform
from functools import cache

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba.core.registry import cpu_target

NUMBA_SETTINGS = {
    "NUMBA_OPT": "OPT",
    "NUMBA_LOOP_VECTORIZE": "LOOP_VECTORIZE",
    "NUMBA_SLP_VECTORIZE": "SLP_VECTORIZE",
    "NUMBA_BOUNDSCHECK": "BOUNDSCHECK",
    "NUMBA_DEBUGINFO": "DEBUGINFO_DEFAULT",
    "NUMBA_DISABLE_JIT": "DISABLE_JIT",
    "NUMBA_CPU_NAME": "CPU_NAME",
    "NUMBA_CPU_FEATURES": "CPU_FEATURES",
    "NUMBA_ENABLE_AVX": "ENABLE_AVX",
    "NUMBA_DISABLE_INTEL_SVML": "DISABLE_INTEL_SVML",
}
"""Those of Numba's variables that decide which code it makes, and what each is called in ``numba.config``."""

LIBRARY_SETTINGS = (
    "OPENBLAS_CORETYPE",
    "BLIS_ARCH_TYPE",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
)
"""Variables by which BLAS (called by im2col) and NumPy (for the tables of fft) use code for another CPU."""

NOT_SET = "not set"

_MULTIPLY_ADD = """
declare float @llvm.fmuladd.f32(float, float, float)
define float @sum(float %a, float %b, float %c) {
  %s = call float @llvm.fmuladd.f32(float %a, float %b, float %c)
  ret float %s
}
"""


def is_compiled() -> bool:
    """Whether kernels are compiled, not plain Python under NUMBA_DISABLE_JIT=1."""
    return not numba.config.DISABLE_JIT


def compiler() -> dict[str, str | bool]:
    """Versions of Numba, llvmlite and NumPy (whose matrix product some backends call), and Numba's settings."""
    versions = {"numba": numba.__version__, "llvmlite": llvmlite.__version__, "numpy": np.__version__}
    known = {"compiled": is_compiled(), "bounds checked": bool(numba.config.BOUNDSCHECK)}
    return versions | known | settings()


def settings() -> dict[str, str]:
    """The environment's settings that change code, and so may change a bit, as they are in force: variable → value.

    Numba's may come from its configuration file too, and all of them are here; of the others those that are set.
    """
    found = {name: _shown(getattr(numba.config, own, None)) for name, own in NUMBA_SETTINGS.items()}
    return found | {name: os.environ[name] for name in LIBRARY_SETTINGS if name in os.environ}


def _shown(value: object) -> str:
    if value is None or value == "":
        return NOT_SET
    if isinstance(value, int):  # a level of optimisation knows what was written: "max" is not 3
        return str(getattr(value, "_raw_value", int(value)))
    return str(value)


@cache
def fuses() -> bool:
    """Whether a product and a sum may become one instruction (FMA), which rounds once and not twice; by asking LLVM."""
    machine = cpu_target.target_context.codegen()._tm
    return "fma" in machine.emit_assembly(binding.parse_assembly(_MULTIPLY_ADD))


@cache
def _host_cpu() -> tuple[str, frozenset[str]]:
    """Asked once: llvmlite takes a lock for it, and a thread that an interrupt ends there would leave it held."""
    features = binding.get_host_cpu_features()
    return binding.get_host_cpu_name(), frozenset(name for name, there in features.items() if there)


def target() -> tuple[str, list[str]]:
    """LLVM's name of this CPU, and its instruction sets."""
    name, features = _host_cpu()
    return name, sorted(features)


def vector_registers() -> tuple[int, int]:
    """How many vector registers the code may use that Numba compiles here, and how many bits each holds."""
    if platform.machine() in ("aarch64", "arm64"):
        return 32, 128
    if numba.config.CPU_FEATURES is None:
        there = {*_host_cpu()[1]}
    else:
        there = {name[1:] for name in numba.config.CPU_FEATURES.split(",") if name.startswith("+")}
    return (32, 512) if "avx512f" in there else (16, 256) if "avx" in there else (16, 128)
