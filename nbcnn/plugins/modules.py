"""Import of a plugin's file as a module of its own name, with errors as one sentence.

The name is stable, so that kernels which one process compiled can be loaded by the next; it contains a digest of the
folder, so that files of one name in two folders are two modules. No bytecode is kept: Python's own takes a file that
was edited within a second, to the same length, for unchanged.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from nbcnn.errors import NbcnnError, PluginError, shown
from nbcnn.util.tracebacks import frames

PREFIX = "nbcnn_plugin_"


class _Loader(SourceFileLoader):
    """Compiles the bytes that it is given, whatever the file holds by now."""

    def __init__(self, name: str, path: str, data: bytes) -> None:
        super().__init__(name, path)
        self._data = data

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._data, self.path)


def module_name(path: Path) -> str:
    """``nbcnn_plugin_1a2b3c4d.my_conv``: its last part is the file's name, and so that of what it registers."""
    return f"{PREFIX}{hashlib.sha256(str(path.parent).encode()).hexdigest()[:8]}.{path.stem}"


def run_file(path: Path, data: bytes, digest: str) -> None:
    """Run a file's content as a module. Raises PluginError; then the module is gone again."""
    name = module_name(path)
    spec = importlib.util.spec_from_loader(name, _Loader(name, str(path), data), origin=str(path))
    assert spec is not None and spec.loader is not None
    spec.has_location = True
    parent = name.partition(".")[0]
    if parent not in sys.modules:  # a name with a dot can be imported only where there is something before it
        sys.modules[parent] = ModuleType(parent)
    module = importlib.util.module_from_spec(spec)
    vars(module)["__nbcnn_digest__"] = digest  # what compiler/jit.py takes for the content of the file
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)
        if isinstance(error, KeyboardInterrupt):
            raise
        raise PluginError(_why(error, shown(path), [str(path)])) from error


def run_module(name: str, package: str) -> Path:
    """Import a module of an installed package; returns its file. Raises PluginError; then what it imported is gone."""
    before, top = set(sys.modules), name.partition(".")[0]
    try:
        module = importlib.import_module(name)
    except BaseException as error:
        forget_modules(top, before)
        if isinstance(error, KeyboardInterrupt):
            raise
        files = [file for file in _files(error) if f"{top}/" in Path(file).as_posix() or Path(file).stem == top]
        raise PluginError(_why(error, f"{package}: {name}", files)) from error
    if not getattr(module, "__file__", None):
        forget_modules(top, before)
        raise PluginError(f"{package}: {name} is a folder without a file; its entry point must name a module")
    return Path(str(module.__file__)).resolve()


def forget_modules(top: str, before: set[str]) -> None:
    """Drop the modules of a package that were not there before."""
    for loaded in set(sys.modules) - before:
        if loaded.partition(".")[0] == top:
            del sys.modules[loaded]


def _why(error: BaseException, place: str, files: list[str]) -> str:
    """One sentence: the line of the plugin's own that failed, and how."""
    if isinstance(error, SyntaxError) and error.filename in files:
        return f"{place}:{error.lineno}:{error.offset}: {error.msg}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{place}: {shown(error.filename)}:{error.lineno}:{error.offset}: {error.msg}"
    lines = [(shown(file), line) for file, line in frames(error) if file in files]
    if lines:
        place = f"{lines[-1][0]}:{lines[-1][1]}"
    if isinstance(error, NbcnnError):  # one of ours says where it is, mostly in this very file
        placed = str(error).startswith(place) or any(
            re.match(rf"{re.escape(shown(file))}:\d", str(error)) for file in files
        )
        return str(error) if placed else f"{place}: {error}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"{place}: no module {error.name} is installed in {sys.prefix}; install it, or do without"
    if isinstance(error, SystemExit):
        return f"{place}: it ends the program while it is loaded (SystemExit); a plugin only defines and registers"
    said = f": {error}" if str(error) else ""
    return f"{place}: {type(error).__name__}{said}"


def _files(error: BaseException) -> list[str]:
    more = [error.filename] if isinstance(error, SyntaxError) and error.filename else []
    return [*(file for file, _ in frames(error)), *more]
