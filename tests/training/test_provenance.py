"""What run.json says of the environment is what is in force, as Numba and BLAS have it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numba
import numpy as np
import pytest

from nbcnn.compiler.host import fuses
from nbcnn.compiler.jit import kernel
from nbcnn.training.provenance import made_with


def made_elsewhere(**environment: str) -> dict[str, Any]:
    """``made_with`` of a process with these variables."""
    program = "import json; from nbcnn.training.provenance import made_with; print(json.dumps(made_with()))"
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_variables_that_decide_code_are_recorded_as_they_are_in_force() -> None:
    here = made_with()
    numba_own = {"NUMBA_OPT": "max", "NUMBA_LOOP_VECTORIZE": "0", "NUMBA_BOUNDSCHECK": "1", "NUMBA_CPU_NAME": "x86-64"}
    libraries = {"NPY_DISABLE_CPU_FEATURES": "", "MKL_CBWR": "COMPATIBLE"}
    there = made_elsewhere(**numba_own, NUMBA_CPU_FEATURES="+sse2", **libraries)
    changed = {key: value for key, value in there["settings"].items() if here["settings"].get(key) != value}
    assert changed == numba_own | {"NUMBA_CPU_FEATURES": "+sse2"} | libraries
    if not numba.config.DISABLE_JIT and here["machine"] == "Linux x86_64":
        assert there["fused"] == "no"
    assert {key for key in here if here[key] != there[key]} <= {"settings", "fused"}


@kernel
def multiply_add(x, y):  # type: ignore[no-untyped-def]
    for i in range(y.size):
        y[i] = x[i] * x[i] - y[i]


@pytest.mark.jit
def test_fused_is_what_compiled_code_does() -> None:
    """The error of a rounded product is what a fused one leaves, and 0 otherwise."""
    x = np.full(64, 1 + 2.0**-12, np.float32)
    y = x * x
    multiply_add(x, y)
    assert bool(y.any()) == fuses() == (made_with()["fused"] == "yes")


def test_blas_is_named_with_what_it_takes_the_processor_for() -> None:
    words = made_with()["blas"].split()
    assert words == ["none"] or (len(words) >= 2 and any(letter.isdigit() for letter in words[1]))
