"""The registry by itself, on a package of two modules in a temporary folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcnn.errors import KernelError
from nbcnn.util.registry import Registry

MODULE = "from registry_of_a_test import SHAPES\n\n\n@SHAPES.register()\nclass Shape:\n    pass\n"


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Registry[Any]]]:
    """The class; in a folder ``shapes`` are square.py and circle.py, which register with ``SHAPES``."""
    (tmp_path / "shapes").mkdir()
    for name in ("__init__", "square", "circle"):
        (tmp_path / "shapes" / f"{name}.py").write_text("" if name == "__init__" else MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Registry
    Registry.by_kind.pop("shape", None)
    for name in [name for name in sys.modules if name.split(".")[0] in ("shapes", "registry_of_a_test")]:
        del sys.modules[name]


def made(monkeypatch: pytest.MonkeyPatch, kind: type[Registry[Any]], *names: str) -> Registry[Any]:
    """The registry of the package; with names, those that are known without an import."""
    modules = {name: f"shapes.{name}" for name in names} if names else None
    registry = kind("shape", "shapes", KernelError, modules=modules)
    module = type(sys)("registry_of_a_test")
    vars(module)["SHAPES"] = registry
    monkeypatch.setitem(sys.modules, "registry_of_a_test", module)
    return registry


def imported() -> set[str]:
    return {name for name in ("shapes.square", "shapes.circle") if name in sys.modules}


def test_modules_are_imported_when_names_are_asked_for(shapes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = made(monkeypatch, shapes)
    assert imported() == set()
    assert registry.names() == ["circle", "square"] and "circle" in registry
    assert imported() == {"shapes.square", "shapes.circle"}
    assert registry.get("square").__module__ == "shapes.square"


def test_a_module_whose_name_is_known_is_imported_when_its_thing_is_used(
    shapes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = made(monkeypatch, shapes, "square", "circle")
    assert list(registry) == ["circle", "square"]
    with pytest.raises(KernelError, match=r"^unknown shape 'sqare': did you mean square\? \(known: circle, square\)$"):
        registry.get("sqare")
    assert imported() == set()
    assert registry.get("square").__module__ == "shapes.square"
    assert imported() == {"shapes.square"}


@pytest.mark.parametrize("known", [(), ("square", "circle")], ids=["all are imported", "names are known"])
def test_a_name_of_a_built_in_thing_is_taken_though_nothing_was_imported(
    shapes: Any, known: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = made(monkeypatch, shapes, *known)
    words = r"^shape circle is defined twice: in .*shapes/circle\.py and in .*test_registry\.py; rename the latter$"
    with pytest.raises(KernelError, match=words):
        registry.register("circle")(type("Other", (), {}))
    assert registry.get("circle").__module__ == "shapes.circle" and registry.added() == {}


def test_what_comes_from_outside_is_listed_in_its_order_and_can_be_taken_back(
    shapes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = made(monkeypatch, shapes, "square", "circle")
    for name in ("star", "arc"):
        registry.register(name)(type(name, (), {}))
    assert list(registry.added()) == ["star", "arc"] and set(registry.added().values()) == {__file__}
    assert shapes.by_kind["shape"] is registry
    registry.forget("star")
    assert list(registry.added()) == ["arc"] and registry.names() == ["arc", "circle", "square"]
    with pytest.raises(KernelError, match="unknown shape 'star'"):
        registry.get("star")
    registry.register("star")(type("star", (), {}))
    assert list(registry.added()) == ["arc", "star"]
