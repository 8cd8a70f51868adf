"""Names to things: layers, optimizers, data sets. What is found in the package is the only list.

A registry imports every module of its package once, when it is first asked; each module registers what it
defines. A plugin makes the same calls. A name that is taken already is an error that names both files.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from nbcnn.errors import NbcnnError, nearest

T = TypeVar("T")


class Registry(Generic[T]):
    """The things of one kind, by name.

    ``package`` is the dotted name of the package whose modules register themselves; ``error`` is raised for an
    unknown or doubled name.
    """

    def __init__(self, kind: str, package: str, error: type[NbcnnError]) -> None:
        self.kind, self.package, self.error = kind, package, error
        self._things: dict[str, T] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorate a class (or call on an object) to make it known under ``name``."""

        def keep(thing: T) -> T:
            if name in self._things:
                first, second = _origin(self._things[name]), _origin(thing)
                raise self.error(f"{self.kind} {name} is defined twice: in {first} and in {second}; rename one")
            self._things[name] = thing
            return thing

        return keep

    def get(self, name: str) -> T:
        """The thing called ``name``; raises ``error`` with the nearest known name."""
        self._discover()
        if name not in self._things:
            raise self.error(f"unknown {self.kind} {name!r}: {nearest(name, self._things)}")
        return self._things[name]

    def names(self) -> list[str]:
        """All names, sorted."""
        self._discover()
        return sorted(self._things)

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")


def _origin(thing: object) -> str:
    """The file that defined a class, or the class of an object."""
    return inspect.getfile(thing if inspect.isclass(thing) else type(thing))
