"""The definitions of all ops by name: those in the folders beside this file, and those of plugins."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from nbcnn.errors import KernelError
from nbcnn.kernels.op import Op
from nbcnn.util.registry import Registry

NO_BACKENDS = ("op", "oracle", "problem")
"""Files of an op's folder that are no backends; those whose names begin with _ are none either."""


@cache
def built_in() -> dict[str, tuple[str, ...]]:
    """Ops and the names of their built-in backends, from the folders beside this file; nothing is imported."""
    here = Path(__file__).parent
    return {
        folder.name: tuple(
            module.name
            for module in pkgutil.iter_modules([str(here / folder.name)])
            if module.name[0] != "_" and module.name not in NO_BACKENDS
        )
        for folder in pkgutil.iter_modules([str(here)])
        if folder.ispkg
    }


class _Ops(Registry[type[Op]]):
    """Reads the definition in each folder, which imports neither NumPy nor kernels."""

    def _discover(self) -> None:
        if not self._discovered:
            self._discovered = True
            for name in built_in():
                importlib.import_module(f"{self.package}.{name}.op")


OPS = _Ops("op", "nbcnn.kernels", KernelError, (Op, {"problem": object}))


def op(name: str) -> Op:
    """The definition of an op; raises KernelError where there is none."""
    found = OPS.get(name)()
    found.name = name
    return found
