from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import pytest

from nbcnn.plugins import Plugin, load_plugin, unload_plugin
from nbcnn.plugins.modules import module_name

PLUGINS = Path(__file__).resolve().parent.parent.parent / "plugins"
SLOWLY = bool(numba.config.DISABLE_JIT)
"""Kernels run as plain Python (NUMBA_DISABLE_JIT=1)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole suite on plain Python would take minutes a backend."""
    if SLOWLY:
        items[:] = [item for item in items if not item.get_closest_marker("jit")]


@pytest.fixture(scope="module", autouse=True)
def plugin(request: pytest.FixtureRequest) -> Iterator[Plugin]:
    """plugins/NAME.py is loaded for tests/plugins/test_NAME.py, and known to no other test."""
    name = Path(str(request.module.__file__)).stem.removeprefix("test_")
    loaded = load_plugin(PLUGINS / f"{name}.py")
    yield loaded
    unload_plugin(loaded)


def module_of(name: str) -> Any:
    """The module that plugins/NAME.py is loaded as."""
    return sys.modules[module_name(PLUGINS / f"{name}.py")]
