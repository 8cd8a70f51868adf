"""Conversion of state dicts (PyTorch's tensors, lists, whole checkpoints) to NumPy arrays by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbcnn.errors import CheckpointError

if TYPE_CHECKING:
    import numpy as np


def as_arrays(tensors: object, source: str) -> dict[str, np.ndarray]:
    """The arrays of a state dict, by name; PyTorch's tensors are taken without importing PyTorch.

    ``source`` is what messages call it. Raises CheckpointError for what is no mapping of names to numbers.
    """
    if not isinstance(tensors, Mapping):
        hint = "expected a mapping of names to arrays"
        if callable(getattr(tensors, "state_dict", None)):
            hint = "give its state_dict()"
        elif isinstance(tensors, str) or hasattr(tensors, "__fspath__"):
            hint = "a file is loaded by nbcnn.load(..., weights=file)"
        raise CheckpointError(f"{source}: got {type(tensors).__name__}; {hint}")
    for name, value in tensors.items():
        if not isinstance(name, str):
            raise CheckpointError(f"{source}: {name!r} is no name of a tensor; expected a mapping of names to arrays")
        if isinstance(value, Mapping) or callable(getattr(value, "state_dict", None)):
            inside = [key for key, item in tensors.items() if isinstance(item, Mapping)] or [name]
            best = next((key for key in ("state_dict", "model_state_dict", "model", "net") if key in inside), inside[0])
            call = "" if isinstance(tensors[best], Mapping) else ".state_dict()"
            raise CheckpointError(
                f"{source} is a whole checkpoint, whose tensors are below {best!r}; give weights[{best!r}]{call}"
            )
    return {name: _as_array(value, f"{source}: {name}") for name, value in tensors.items()}


def _as_array(value: Any, where: str) -> np.ndarray:
    import numpy as np

    if np.ma.isMaskedArray(value):
        raise CheckpointError(f"{where} is a masked array; fill its gaps first: .filled(0)")
    try:
        if isinstance(value, np.ndarray):
            array = np.asarray(value)
        elif all(hasattr(value, name) for name in ("detach", "cpu", "numpy")):
            array = _of_tensor(value)
        else:
            array = np.asarray(value)
            if array.dtype.kind in "iu" and not hasattr(value, "dtype"):
                array = array.astype(np.float64)  # [0, 1] in a list are numbers as good as [0.0, 1.0]
    except Exception as fault:
        said = str(fault).partition("\n")[0]
        raise CheckpointError(
            f"{where} can't be read as an array of numbers ({type(fault).__name__}: {said})"
        ) from None
    if array.dtype.name == "bfloat16":  # of a library that gives NumPy such numbers
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiubc":
        raise CheckpointError(f"{where} holds no numbers, got {type(value).__name__}; expected an array of floats")
    return array


def _of_tensor(tensor: Any) -> Any:
    """A tensor of PyTorch as an array, wherever it is and whether or not it asks for gradients."""
    plain = tensor.detach().cpu()
    try:
        return plain.numpy()
    except TypeError:
        if plain.is_complex() or not plain.is_floating_point():
            raise
        return plain.float().numpy()  # bfloat16 and narrower, which NumPy lacks; float32 holds all of them
