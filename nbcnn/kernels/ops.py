"""The definitions of all ops by name: those in the folders beside this file, and those of plugins."""

from __future__ import annotations

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


OPS: Registry[type[Op]] = Registry(
    "op", __package__, KernelError, (Op, {"problem": object}), {op: f"{__package__}.{op}.op" for op in built_in()}
)
"""A definition imports neither NumPy nor kernels."""


def op(name: str) -> Op:
    """The definition of an op; raises KernelError where there is none."""
    found = OPS.get(name)()
    found.name = name
    return found
