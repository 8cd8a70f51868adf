"""Where NaN or infinity came from: a step that went wrong is made once more, call by call, and each result looked at.

The tape of a step (engine/worker.py) can't be stopped between two layers, and to look at every number would cost more
than the step. So while training goes well, only the loss, the gradient and the weights are looked at (finite_check.py).
When one of them went wrong the weights are still those of before the step, so that the same bits come out again. What
is said of them is in nan_report.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nbcnn.engine.engine import Engine
from nbcnn.engine.network import Network
from nbcnn.engine.worker import Mode, Worker
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.registry import added
from nbcnn.layers.base import Call
from nbcnn.training.diagnose.array_stats import array_stats, figure
from nbcnn.training.diagnose.nan_report import Finding, Scene, check, spoilt_tensor, told
from nbcnn.util.blas import one_blas_thread


def examine(engine: Engine, mode: Mode = "train") -> Finding:
    """Make once more what the engine did last (``train``, a step; ``eval``, an evaluation): the first wrong number.

    No parameter may have changed since. ``engine.gradient`` is computed anew.
    """
    network, worker = engine.network, Worker(engine.network, training=engine.gradient.size > 0)
    batch, calls, place = worker.again(mode, engine.workers[0])
    scene = Scene(network, batch.order, place, "training" if mode == "train" else "test")
    if spoilt := spoilt_tensor(network, network.parameters):
        return Finding((f"it began before the step, in {spoilt}",), "load other weights, or train anew")
    batch.now_serving[0], batch.total[:] = 0, 0
    # Some other array may be infinite from the beginning: a layer of a plugin may want it so.
    strange = {id(array) for call in calls for array in _results(network, worker, call) if not _finite(array)}
    with one_blas_thread(), np.errstate(all="ignore"):
        for number in range(-(-int(place[1]) // LANES)):
            place[0] = number
            for call in calls:
                call.kernel(*call.arrays)
                for array in _results(network, worker, call):
                    if id(array) not in strange and not _finite(array):
                        return told(scene, call, array)
    if mode == "train":
        batch.finish()
    return _nothing(network, "step" if mode == "train" else "evaluation")


def examine_update(network: Network, optimizer: str, gradient: np.ndarray, state: Mapping[str, np.ndarray]) -> Finding:
    """The first wrong number that a step of the optimizer left, in the parameters or in its own ``state``.

    All parameters, and the ``gradient`` (size,), were finite before.
    """
    spoilt = spoilt_tensor(network, network.parameters)
    if not spoilt:
        name, array = next((name, array) for name, array in state.items() if not _finite(array))
        spoilt = f"{name}, which {optimizer} keeps: {array_stats(array).words()}"
    return Finding(
        (
            f"it began in the update by {optimizer}, in {spoilt}",
            f"what went in: gradients up to {figure(array_stats(gradient).largest)}, all of them numbers",
        )
    )


def _results(network: Network, worker: Worker, call: Call) -> Iterator[np.ndarray]:
    """The arrays of a call that may hold results: no whole numbers, no scratch, no parameters.

    They were finite before the call, so those that are not finite after it were written by it.
    """
    others = (worker.scratch(0), network.parameters)
    floats = (array for array in call.arrays if isinstance(array, np.ndarray) and array.dtype.kind == "f")
    return (array for array in floats if not any(np.may_share_memory(array, other) for other in others))


def _finite(array: np.ndarray) -> bool:
    return bool(np.isfinite(array).all())


def _nothing(network: Network, what: str) -> Finding:
    layers = [layer for layer in network.layers() if layer.op]
    own = [layer for layer in layers if (layer.op, layer.backend) in added()] or layers
    checks = ", ".join(sorted({check(layer) for layer in own}))
    return Finding(
        (f"the {what} was made again, call by call, and all of its numbers were finite: a kernel gives other results",),
        f"find out which kernel does not give the same result each time: {checks}" if checks else "",
    )
