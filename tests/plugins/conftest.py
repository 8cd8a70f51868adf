from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numba
import pytest

import nbcnn.plugins
from nbcnn.kernels import registry
from nbcnn.plugins import Plugin, load_plugin

PLUGINS = Path(__file__).parent.parent.parent / "plugins"
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
    del nbcnn.plugins._loaded[loaded.file]
    for key, backend in list(registry._registered.items()):
        if backend.__module__ == f"nbcnn_plugin_{name}":
            del registry._registered[key]
    registry.backend.cache_clear()
    registry.prepare.cache_clear()
