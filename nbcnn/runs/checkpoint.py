"""Checkpoints: weights in safetensors files, with the names and shapes of PyTorch's nn.Sequential.

A safetensors file is a length, a JSON header and raw numbers: reading one runs no code. Nothing else is ever opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbcnn.errors import CheckpointError
from nbcnn.runs.foreign_weights import what_it_is
from nbcnn.runs.weight_names import advice
from nbcnn.util.files import sentence, write_atomic
from nbcnn.util.suggestions import nearest
from nbcnn.util.user_folders import expanded

if TYPE_CHECKING:
    import numpy as np

Tensors = dict[str, "np.ndarray"]
Shapes = Mapping[str, tuple[int, ...]]

FLOATS = ("float32", "float64", "float16")
"""The dtypes of weights in a file; they are float32 in the engine."""

_KINDS = {"F64": "float64", "F32": "float32", "F16": "float16", "BOOL": "bool", "C64": "complex64"} | {
    f"{letter}{bits}": f"{word}{bits}" for letter, word in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)
}
_CONVERT_FLOAT = (
    "safetensors.torch.save_file({k: v.float() for k, v in net.state_dict().items()}, 'weights.safetensors')"
)


def save_tensors(path: str | Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write tensors of any shape to a safetensors file, atomically. Raises CheckpointError when it can't be written."""
    import numpy as np
    from safetensors.numpy import save

    # The library copies each array's memory as it lies, so a strided view would be saved wrongly without a word.
    dense = {name: np.ascontiguousarray(value).reshape(value.shape) for name, value in tensors.items()}
    write_atomic(path, _in_order(save(dense, dict(metadata) or None)), CheckpointError)


def _in_order(data: bytes) -> bytes:
    """The same safetensors file with its metadata sorted: the library's order is another one in each process."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted((header.get("__metadata__") or {}).items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def load_tensors(path: str | Path) -> tuple[Tensors, dict[str, str]]:
    """Read a safetensors file: its tensors as they are in the file (any dtype, own memory) and its metadata.

    Raises CheckpointError for a file that is missing, of another kind, cut short or damaged. No more is allocated
    than the file is long: every declared size is held against it first.
    """
    import numpy as np
    from safetensors import SafetensorError, deserialize

    parse: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = deserialize
    try:
        data = _read(expanded(path))
        found = parse(data)
        header = _header(data)
    except SafetensorError as fault:
        raise CheckpointError(f"{path} is a damaged safetensors file ({fault}); make or fetch it again") from fault
    except _TwiceError as fault:
        raise CheckpointError(
            f"{path} is a damaged safetensors file: it has {_shown(str(fault))} twice; make or fetch it again"
        ) from None
    except MemoryError:
        raise CheckpointError(f"{path} does not fit into memory; is this the file?") from None
    tensors: Tensors = {}
    for name, entry in found:
        if entry["dtype"] not in _KINDS:
            raise CheckpointError(
                f"{path}: {_shown(name)} has numbers of kind {entry['dtype']}, which nbcnn does not read; "
                f"convert it in PyTorch: {_CONVERT_FLOAT}"
            )
        flat = np.frombuffer(bytearray(entry["data"]), np.dtype(_KINDS[entry["dtype"]]).newbyteorder("<"))
        tensors[name] = flat.reshape(entry["shape"])
    return tensors, dict(header.get("__metadata__") or {})


def match_tensors(found: Mapping[str, np.ndarray], expected: Shapes, source: str, in_python: bool = False) -> None:
    """Hold the tensors of a file, or of a state dict ``in_python``, against a network's names and shapes.

    Raises CheckpointError: where other names or axes would fit, with the line that makes them so; else with the first
    tensor, in the network's order, that is missing, has another shape or isn't made of floats; after those, the first
    that the network doesn't have.
    """
    wrong, place = f"{source} does not fit this network", "state dict" if in_python else "file"
    shapes = {name: value.shape for name, value in found.items()}
    if any(shapes.get(name) != tuple(shape) for name, shape in expected.items()):
        alike = {name: tuple(shape) for name, shape in expected.items()}
        if told := advice(shapes, alike, None if in_python else source):
            raise CheckpointError(f"{wrong}: {told}")
    for name, shape in expected.items():
        if name not in found:
            others = [other for other in found if other not in expected]
            hint = _perhaps(name, others) + ("" if others else _no_bias(name, found))
            raise CheckpointError(f"{wrong}: {name} {shape} is missing from the {place}; {hint}")
        value = found[name]
        if value.shape != tuple(shape):
            raise CheckpointError(
                f"{wrong}: {name} is {value.shape} in the {place} and {tuple(shape)} in the network; "
                f"use the config that the {place} was trained with"
            )
        if value.dtype.name not in FLOATS and not (_is_count(name) and value.dtype.kind in "iu"):
            kinds = " or ".join(FLOATS)
            raise CheckpointError(f"{wrong}: {name} is {value.dtype} in the {place}; weights are {kinds}")
    for name, value in found.items():
        if name not in expected:
            raise CheckpointError(
                f"{wrong}: {_shown(name)} {value.shape} is in the {place} and not in the network; "
                f"{_normalised(found) or f'use the config that the {place} was trained with'}"
            )


def _no_bias(name: str, found: Iterable[str]) -> str:
    """A hint for a file whose layer has a weight and no bias."""
    alone = name.endswith(".bias") and name.removesuffix("bias") + "weight" in found
    return ", or set bias: false for this layer, should it have none there" if alone else ""


def _normalised(found: Iterable[str]) -> str:
    """A hint for the tensors of a batch norm that the network does not have."""
    if any(name.endswith(("running_mean", "num_batches_tracked")) for name in found):
        return "it is of a batch norm: add batch_norm2d to the layers, or fold it into the convolution before it"
    return ""


def _is_count(name: str) -> bool:
    """Whether a tensor counts batches, in whole numbers."""
    return name.rpartition(".")[2] == "num_batches_tracked"


def load_weights(path: str | Path, expected: Shapes) -> tuple[Tensors, dict[str, str]]:
    """Read a network's weights: matched with ``expected``, in its order, as float32; and the file's metadata.

    Raises CheckpointError as ``load_tensors`` and ``match_tensors`` do, and for a number that float32 can't hold.
    """
    found, metadata = load_tensors(path)
    return convert_weights(found, expected, str(path)), metadata


def convert_weights(
    found: Mapping[str, np.ndarray], expected: Shapes, source: str, dtype: str = "float32", in_python: bool = False
) -> Tensors:
    """``match_tensors``, then ``dtype`` in the order of ``expected``; raises CheckpointError for what it can't hold."""
    import numpy as np

    match_tensors(found, expected, source, in_python)
    weights: Tensors = {}
    for name in expected:
        if _is_count(name):
            weights[name] = found[name].astype(np.int64)
            continue
        with np.errstate(over="ignore"):
            weights[name] = found[name].astype(dtype, copy=False)
        if found[name].dtype.itemsize <= weights[name].dtype.itemsize:
            continue
        if not np.array_equal(np.isinf(weights[name]), np.isinf(found[name])):
            largest = np.abs(found[name][np.isfinite(found[name])]).max()
            raise CheckpointError(f"{source}: {name} holds {largest:.3g}, more than {dtype} can; train it again")
    return weights


