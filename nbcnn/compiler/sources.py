"""The modules that code comes from: package versions, digests of their text, and their own imports."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import llvmlite
import numba
import numpy as np

_VERSIONED = {"numpy", "numba", "llvmlite", *sys.stdlib_module_names}
_LIBRARY = str(Path(os.__file__).resolve().parent) + os.sep
_PACKAGES = tuple(str(Path(one.__file__ or "").resolve().parent) + os.sep for one in (np, numba, llvmlite))
LANGUAGE = (
    "compiler/jit.py",
    "compiler/callees.py",
    "compiler/object_code.py",
    "lanes/__init__.py",
    "lanes/words.py",
    "lanes/vector_type.py",
    "lanes/operators.py",
    "lanes/error_function.py",
    "lanes/intrinsics.py",
    "lanes/partial_intrinsics.py",
    "lanes/block_intrinsics.py",
    "lanes/block_memory_intrinsics.py",
    "lanes/math.py",
    "util/lane_width.py",
)
"""Files that define the functions of ``lanes``, or how kernels are compiled and kept: part of every fingerprint."""

_WORDS = {f"nbcnn.{file.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}" for file in LANGUAGE}
_INSTALLED = ("site-packages", "dist-packages")


def versioned(name: str) -> bool:
    """Whether a module is Python's, NumPy's or Numba's, whose version is part of every fingerprint, or of LANGUAGE."""
    if name in _WORDS:
        return True
    if name.partition(".")[0] not in _VERSIONED:
        return False
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is None or _in_its_place(file)  # somebody's own module may be called as one of Python's


@lru_cache(maxsize=4096)
def _in_its_place(file: str) -> bool:
    path = str(Path(file).resolve())
    if path.startswith(_LIBRARY):  # where packages are installed may be within it
        inside = path.removeprefix(_LIBRARY).split(os.sep)
        return not any(name in inside for name in _INSTALLED) or path.startswith(_PACKAGES)
    return path.startswith(_PACKAGES)


def texts(modules: Iterable[str]) -> dict[str, str]:
    """Digests by name of the text of each module, and of its imports, as far as they are of the same owner.

    Numba finds by types, not by names, what a module registers for operators, methods and attributes. So all that a
    plugin imports counts. nbcnn's own words of this kind are counted with every kernel (fingerprint.py), and a module
    installed apart from its importer counts only where code that is used is from it.
    """
    waiting, seen, found = sorted(modules), set(), {}
    for name in waiting:
        module = sys.modules.get(name)
        if name in seen or module is None or versioned(name):
            continue
        seen.add(name)
        file = getattr(module, "__file__", None) or ""
        if not file.endswith(".py"):
            continue
        digest = getattr(module, "__nbcnn_digest__", None) or file_digest(file)
        found[name] = digest
        if name.partition(".")[0] != "nbcnn":
            waiting += [one for one in _imports(file, digest, name, module.__package__ or "") if _together(name, one)]
    return found


def file_digest(path: str) -> str:
    """A digest of a file's content, or "" where it can't be read; made anew when the file has changed."""
    try:
        info = os.stat(path)
    except OSError:
        return ""
    return _digest(path, info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino)


@lru_cache(maxsize=4096)
def _digest(path: str, *_: int) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


@lru_cache(maxsize=1024)
def _imports(file: str, digest: str, name: str, package: str) -> tuple[str, ...]:
    """The modules that a text imports, by their full names, in order; those that were not imported are told later."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            try:
                base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:
                continue
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    parents = {one.rpartition(".")[0] for one in found} - {""}
    return tuple(sorted((found | parents) - {name}))


def _together(importer: str, imported: str) -> bool:
    """Whether what is imported is of the same owner: of one package, or neither nbcnn nor installed."""
    top = imported.partition(".")[0]
    if top == importer.partition(".")[0]:
        return True
    file = getattr(sys.modules.get(imported), "__file__", None) or ""
    return top != "nbcnn" and not any(part in _INSTALLED for part in Path(file).parts)
