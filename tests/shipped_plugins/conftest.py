from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcnn.plugins import Plugin, load_plugin, unload_plugin
from nbcnn.plugins.modules import module_name

PLUGINS = Path(__file__).resolve().parent.parent.parent / "plugins"


@pytest.fixture(scope="module", autouse=True)
def plugin(request: pytest.FixtureRequest) -> Iterator[Plugin]:
    """plugins/NAME.py is loaded for tests/shipped_plugins/test_NAME.py, and known to no other test."""
    name = Path(str(request.module.__file__)).stem.removeprefix("test_")
    loaded = load_plugin(PLUGINS / f"{name}.py")
    yield loaded
    unload_plugin(loaded)


def module_of(name: str) -> Any:
    """The module that plugins/NAME.py is loaded as."""
    return sys.modules[module_name(PLUGINS / f"{name}.py")]
