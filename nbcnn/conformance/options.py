"""Options of the suite: how many problems, which numbers, which limits."""

from __future__ import annotations

from dataclasses import dataclass

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Options:
    """The extent of a check: problems, numbers, limits."""

    quick: bool = False
    seed: int = 0
    threads: int = 4
    dtypes: tuple[str, ...] = DTYPES
    patience: float = 300.0
    """seconds for one backend's grid"""
    call: float | None = None
    """seconds for one call of a plugin's kernel, with compiling; None for NBCNN_PATIENCE, or 100"""
    bounds: bool = True
    """with processes of their own: for what indices it uses, and for all that plugins register"""
