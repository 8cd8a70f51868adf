"""The first call that made NaN or infinity: a step that went wrong, made once more by the serial executor.

The engine's threads can't be stopped between two layers, and to look at every number would cost more than the step. So
while training goes well only the loss, the gradient and the weights are looked at (finite_check.py). When one of them
went wrong the weights are still those of before the step, so the same bits come out again. nan_report.py words them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nbcnn.engine.executor import Executor
from nbcnn.engine.network import Network
from nbcnn.engine.pack_buffers import PackBuffers
from nbcnn.engine.serial import SerialExecutor
from nbcnn.kernels.registry import file_of
from nbcnn.layers.base import Call
from nbcnn.training.diagnose.array_stats import array_stats, figure
from nbcnn.training.diagnose.nan_report import Finding, Scene, check, finding, spoilt_tensor


def examine(executor: Executor) -> Finding:
    """Make what the executor did last once more, call by call, in the serial one: the first wrong number.

    No parameter may have changed since.
    """
    network, last = executor.network, executor.last
    assert last is not None
    serial = SerialExecutor(network, training=executor.gradient.size > 0)
    batch, pack = serial.new_batch(last.order, last.inputs, last.step), serial.pack
    scene = Scene(network, batch.order, pack.place, "training" if last.mode == "train" else "test")
    if spoilt := spoilt_tensor(network, network.parameters):
        return Finding((f"it began before the step, in {spoilt}",), "load other weights, or train anew")
    # Some other array may be infinite from the beginning: a layer of a plugin may want it so.
    calls = [call for stage in serial.stages(last.mode, last.inputs, batch, pack) for call in stage]
    strange = {id(array) for call in calls for array in _results(network, pack, call) if not _finite(array)}
    with np.errstate(all="ignore"):
        for call in serial.steps(last.mode, last.inputs, batch):
            for array in _results(network, pack, call):
                if id(array) not in strange and not _finite(array):
                    return finding(scene, call, array)
    return _nothing(network, "step" if last.mode == "train" else "evaluation")


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


def _results(network: Network, pack: PackBuffers, call: Call) -> Iterator[np.ndarray]:
    """The arrays of a call that may hold results: no whole numbers, no scratch, no parameters.

    They were finite before the call, so those that are not finite after it were written by it.
    """
    others = (pack.work, network.parameters)
    floats = (array for array in call.arrays if isinstance(array, np.ndarray) and array.dtype.kind == "f")
    return (array for array in floats if not any(np.may_share_memory(array, other) for other in others))


def _finite(array: np.ndarray) -> bool:
    return bool(np.isfinite(array).all())


def _nothing(network: Network, what: str) -> Finding:
    layers = [layer for layer in network.layers() if layer.op]
    own = [layer for layer in layers if file_of(str(layer.op), str(layer.backend))] or layers
    checks = ", ".join(sorted({check(layer) for layer in own}))
    return Finding(
        (f"the {what} was made again, call by call, and all of its numbers were finite: a kernel gives other results",),
        f"find out which kernel does not give the same result each time: {checks}" if checks else "",
    )