def fill_arrays(found: Mapping[str, np.ndarray], into: Mapping[str, np.ndarray], source: str) -> None:
    """Copy an optimizer's saved arrays into its own; unless all fit, copies none and raises CheckpointError."""
    wrong = f"{source} does not fit this optimizer"
    if set(found) != set(into):
        names = [", ".join(sorted(map(_shown, side))) or "nothing" for side in (found, into)]
        raise CheckpointError(
            f"{wrong}: the file has {names[0]} and the optimizer {names[1]}; use the run's own config"
        )
    for name, array in into.items():
        if found[name].shape != array.shape or found[name].dtype != array.dtype:
            had, wants = (f"{a.dtype} {a.shape}" for a in (found[name], array))
            raise CheckpointError(
                f"{wrong}: {name} is {had} in the file and {wants} in the optimizer; use the run's own config"
            )
    for name, array in into.items():
        array[...] = found[name]


class _TwiceError(Exception):
    """A name that stands twice in a header: two readers may take different tensors for it."""


def _header(data: bytes) -> dict[str, Any]:
    """The header of a file that the library has found sound."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise _TwiceError(name)
            names.add(name)
        return dict(pairs)

    header: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")], object_pairs_hook=once)
    return header


def _read(path: Path) -> bytes:
    """The file's bytes, once the first of them say that it may be a safetensors file."""
    if not path.exists():
        raise CheckpointError(f"{path}: no such file; expected a safetensors file with weights")
    if not path.is_file():
        inside = sorted(path.glob("*.safetensors")) if path.is_dir() else []
        hint = f"; did you mean {next((one for one in inside if one.stem == 'best'), inside[0])}?" if inside else ""
        raise CheckpointError(f"{path} is not a file; expected a safetensors file with weights{hint}")
    try:
        with path.open("rb") as file:
            start = file.read(300)
            if start[8:9] != b"{" or int.from_bytes(start[:8], "little") > path.stat().st_size - 8:
                raise CheckpointError(what_it_is(path, start))
            return start + file.read()
    except OSError as fault:
        raise CheckpointError(sentence("read", path, fault)) from fault


def _perhaps(name: str, others: Iterable[str]) -> str:
    """A hint for a missing name: the nearest of the names that nothing else claimed."""
    listed = [_shown(other) for other in others]
    if not listed:
        return "use the config that the file was trained with"
    if len(listed) > 12:
        return f"{len(listed)} names in the file are not the network's, {listed[0]} the first"
    return "of the names that are not the network's, " + nearest(name, listed)


def _shown(name: str) -> str:
    """A name out of a file, fit for a terminal."""
    short = name if len(name) <= 80 else name[:79] + "…"
    return short if short.isprintable() else repr(short)
