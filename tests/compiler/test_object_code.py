"""Kernels as machine code alone: what a cache entry holds, and what a process that only loads leaves undone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHILD = """
import numpy as np
from numba.core.runtime import rtsys
from nbcnn.compiler.compile_log import COMPILE_LOG
from nbcnn.compiler.native_call import native_call
from nbcnn.kernels.packs import add

total, part = np.zeros(3, np.float32), np.arange(3, dtype=np.float32)
add(total, part)
print([entry.how for entry in COMPILE_LOG], rtsys._init, total.tolist(), native_call(add, (total, part))[2] != 0)
"""


@pytest.mark.jit
def test_a_loaded_kernel_is_called_without_llvms_compiler(tmp_path: Path) -> None:
    told = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", CHILD],
            env={**os.environ, "NBCNN_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(done.stdout.strip())
    assert told == ["['compiled'] True [0.0, 1.0, 2.0] True", "['loaded'] False [0.0, 1.0, 2.0] True"]
