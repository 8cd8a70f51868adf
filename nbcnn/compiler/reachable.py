"""Everything that a compiled function depends on: the functions, constants and classes that it reaches.

Described are the objects that Python has at this moment, by the names that code has for them. So it does not matter
where in a file something stands, in which file, or by which way its name came there.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from weakref import WeakKeyDictionary

import numpy as np
from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.typing.templates import builtin_registry

from nbcnn.compiler.bytecode import code_digest, names_of
from nbcnn.compiler.sources import versioned

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), slice, range)
_IN_CLASSES = (np.ndarray, np.generic, tuple, FunctionType, Dispatcher, staticmethod, classmethod, property, Enum)
_HOUSEKEEPING = {"__dict__", "__weakref__", "__doc__", "__module__", "__firstlineno__", "__static_attributes__"}
_first: WeakKeyDictionary[FunctionType, str] = WeakKeyDictionary()
"""The objects that each function's names stood for at the first look: Numba may have compiled it with these."""


class Reach:
    """All that ``function`` depends on, each thing once and in an order that is the same in every process.

    ``parts`` describe it. ``lasting`` is False where they hold in this process only: something has no content that
    could be told, or stands for something else than it did when the function that names it may have been compiled.
    ``modules`` are those that the code is from.
    """

    def __init__(self, function) -> None:
        self.parts: list[str] = []
        self.lasting = True
        self.modules: set[str] = set()
        self._numbers: dict[int, int] = {}  # of things met so far, by their place in memory
        self._things: list = []
        self._word(function)
        for thing in self._things:  # grows
            self.parts.append(self._described(thing))

    def _number(self, thing) -> str:
        """The number of a thing that is described once, apart, since it may refer to itself."""
        if id(thing) not in self._numbers:
            self._numbers[id(thing)] = len(self._things)
            self._things.append(thing)
        return f"\0{self._numbers[id(thing)]}\0"

    def _word(self, value) -> str:
        """A value in a word, or the number of its description."""
        if type(value) in _PLAIN:
            return f"{type(value).__name__} {value!r}"
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            content = hashlib.sha256(value.tobytes()).hexdigest()
            return f"{type(value).__name__} {value.dtype.descr} {value.shape} {value.strides} {content}"
        if isinstance(value, np.generic) and not value.dtype.hasobject:
            return f"{value.dtype.descr} {value.tobytes().hex()}"
        if isinstance(value, np.dtype) or (isinstance(value, types.Type) and versioned(type(value).__module__)):
            return repr(value)
        if isinstance(value, (tuple, frozenset, set)):
            items = [self._word(item) for item in value]
            return f"{self._word(type(value))} {items if isinstance(value, tuple) else sorted(items)}"
        if isinstance(value, ModuleType):
            return f"module {value.__name__}"  # what is used of it has a name with a dot
        known = _by_name(value)
        return self._number(value) if known is None or _overloads(value) else known

    def _described(self, thing) -> str:
        try:
            return " ".join(self._words(thing))
        except Exception:  # of somebody's class, whose attributes or words for itself fail
            self.lasting = False
            return f"an object at {id(thing):#x}"

    def _words(self, thing) -> Iterator[str]:
        if (known := _by_name(thing)) is not None:
            yield known
        elif isinstance(thing, Dispatcher):
            yield f"{sorted(thing.targetoptions.items(), key=str)} {self._word(thing.py_func)}"
        elif isinstance(thing, FunctionType):
            yield from self._function(thing)
        elif isinstance(thing, type):
            yield from self._class(thing)
        elif isinstance(thing, (list, dict)):
            items = thing.items() if isinstance(thing, dict) else thing
            yield f"{type(thing).__name__} {[self._word(item) for item in items]}"
        elif isinstance(thing, functools.partial):
            yield f"partial {[self._word(part) for part in (thing.func, thing.args, thing.keywords)]}"
        elif isinstance(thing, Enum):
            yield f"{thing.name} {self._word(type(thing))} {self._word(thing.value)}"
        elif isinstance(thing, (staticmethod, classmethod, MethodType)):
            yield f"{self._word(thing.__func__)} {self._word(getattr(thing, '__self__', None))}"
        elif isinstance(thing, property):
            yield f"property {self._word(thing.fget)}"
        else:
            yield from self._instance(thing)
        for overload in _overloads(thing):
            yield f"overload {self._word(overload)}"

    def _function(self, function) -> Iterator[str]:
        self.modules.add(function.__globals__.get("__name__", ""))
        yield code_digest(function.__code__)
        named = [f"{name}={value}" for name, value in self._names(function)]
        yield from named
        own = " ".join(re.sub("\0([0-9]+)\0", lambda found: self._brief(int(found[1])), word) for word in named)
        if _first.setdefault(function, own) != own:
            self.lasting = False

    def _names(self, function) -> Iterator[tuple[str, str]]:
        """The objects that the names in a function's code stand for, as text."""
        for name, value in _globals(function):
            yield name, self._word(value)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:
                yield name, "nothing yet"
                continue
            yield name, self._word(value)
            if isinstance(value, ModuleType):
                for inner, one in _inside(name, value, names_of(function.__code__)):
                    yield inner, self._word(one)
        for value in (*(function.__defaults__ or ()), *sorted((function.__kwdefaults__ or {}).items())):
            yield "default", self._word(value)

    def _brief(self, number: int) -> str:
        """A thing without what it leads to, and without its number, which depends on where one began."""
        thing = self._things[number]
        inner = getattr(thing, "py_func", thing)
        return code_digest(inner.__code__) if isinstance(inner, FunctionType) else type(thing).__name__

    def _class(self, kind: type) -> Iterator[str]:
        self.modules.add(kind.__module__)
        yield f"class {kind.__qualname__} {[self._word(base) for base in kind.__bases__]}"
        lasting = self.lasting
        members = kind.__members__ if issubclass(kind, Enum) else {}
        for name, value in sorted({**vars(kind), **members}.items()):
            if name in _HOUSEKEEPING or (members and name.startswith("_")):
                continue
            if isinstance(value, (*_PLAIN, *_IN_CLASSES)):
                yield f"{name}={self._word(value)}"
        self.lasting = lasting  # the rest of a class is in its module's text

    def _instance(self, thing) -> Iterator[str]:
        """Any other object: by its attributes; without these by its repr, where that says enough."""
        own = not versioned(type(thing).__module__)
        yield f"an {self._word(type(thing)) if own else type(thing)}"
        if isinstance(thing, types.Type):  # its attributes have a number that each process gives it
            yield repr(thing)
            return
        if type(thing).__module__.startswith("numba."):  # a ufunc, a callback, ...: by what it was made of
            inner = getattr(thing, "_dispatcher", thing)
            made = [getattr(inner, name, None) for name in ("py_func", "_defn", "_pyfunc")]
            functions = [self._word(one) for one in made if isinstance(one, FunctionType)]
            self.lasting &= bool(functions)
            yield f"of {functions}"
            return
        slots = [name for kind in type(thing).__mro__ for name in _slots(kind)] if own else []
        names = sorted({*getattr(thing, "__dict__", ()), *slots} - _HOUSEKEEPING)
        for name in names:
            if hasattr(thing, name):
                yield f"{name}={self._word(getattr(thing, name))}"
        if not names:
            text = repr(thing)
            self.lasting &= not re.search(r"\b0x[0-9a-fA-F]{5,}", text)
            yield text


