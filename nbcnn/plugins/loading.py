"""Loading of plugins: registration, checks against the contract, and removal after a failure."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from nbcnn.compiler.sources import file_digest, texts
from nbcnn.errors import NbcnnError, PluginError, shown
from nbcnn.kernels.registry import BACKEND_OF
from nbcnn.plugins.modules import forget_modules, module_name, run_file, run_module
from nbcnn.plugins.plugin_paths import Installed, find_plugin
from nbcnn.plugins.process_state import undisturbed
from nbcnn.util import activity
from nbcnn.util.registry import Registry

VARIABLE = "NBCNN_PLUGINS"
Thing = tuple[str, str]
"""A kind (``layer``, ``optimizer``, ``data set``, or ``backend of conv2d``) and a name."""


class Plugin(NamedTuple):
    """A loaded plugin: its name, its file, the SHA-256 of the file's content, and what it registered."""

    name: str
    file: Path
    digest: str
    things: tuple[Thing, ...] = ()
    package: str | None = None
    """Distribution and version, for an installed one."""
    helpers: tuple[tuple[str, str], ...] = ()
    """The modules that it imports, but for those of nbcnn and of other packages; and the SHA-256 of their content."""

    @property
    def backends(self) -> list[tuple[str, str]]:
        """The backends that it registered, as (op, name)."""
        return [(kind.removeprefix(BACKEND_OF), name) for kind, name in self.things if kind.startswith(BACKEND_OF)]

    def record(self) -> dict[str, object]:
        """What a run folder keeps of it."""
        things: dict[str, list[str]] = {}
        for kind, name in self.things:
            things.setdefault(kind, []).append(name)
        record: dict[str, object] = {"name": self.name, "file": str(self.file), "sha256": self.digest}
        if self.helpers:
            record["helpers"] = dict(self.helpers)
        if self.package:
            record["package"] = self.package
        return {**record, "registers": things}


_loaded: dict[Path | Installed, Plugin] = {}
_under_way: list[Path | Installed] = []
_environment = ""
"""The content of NBCNN_PLUGINS that has been loaded."""


def loaded_plugins() -> list[Plugin]:
    """Those loaded so far, in order."""
    return list(_loaded.values())


def load_plugin(what: str | Path) -> Plugin:
    """Load a plugin, so that what it registers is known: a path to a .py file, or the name of an installed one.

    What it registers is held against the contract, and its kernels are compiled for a small problem. Loading the same
    again does nothing; where the file was edited, or a module beside it that it imports, what it registered is replaced
    (networks that are there already keep what they have). Raises PluginError with one sentence; then nothing of the
    plugin is left.
    """
    source = find_plugin(what)
    if source in _under_way:
        raise PluginError(f"{what} loads itself: {' → '.join(str(one) for one in [*_under_way, source])}")
    _under_way.append(source)
    try:
        if isinstance(source, Installed):
            return _loaded.get(source) or _load_installed(source)
        return _load_file(source)
    finally:
        _under_way.pop()


def unload_plugin(plugin: Plugin) -> None:
    """Take back what a loaded plugin registered; networks that are there already keep what they have."""
    for source, loaded in list(_loaded.items()):
        if loaded == plugin:
            del _loaded[source]
            _take_back(plugin.things)
            if not isinstance(source, Installed):
                sys.modules.pop(module_name(source), None)


def load_environment() -> None:
    """Load the plugins that NBCNN_PLUGINS names, paths or names with os.pathsep between them. Raises PluginError."""
    global _environment
    wanted = os.environ.get(VARIABLE, "")
    if wanted == _environment or _under_way:
        return
    for what in filter(None, map(str.strip, wanted.split(os.pathsep))):
        try:
            load_plugin(what)
        except PluginError as error:
            raise PluginError(f"{VARIABLE}: {error}") from error
    _environment = wanted


def _load_file(path: Path) -> Plugin:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PluginError(f"{shown(path)}: can't be read: {error.strerror}") from None
    digest, name = hashlib.sha256(data).hexdigest(), module_name(path)
    if path in _loaded:
        old = _loaded[path]
        if old.digest == digest and all(_text(module) == known for module, known in old.helpers):
            return old
        unload_plugin(old)
        for module, _ in old.helpers:
            sys.modules.pop(module, None)
    with _all_or_nothing(shown(path), lambda: sys.modules.pop(name, None)) as things:
        run_file(path, data, digest)
        helpers = _helpers(name)
    _loaded[path] = Plugin(path.stem, path, digest, tuple(things), helpers=helpers)
    return _loaded[path]


def _load_installed(source: Installed) -> Plugin:
    top, before = source.module.partition(".")[0], set(sys.modules)
    already = source.module in before
    with _all_or_nothing(f"{source.package}: {source.module}", lambda: forget_modules(top, before)) as things:
        file = run_module(source.module, source.package)
        if already:  # imported by the person's own program: it has registered what it has
            root = file.parent if "." in source.module or file.stem == "__init__" else file
            things += [thing for thing in _registered() if Path(_registered()[thing]).is_relative_to(root)]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    _loaded[source] = Plugin(source.name, file, digest, tuple(things), source.package, _helpers(source.module))
    return _loaded[source]


def _helpers(name: str) -> tuple[tuple[str, str], ...]:
    return tuple((module, digest) for module, digest in texts([name]).items() if module != name)


def _text(module: str) -> str:
    return file_digest(getattr(sys.modules.get(module), "__file__", None) or "")


@contextmanager
def _all_or_nothing(place: str, drop_modules: Callable[[], object]) -> Iterator[list[Thing]]:
    """Inside, a plugin runs; at the end, the list has what it registered, unless that fails the contract."""
    from nbcnn.plugins.trial import check_ops, try_thing

    before, things, state = set(_registered()), list[Thing](), activity.current_state()
    activity.tell(now=f"loading {place}", plugins=", ".join(filter(None, (state.get("plugins"), place))))
    try:
        with undisturbed(place):
            yield things
        with undisturbed(place):
            things += _new(before)
            if not things:
                raise PluginError(
                    f"{place}: it registers nothing; put a decorator above its class, such as "
                    '@register.backend("conv2d") (from nbcnn.plugin import register)'
                )
            check_ops(thing for thing in things if thing[0].startswith(BACKEND_OF))
            for thing in sorted(things, key=lambda thing: thing[0] != "op"):  # backends are tried on an op's problems
                try_thing(*thing)
        files = state.get("files", []) + [place] * any(kind.startswith(BACKEND_OF) for kind, _ in things)
        activity.tell(now=state.get("now", ""), files=files)
    except BaseException as error:
        _take_back(_new(before))
        drop_modules()
        activity.tell(now=state.get("now", ""), plugins=state.get("plugins", ""))
        if isinstance(error, NbcnnError) and not isinstance(error, PluginError):
            raise PluginError(str(error)) from error
        raise


def _registered() -> dict[Thing, str]:
    """All that is not built in, and the file of each; backends come first."""
    kinds = sorted(Registry.by_kind, key=lambda kind: not kind.startswith(BACKEND_OF))
    return {(kind, name): file for kind in kinds for name, file in Registry.by_kind[kind].added().items()}


def _new(before: set[Thing]) -> list[Thing]:
    """What has been registered since, but for what a plugin that was loaded meanwhile owns."""
    owned = {thing for plugin in _loaded.values() for thing in plugin.things}
    return [thing for thing in _registered() if thing not in before | owned]


def _take_back(things: Iterable[Thing]) -> None:
    for kind, name in things:
        if name in Registry.by_kind[kind].added():
            Registry.by_kind[kind].forget(name)
