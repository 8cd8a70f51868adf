"""The registry: things of one kind by name, such as layers or backends of an op, from a package and from plugins.

A registry imports every module of its package once, when it is first asked; each module registers what it
defines. Where names are those of modules, a module is imported when its thing is used. A plugin makes the same calls. A
name that is taken already is an error that names both files.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any, ClassVar, Generic, TypeVar

from nbcnn.errors import NbcnnError, shown, unfit_name
from nbcnn.util.suggestions import nearest

T = TypeVar("T")


_WORDS = {"data set": "dataset", "check rule": "check_rule"}
"""Kinds whose decorator is called otherwise."""
_DOOR = "nbcnn.plugin"
"""Where a plugin imports base classes from."""


class Registry(Generic[T]):
    """The registered classes of one kind, by name.

    ``package`` is the dotted name of the package whose modules register themselves; ``error`` is raised for an
    unknown or doubled name, and for a thing that is not what ``expected`` says: a base class, and the attributes that
    its subclasses must set, with their types (of a class: its base). ``modules`` has the module of each name, where
    that is known without an import.
    """

    by_kind: ClassVar[dict[str, Registry[Any]]] = {}
    """All registries that there are, so that what a plugin registered can be found, and taken back if it fails."""

    def __init__(
        self,
        kind: str,
        package: str,
        error: type[NbcnnError],
        expected: tuple[type, Mapping[str, type]] | None = None,
        modules: Mapping[str, str] | None = None,
    ) -> None:
        self.kind, self.package, self.error, self._expected = kind, package, error, expected
        self._modules, self._discovered = modules or {}, modules is not None
        self._things: dict[str, T] = {}
        self._files: dict[str, str] = {}
        self._added: set[str] = set()
        self.by_kind[kind] = self

    def register(self, name: str | None = None) -> Callable[[T], T]:
        """Decorate a class (or call on an object) to make it known: under ``name``, or its file's name.

        Raises ``error`` for a name that is taken or unfit, and for a thing of another kind.
        """
        if not (name is None or isinstance(name, str)):
            raise self.error(_without_parentheses(self.kind, name))
        return lambda thing: self.add(thing, name, sys._getframe(1))

    def add(self, thing: T, name: str | None, caller: FrameType) -> T:
        """What ``register`` does once it has the thing; ``caller`` tells whose it is."""
        module, file = str(caller.f_globals.get("__name__")), caller.f_code.co_filename
        called = name_of(caller, name)
        outside = not module.startswith(f"{self.package}.")
        if reason := self.unfit(called):
            raise self.error(f"{shown(file)}:{caller.f_lineno}: {reason}")
        if outside:
            self._import(called)  # built-in things come first: it is not they that have to be renamed
        if called in self._things:
            first, second = shown(self._files[called]), shown(file)
            raise self.error(f"{self.title(called)} is defined twice: in {first} and in {second}; rename the latter")
        if reason := self._refusal(thing):
            raise self.error(f"{shown(file)}:{caller.f_lineno}: {self.title(called)}: {reason}")
        self._things[called], self._files[called] = thing, file
        if outside:
            self._added.add(called)
        return thing

    def unfit(self, name: str) -> str | None:
        """Why nothing of this kind can have a name, or None."""
        reason = unfit_name(name)
        return reason and f"{name!r} can't be the name of a {self.kind}: {reason}"

    def title(self, name: str) -> str:
        """A thing as messages name it: ``layer conv2d``."""
        return f"{self.kind} {name}"

    def get(self, name: str) -> T:
        """The thing called ``name``; raises ``error`` with the nearest known name."""
        self._import(name)
        if name not in self._things:
            raise self.error(f"unknown {self.kind} {name!r}: {nearest(name, self)}")
        return self._things[name]

    def names(self) -> list[str]:
        """All names, sorted."""
        self._discover()
        return sorted({*self._modules, *self._things})

    def added(self) -> dict[str, str]:
        """The things that are not built in, in the order of their registration: their names, and the file of each."""
        return {name: file for name, file in self._files.items() if name in self._added}

    def forget(self, name: str) -> None:
        """Take back a registration from outside; what was made with it stays."""
        del self._things[name], self._files[name]
        self._added.remove(name)

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _import(self, name: str) -> None:
        """The module of a built-in thing, and what else has to be there before it can be said that there is none."""
        self._discover()
        if name in self._modules and name not in self._things:
            importlib.import_module(self._modules[name])

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")

    def _refusal(self, thing: T) -> str | None:
        """The reason why a thing is not of this kind, or None."""
        if self._expected is None:
            return None
        base, attributes = self._expected
        if not (inspect.isclass(thing) and issubclass(thing, base)):
            got = thing.__name__ if inspect.isclass(thing) else type(thing).__name__
            return f"expected a subclass of {base.__name__} ({_DOOR}), got {got}"
        if missing := sorted(getattr(thing, "__abstractmethods__", ())):
            return f"class {thing.__name__} has no {', '.join(missing)}; {base.__module__} says what it does"
        for attribute, wanted in attributes.items():
            value = getattr(thing, attribute, None)
            if not (issubclass(value, wanted) if inspect.isclass(value) else isinstance(value, wanted)):
                own = wanted.__module__.startswith("nbcnn.")
                kind = f"a subclass of {wanted.__name__} ({_DOOR})" if own else f"{wanted.__name__} ({base.__module__})"
                got = f"got {value!r}" if hasattr(thing, attribute) else "it sets none"
                return f"class {thing.__name__} must set {attribute} to {kind}; {got}"
        return None


def name_of(caller: FrameType, name: str | None) -> str:
    """The name that a registration is for: the one given, or that of the caller's file."""
    return name or str(caller.f_globals.get("__name__")).rpartition(".")[2]


def _without_parentheses(kind: str, thing: Any) -> str:
    """The error sentence for a decorator without parentheses, which got the class itself."""
    word = _WORDS.get(kind, kind)
    if not hasattr(thing, "__name__"):
        return f'a {kind}\'s name is a text, got {thing!r}: @register.{word}() or @register.{word}("name")'
    return f"the decorator above {thing.__name__} needs parentheses: @register.{word}()"