def _slots(kind: type) -> tuple[str, ...]:
    slots = vars(kind).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _globals(function) -> Iterator[tuple[str, object]]:
    """The objects that the names in a function's code stand for; those behind dots, too, below a module."""
    names = names_of(function.__code__)
    for name in names:
        if name in function.__globals__:
            value = function.__globals__[name]
        elif hasattr(builtins, name):
            value = getattr(builtins, name)
        else:
            continue
        yield name, value
        if isinstance(value, ModuleType):
            yield from _inside(name, value, names)


def _inside(name: str, module: ModuleType, names: tuple[str, ...], seen=()) -> Iterator[tuple[str, object]]:
    for inner in names:
        if inner in vars(module):
            value = vars(module)[inner]
            if versioned(module.__name__) and not isinstance(value, ModuleType) and not _overloads(value):
                continue  # the name says it all
            yield f"{name}.{inner}", value
            if isinstance(value, ModuleType) and value not in seen:
                yield from _inside(f"{name}.{inner}", value, names, (*seen, module))


def _by_name(value) -> str | None:
    """The name of what a version stands for, of Python, NumPy or Numba; None of what is somebody's own."""
    if not isinstance(value, (type, FunctionType, BuiltinFunctionType, np.ufunc)) and not hasattr(value, "_defn"):
        return None
    module = getattr(value, "__module__", None)
    if isinstance(value, FunctionType):
        module = value.__globals__.get("__name__")
    if not isinstance(value, (np.ufunc, BuiltinFunctionType)) and not versioned(module or ""):
        return None
    return f"{module}.{getattr(value, '__qualname__', None) or value.__name__}"


def _overloads(value) -> list:
    """Implementations that the user's code gives Numba for a function, by ``@overload`` or ``@register_jitable``."""
    return _all_overloads(len(builtin_registry.globals)).get(id(value), [])


@lru_cache(maxsize=1)
def _all_overloads(count: int) -> dict[int, list]:
    """All overloads in Numba's registry, by the address of the function that they implement."""
    found: dict[int, list] = {}
    for value, kind in builtin_registry.globals[:count]:
        for template in getattr(kind, "templates", ()):
            function = getattr(template, "_overload_func", None)
            if function is not None and not versioned(getattr(function, "__module__", None) or ""):
                found.setdefault(id(value), []).append(function)
    return found
