"""Small experiments on the engine that exercises share: one channel in and out, layers, counts, numbers as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbcnn import functional
from nbcnn.config import load_config
from nbcnn.engine.network import layers_of
from nbcnn.introspect.summary import Row, summarize
from nbcnn.training.loading import load
from nbcnn.training.model import Model

BACKEND = "naive"
"""Of conv2d and linear on small arrays: one kernel does all sizes, to the bits of ``direct``, which has many."""


def correlated(x: np.ndarray, w: np.ndarray, **options: Any) -> np.ndarray:
    """conv2d of one image x (H, W) with one kernel w (KH, KW) -> (OH, OW)."""
    batch, kernel = (np.ascontiguousarray(each, np.float32)[None, None] for each in (x, w))
    y: np.ndarray = functional.conv2d(batch, kernel, backend=BACKEND, **options)[0, 0]
    return y


def network(layers: Sequence[Any], shape: tuple[int, int, int]) -> dict[str, Any]:
    """A network file of these layers for images (C, H, W), as a mapping."""
    c, h, w = shape
    return {"name": "exercise", "input": {"channels": c, "height": h, "width": w}, "layers": list(layers)}


def model(layers: Sequence[Any], shape: tuple[int, int, int]) -> Model:
    """The same with initial parameters, to be called on images."""
    return load(network(layers, shape))


def rows_of(layers: Sequence[Any], shape: tuple[int, int, int]) -> list[Row]:
    """Its summary, a row for each layer."""
    return summarize(layers_of(load_config(network(layers, shape))))


def macs_of(layers: Sequence[Any], shape: tuple[int, int, int]) -> int:
    """Its multiply-accumulate steps, of one image forward."""
    return sum(row.macs for row in rows_of(layers, shape))


def parameters_of(layers: Sequence[Any], shape: tuple[int, int, int]) -> int:
    """The count of its parameters."""
    return sum(row.parameters for row in rows_of(layers, shape))


def grid(array: np.ndarray, digits: int = 0) -> list[str]:
    """A matrix as lines of aligned numbers, set in by four columns."""
    cells = [[f"{value:.{digits}f}" if digits else f"{value:g}" for value in row] for row in np.atleast_2d(array)]
    width = max(len(cell) for row in cells for cell in row)
    return ["    " + " ".join(cell.rjust(width) for cell in row) for row in cells]


def number_of(value: float) -> str:
    """A number of a few digits as text."""
    return f"{value:.4g}"


def in_one_line(kernel: Sequence[Sequence[float]] | np.ndarray) -> str:
    """A kernel as ``[1 0 -1; 2 0 -2]``, rows separated by semicolons."""
    return "[" + "; ".join(" ".join(f"{value:g}" for value in row) for row in kernel) + "]"
