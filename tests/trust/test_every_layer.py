"""Each layer that is registered, in a small network: the bits of the serial executor on any number of threads.

A new layer is in these tests by its example in docs/yaml.md; one without an example fails with a sentence
(trust/matrix.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize
from kernels.networks import BRANCHES
from stripes import write_stripes

import nbcnn
from nbcnn.engine.engine import Engine
from nbcnn.engine.serial import SerialExecutor
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.training.model import Model
from nbcnn.training.trainer import Trainer
from trust import matrix

pytestmark = [pytest.mark.trust, pytest.mark.jit]

NETWORKS = matrix.SMALL
THREADS = (1, 2, 3, 5)
SIZES = (2, 16, 75)
"""A pack that is not full, one that is, and five of which the last is not full."""


@contextmanager
def executors(which: str) -> Iterator[list[tuple[str, Model, Any]]]:
    """The serial one and engines of 1 to 5 threads, each with a network of its own."""
    networks = [Model(NETWORKS[which]) for _ in range(len(THREADS) + 1)]
    made: list[tuple[str, Model, Any]] = [("serial", networks[0], SerialExecutor(networks[0]))]
    made += [
        (f"{n} threads", network, Engine(network, threads=n)) for n, network in zip(THREADS, networks[1:], strict=True)
    ]
    try:
        yield made
    finally:
        for _, _, executor in made:
            executor.close()


def given(network: Model, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels, labels and the order of a batch."""
    random = np.random.default_rng(count)
    x = random.integers(0, 256, (count, *network.in_shape), dtype=np.uint8)
    return x, random.integers(0, network.out_shape[0], count), random.permutation(count)


def bits(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {name: np.ascontiguousarray(array).tobytes() for name, array in arrays.items()}


@parametrize("which", NETWORKS, quick=lambda which: which.endswith(" 0") or which == "branches")
def test_every_executor_gives_the_same_bits(which: str) -> None:
    """Losses, gradients, running statistics, evaluation and predictions; two steps for each size of batch."""
    found: dict[str, list[dict[str, bytes]]] = {}
    with executors(which) as made:
        for name, network, executor in made:
            found[name] = []
            for step, count in enumerate([*SIZES, *SIZES]):
                x, labels, order = given(network, count)
                result = executor.train_step(x, labels, order, None, step)
                tested = executor.evaluate(x, labels, order)
                record = {
                    "losses": result.losses,
                    "guesses": result.guesses,
                    "gradient": executor.gradient,
                    "evaluation": tested.losses,
                    "outputs": executor.predict(x),
                }
                assert np.isfinite(executor.gradient).all() and executor.gradient.any()
                found[name].append(bits(record | network.buffers))
                network.parameters -= np.float32(0.05) * executor.gradient
    for name, records in found.items():
        for number, (record, wanted) in enumerate(zip(records, found["serial"], strict=True)):
            different = [key for key in wanted if record[key] != wanted[key]]
            assert not different, f"{which}, {name}, batch {number}: not the serial executor's bits in {different}"


@parametrize("which", NETWORKS, quick={"motley", "branches"})
def test_an_image_has_the_same_bits_in_any_batch_outside_training(which: str) -> None:
    network = Model(NETWORKS[which])
    x, labels, order = given(network, 75)
    engine = Engine(network, threads=2)
    try:
        engine.train_step(x, labels, order)  # running statistics are other than the first ones
        network.parameters -= np.float32(0.05) * engine.gradient
        whole, losses = engine.predict(x), engine.evaluate(x, labels, np.arange(75)).losses
        for size in (1, 2, 7, 17):
            for first in (0, 16, 31):
                part = slice(first, first + size)
                assert engine.predict(x[part]).tobytes() == whole[part].tobytes(), (size, first)
                order = np.arange(75)[part]
                assert engine.evaluate(x, labels, order).losses.tobytes() == losses[part].tobytes(), (size, first)
    finally:
        engine.close()


@pytest.mark.parametrize("which", [name for name in NETWORKS if matrix.depends_on_mode(NETWORKS[name])])
def test_training_is_another_mode_where_a_layer_says_so(which: str) -> None:
    """Evaluation changes no running statistic, and has losses of its own."""
    network = Model(NETWORKS[which])
    x, labels, order = given(network, 75)
    engine = Engine(network, threads=2)
    try:
        trained = engine.train_step(x, labels, order).losses.copy()
        kept = bits(network.buffers)
        assert (engine.evaluate(x, labels, order).losses != trained).any()
        engine.predict(x)
        assert bits(network.buffers) == kept
        again = engine.train_step(x, labels, order, None, 1).losses
        dropout = any(layer.kind == "dropout" for layer in network.layers())
        assert (again != trained).any() == dropout  # the step decides what is dropped
    finally:
        engine.close()


class StoppedError(Exception):
    """As a kill: nothing after it is done."""


@pytest.mark.parametrize("executor", ["threads", "serial"])
def test_a_training_that_was_stopped_in_an_epoch_goes_on_to_the_same_bits(
    executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch norm in branches, dropout, an average of the weights: all that a step depends on is in the saved state."""
    write_stripes(tmp_path / "stripes")
    train = {"epochs": 2, "batch_size": 50, "seed": 5, "optimizer": "adam", "ema": {"decay": 0.9}, "executor": executor}
    config: dict[str, Any] = {
        "name": "stopped",
        "input": {"channels": 1, "height": 12, "width": 12},
        "layers": BRANCHES,
        "data": {"folder": str(tmp_path / "stripes")},
        "train": train | {"checkpoint_every": {"steps": 1}},
    }
    monkeypatch.setattr("nbcnn.training.loop.draw_run", lambda *_: None)
    whole = nbcnn.train(config, out=tmp_path / "whole")
    for stop in (2, 7):  # of 5 steps an epoch
        out, steps, step = tmp_path / f"stopped {stop}", 0, Trainer.step

        def counted(self: Any, *arguments: Any, step: Any = step, stop: int = stop, **more: Any) -> Any:
            nonlocal steps
            if steps == stop:
                raise StoppedError
            steps += 1
            return step(self, *arguments, **more)

        with monkeypatch.context() as patched:
            patched.setattr(Trainer, "step", counted)
            with pytest.raises(StoppedError):
                nbcnn.train(config, out=out)
        resumed = nbcnn.resume(out)
        for name in ("last", "best"):
            got, wanted = (load_tensors(run.weights_path(name))[0] for run in (resumed, whole))
            assert bits(got) == bits(wanted), (stop, name)
        assert any(name.endswith("running_var") for name in wanted)
