"""Checks of a new plugin's name: it must not be that of a Python module, a library or something registered."""

from __future__ import annotations

import re
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec
from keyword import iskeyword, issoftkeyword
from pathlib import Path
from typing import Any

from nbcnn.errors import unfit_name
from nbcnn.util.registry import Registry

KNOWN = ("cv2", "jax", "keras", "mxnet", "onnx", "pandas", "scipy", "sklearn", "tensorflow", "torch", "torchvision")
"""Libraries that a later script beside the file may want, installed here or not."""


def unfit(name: str, kind: str) -> str | None:
    """Why a name can't be given to a new plugin of a kind, with one that can; or None."""
    stem = Path(name).name.removesuffix(".py")
    if not _is_word(name):
        plain = re.sub(r"\W", "_", stem, flags=re.ASCII).strip("_").lstrip("0123456789_")
        good = plain if plain and _is_word(plain) and not _taken(plain, kind) else _other(plain or "conv")
        return f"it becomes the name of a Python file, so letters, digits and _, without .py; for instance {good}"
    if reason := _taken(name, kind):
        return f"{reason}; choose another, for instance {_other(name)}"
    return None


def _is_word(name: str) -> bool:
    return name.isidentifier() and name.isascii() and not iskeyword(name) and len(name) <= 100


def _other(name: str) -> str:
    return f"my_{name.strip('_').lower()}"[:100]


def _taken(name: str, kind: str) -> str | None:
    """The reason why a name is taken, or None."""
    if reason := unfit_name(name):
        return reason
    if name in _registered(kind):
        return f"there is one called {name} already"
    if name in sys.stdlib_module_names or name in sys.builtin_module_names or issoftkeyword(name):
        return f"Python has something called {name}"
    if name == "test" or name.startswith("test_") or name in ("conftest", "setup", "sitecustomize", "usercustomize"):
        return f"Python's tools take a file called {name}.py for their own"
    if name in KNOWN or _is_module(name):
        return f"{name} is a library's module, which nothing beside this file could import any more"
    return None


def _is_module(name: str) -> bool:
    """Whether ``import name`` finds something that is not in this folder. Nothing is imported."""
    if name in sys.modules:
        return True
    here = Path.cwd().resolve()
    places = [path for path in sys.path if path and Path(path).resolve() != here]
    try:
        return PathFinder.find_spec(name, places) is not None or (
            name not in _files_here() and find_spec(name) is not None
        )
    except (ImportError, ValueError):
        return False


def _files_here() -> set[str]:
    return {path.stem for path in Path.cwd().iterdir() if path.suffix == ".py" or path.is_dir()}


def _registered(kind: str) -> list[str]:
    """The names that there are of a kind; of a backend, all that could be meant by the word, ops too."""
    if kind == "backend":
        from nbcnn.kernels.registry import AUTO, backend_names, op_names

        return [AUTO, *op_names(), *(name for op in op_names() for name in backend_names(op))]
    from nbcnn.data import DATASETS
    from nbcnn.layers import LAYERS
    from nbcnn.optim import OPTIMIZERS
    from nbcnn.optim.schedules import SCHEDULES

    registries: list[Registry[Any]] = [LAYERS, OPTIMIZERS, SCHEDULES, DATASETS]
    return {registry.kind.replace(" ", ""): registry for registry in registries}[kind].names()
