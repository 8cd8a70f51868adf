"""One pack of the last batch, forward and backward once more, with every array kept: for statistics by layer.

The engine's threads reuse the memory of a layer as soon as the next one has read it. This pass has arrays of its own,
and makes the very calls that the training makes, so that no kernel is compiled for it. It changes no parameter, no
gradient and no running statistic of the network.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nbcnn.engine.augmented_pack import AugmentedPackBuffers
from nbcnn.engine.batch import Batch, BatchInputs, LastBatch, Mode
from nbcnn.engine.fusion import fuse
from nbcnn.engine.network import Network
from nbcnn.engine.serial import SerialExecutor
from nbcnn.kernels.contract import LANES
from nbcnn.layers.base import Call
from nbcnn.util.blas import one_blas_thread


class LayerPass(SerialExecutor):
    """Runs the first pack of a batch in one thread. ``arrays`` are those of each layer afterwards.

    ``fused``: an activation and the pooling after it are one call, as in the engine. Raises ShapeError where memory is
    too small for it.
    """

    def __init__(self, network: Network, fused: bool) -> None:
        super().__init__(network)
        self._fused = fused
        self._bound: tuple[BatchInputs, Batch, list[Call]] | None = None
        self.arrays = by_layer_and_name(self.pack)

    def run(self, last: LastBatch) -> int:
        """Make the pass over what an executor did last; gives how many images it had, at most 16."""
        order = last.order[:LANES]
        inputs, batch, calls = self._calls(last.inputs, order, last.step)
        batch.begin(order, inputs.weight(order))
        self.pack.place[:] = 0, order.size
        self.pack.step[:] = last.step, self.network.config.train.seed
        with one_blas_thread():
            for call in calls:
                call.kernel(*call.arrays)
        return int(order.size)

    def layers(
        self, mode: Mode, batch: Batch, inputs: BatchInputs, pack: AugmentedPackBuffers
    ) -> Iterator[tuple[str, list[Call]]]:
        """As the serial executor has them, or fused, which gives calls of two layers."""
        layers = super().layers(mode, batch, inputs, pack)
        if not self._fused:
            yield from layers
            return
        yield "", fuse([call for _, own in layers for call in own])

    def _calls(self, inputs: BatchInputs, order: np.ndarray, step: int) -> tuple[BatchInputs, Batch, list[Call]]:
        """The calls of the pack; the same for the same inputs."""
        if self._bound is None or self._bound[0] is not inputs:
            batch = self.new_batch(np.zeros(LANES, np.int64), inputs, step)
            stages = self.stages("train", inputs, batch, self.pack)
            calls = [call for stage in stages for call in stage if call.direction != "add"]
            self._bound = inputs, batch, calls
        return self._bound


def by_layer_and_name(pack: AugmentedPackBuffers) -> dict[str, dict[str, np.ndarray]]:
    """The arrays of each layer that has a kernel, by the names of the contract: x, y, dy."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for call in (*pack.forward, *pack.backward):
        if call.problem is None:
            continue
        signatures = {signature.kernel: signature for signature in call.problem.kernels.signatures()}
        if call.direction in signatures:
            named = zip(signatures[call.direction].arguments, call.arrays, strict=False)
            found.setdefault(call.layer, {}).update({n: a for n, a in named if n in ("x", "y", "dy")})
    return found
