from __future__ import annotations

import numba
import pytest

SLOWLY = bool(numba.config.DISABLE_JIT)
"""Kernels run as plain Python (NUMBA_DISABLE_JIT=1): the same tests, but for those marked ``jit``."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Under NUMBA_DISABLE_JIT=1 there is no machine code and no cache to test."""
    if SLOWLY:
        left_out = [item for item in items if item.get_closest_marker("jit")]
        items[:] = [item for item in items if not item.get_closest_marker("jit")]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    """Both precisions that kernels are compiled for."""
    return str(request.param)
