"""``Call``, a kernel call with its arrays, and ``Bound``, a layer's calls; both may be moved to other arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from nbcnn.kernels.contract import Kernel


class Call(NamedTuple):
    """One kernel call with its arrays: ``direction`` is forward, grad_input or grad_weight.

    ``arrays`` are all that it reads and writes. ``problem`` is given where the kernel is a backend's for it, called
    with the arrays of the contract (kernels/contract.py): so their table says which are read and which are written.

    ``in_turn``: packs make it one after the other, in their order, so that it may write what they share; the kernel is
    given one more argument, the tuple (place, turn, late) of kernels/turns.py. ``ends_stage``: no pack goes on until
    all packs of the batch have made it.
    """

    layer: str
    direction: str
    kernel: Kernel
    arrays: tuple[Any, ...]
    problem: Any = None
    in_turn: bool = False
    ends_stage: bool = False


@dataclass
class Bound:
    """A layer bound to buffers: output ``y``, its gradient ``dy`` (None in inference), the calls.

    ``after`` are made once for a training step, when all packs are done: running statistics are updated there.
    ``outputs`` are those of the layers inside a composite layer, by path, each with its gradient: y and dy.
    """

    y: np.ndarray
    dy: np.ndarray | None
    forward: list[Call]
    backward: list[Call] = field(default_factory=list)
    after: list[Call] = field(default_factory=list)
    outputs: dict[str, tuple[np.ndarray, np.ndarray | None]] = field(default_factory=dict)


def with_arrays(call: Call, change: Callable[[np.ndarray], np.ndarray]) -> Call:
    """A call with ``change`` made to each of its arrays."""
    from nbcnn.util.spans import changed

    arrays: tuple[Any, ...] = changed(call.arrays, change)
    return call if arrays is call.arrays else call._replace(arrays=arrays)


def redirected(bound: Bound, old: np.ndarray, new: np.ndarray) -> Bound:
    """A layer's calls with ``new`` in the place of ``old``, both contiguous and of one size."""
    from nbcnn.util.spans import moved

    def calls(own: list[Call]) -> list[Call]:
        return [with_arrays(call, lambda array: moved(array, old, new)) for call in own]

    def output(y: np.ndarray, dy: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        return moved(y, old, new), None if dy is None else moved(dy, old, new)

    y, dy = output(bound.y, bound.dy)
    outputs = {path: output(*both) for path, both in bound.outputs.items()}
    made = {name: calls(getattr(bound, name)) for name in ("forward", "backward", "after")}
    return replace(bound, y=y, dy=dy, outputs=outputs, **made)
