"""Check of a backend's kernel for one image (``single``): the same bits as its forward pass of a pack.

The engine counts on that when it takes one or the other by the number of images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.conformance.formatting import figure
from nbcnn.conformance.guarded_arrays import GuardedArrays, holds
from nbcnn.conformance.report import Report
from nbcnn.conformance.runner import STRANGE, BrokenError
from nbcnn.conformance.signatures import PACKS, Array, Arrays, calls
from nbcnn.errors import KernelError
from nbcnn.kernels import contract_check
from nbcnn.kernels.contract import LANES, Backend, OneImage
from nbcnn.util import activity

CHECK = "one image"
IMAGES = (0, LANES - 1)


def of(backend: Backend, problem: Any) -> OneImage | None:
    """A backend's kernel for one image, or None; raises BrokenError where that breaks the contract."""
    try:
        return contract_check.one_image(backend, problem)
    except KernelError as error:
        raise BrokenError(str(error)) from error


def alone(inputs: Arrays, image: int) -> Arrays:
    """A problem's inputs with one image of each pack."""
    return {name: np.ascontiguousarray(a[..., image]) if name in PACKS else a for name, a in inputs.items()}


def run(found: OneImage, problem: Any, inputs: Arrays) -> tuple[Array, list[str]]:
    """y of one image, and sentences on what was read or written where nothing may be."""
    fence = GuardedArrays()
    read = [fence.input(name, inputs[name]) for name in calls(problem)[0].reads]
    y = fence.output("y", problem.y_shape, problem.dtype)
    scratch = fence.output("scratch", (found.workspace,), problem.dtype, "scratch")
    activity.tell(now="single's forward")
    try:
        with np.errstate(all="ignore"):
            given_back: Any = found.forward(*read, y, scratch)
    except Exception as error:
        raise BrokenError(f"single's forward raised {type(error).__name__}: {error}") from error
    told = [f"single's forward: {sentence}" for sentence in fence.breaches()]
    told += [f"single's forward: y {words.format('everywhere')}" for k, words in STRANGE.items() if holds(y, k).any()]
    if given_back is not None:
        told.append("single's forward returned something; a kernel writes into the arrays that it is given")
    return y, told


def check(backend: Backend, problem: Any, inputs: Arrays, out: Arrays, report: Report, where: str) -> None:
    """The first and the last image of a pack alone, against y as the pack's kernel gave it."""
    found = of(backend, problem)
    if found is None:
        return
    for image in IMAGES:
        y, told = run(found, problem, alone(inputs, image))
        told += _differs(y, np.ascontiguousarray(out["y"][..., image]))
        for sentence in told[:1]:
            report.fail(CHECK, sentence, where, "y")
        if not told:
            report.ok(CHECK)


def _differs(y: Array, pack: Array) -> list[str]:
    if y.tobytes() == pack.tobytes():
        return []
    differs = y != pack
    if not differs.any():
        return ["y of one image differs from what its pack gives in the sign of zero"]
    index = tuple(np.argwhere(differs)[0])
    return [
        f"y of one image differs in {int(differs.sum()):,} of {differs.size:,} numbers from what its pack gives: "
        f"{figure(y[index])}, in the pack {figure(pack[index])}; is the sum in another order?"
    ]
