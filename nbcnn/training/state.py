"""The saved state of a training, in one file: weights, optimizer, position, config, digest of the data.

One file is replaced in one moment, so no kill can leave the weights of one step with the optimizer of another.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import Shapes, Tensors, convert_weights, fill_arrays, load_tensors, save_tensors
from nbcnn.runs.run_folder import Run

if TYPE_CHECKING:
    import numpy as np


@dataclass
class Position:
    """Where a training is. ``epochs`` are complete; the sums are those of the epoch after them, as far as it is.

    ``seen`` images of it are done, in the order of that epoch; ``loss_sum`` and ``right`` guesses are over these;
    ``seconds`` is the time that they took. The best checkpoint so far has ``best_accuracy`` and ``best_loss`` on the
    validation images, or on the test images where there are none; before the first, -1 and 0.
    """

    epochs: int = 0
    step: int = 0
    seen: int = 0
    right: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    best_accuracy: float = -1.0
    best_loss: float = 0.0

    def next_epoch(self) -> None:
        """The epoch is complete."""
        self.epochs, self.seen, self.right, self.loss_sum, self.seconds = self.epochs + 1, 0, 0, 0.0, 0.0


class State(NamedTuple):
    """A saved state: its ``tensors`` by their names in the ``file``, its position, the config's mapping, the data."""

    file: str
    tensors: Tensors
    position: Position
    config: dict[str, Any]
    data: str

    def restore(
        self, expected: Shapes, optimizer: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray] | None = None
    ) -> Tensors:
        """Fill the arrays of the optimizer, and ``others`` that the training keeps; return the weights, float32.

        Nothing is filled unless all of it fits; raises CheckpointError where it is another network's or optimizer's.
        """
        kept = {n.removeprefix("weights."): v for n, v in self.tensors.items() if n.startswith("weights.")}
        rest = {n.removeprefix("optimizer."): v for n, v in self.tensors.items() if not n.startswith("weights.")}
        weights = convert_weights(kept, expected, self.file)
        fill_arrays(rest, {**optimizer, **(others or {})}, self.file)
        return weights


def save_state(
    run: Run,
    weights: Mapping[str, np.ndarray],
    optimizer: Mapping[str, np.ndarray],
    position: Position,
    config: Mapping[str, Any],
    data: str,
    others: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write state.safetensors and, for people to read, last.json. ``data`` is a digest of the images.

    ``others`` are arrays that the training keeps besides weights and optimizer, with names that no optimizer has.

    Raises CheckpointError; what was saved before is left then.
    """
    tensors = {f"weights.{n}": v for n, v in weights.items()} | {f"optimizer.{n}": v for n, v in optimizer.items()}
    tensors |= others or {}
    texts = {
        "position": json.dumps(asdict(position)),
        "config": json.dumps(config),
        "data": data,
        "sha256": _digest(tensors),
    }
    with run.writing():
        save_tensors(run.state, tensors, texts)
    run.wrote(run.state)
    run.write_json(run.position, asdict(position))


def read_state(run: Run) -> State:
    """The state that was saved last; raises CheckpointError where there is none to go on from."""
    if not run.state.exists():
        raise CheckpointError(f"{run.folder} cannot be resumed: it has no {run.state.name}; train anew")
    try:
        tensors, metadata = load_tensors(run.state)
    except CheckpointError as fault:
        raise CheckpointError(f"{run.folder} cannot be resumed, train anew: {str(fault).partition(';')[0]}") from fault
    position, config = (_mapping(metadata.get(key)) for key in ("position", "config"))
    if position is None or not _is_position(position) or config is None:
        raise CheckpointError(f"{run.state} does not say where training stopped, and with which config; train anew")
    if metadata.get("sha256") != _digest(tensors):
        raise CheckpointError(f"{run.state} is damaged: its numbers are not those that were saved; train anew")
    return State(str(run.state), tensors, Position(**position), config, metadata.get("data", ""))


def _digest(tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of all numbers, names and shapes: a bit that a disk has lost would be trained on without a word."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype.str} {tensor.shape}".encode())
        found.update(tensor.tobytes())
    return found.hexdigest()


def _mapping(text: str | None) -> dict[str, Any] | None:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_position(found: dict[str, Any]) -> bool:
    """Whether it has the fields of a Position, with numbers that a training can have."""
    if found.keys() != {field.name for field in fields(Position)}:
        return False
    counts = [found[name] for name in ("epochs", "step", "seen", "right")]
    numbers = [found[name] for name in ("loss_sum", "seconds", "best_accuracy", "best_loss")]
    return all(type(count) is int and 0 <= count < 2**63 for count in counts) and all(
        type(number) in (int, float) and math.isfinite(number) for number in numbers
    )
