"""The engine: gradients of whole batches against the oracle, the same bits on any number of threads, blank images."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from exhaustive import parametrize
from kernels import oracle_network
from kernels.cases import ANY_KERNEL
from kernels.networks import LENET_LIKE, MOTLEY, SPREAD, build, images
from numba import config

from nbcnn.compiler.jit import kernel
from nbcnn.engine.engine import Engine
from nbcnn.kernels import packs
from nbcnn.training.model import Model


@contextmanager
def engine_of(network: Model, **arguments: Any) -> Iterator[Engine]:
    engine = Engine(network, **arguments)
    try:
        yield engine
    finally:
        engine.close()


def gradients_of(engine: Engine) -> dict[str, np.ndarray]:
    """By name, as copies."""
    found, first = {}, 0
    for name, tensor in engine.network.tensors.items():
        found[name] = engine.gradient[first : first + tensor.size].reshape(tensor.shape).copy()
        first += tensor.size
    return found


NETWORKS = {"lenet-like": LENET_LIKE, "motley": MOTLEY, "spread": SPREAD}


@parametrize("count", [1, 15, 16, 17, 50], quick=[1, 16, 50])
@parametrize("which", NETWORKS, quick=["lenet-like", "motley"])
def test_a_step_equals_the_oracle(which: str, count: int, dtype: str) -> None:
    network = build(NETWORKS[which], dtype, channels=2)
    x, labels = images(network, count)
    wanted = oracle_network.run(NETWORKS[which], network.tensors, x, labels)
    rtol, atol = {"float32": (1e-4, 1e-6), "float64": (1e-12, 1e-14)}[dtype]
    with engine_of(network, threads=2) as engine:
        outcome = engine.train_step(x, labels, np.arange(count))
        assert gradients_of(engine).keys() == wanted.gradients.keys()
        for name, gradient in gradients_of(engine).items():
            np.testing.assert_allclose(gradient, wanted.gradients[name], rtol=rtol, atol=atol, err_msg=name)
        np.testing.assert_allclose(outcome.losses, wanted.losses, rtol=rtol)
        np.testing.assert_array_equal(outcome.guesses, wanted.scores.argmax(1))
        np.testing.assert_allclose(engine.predict(x), wanted.scores, rtol=rtol, atol=10 * atol)


@parametrize("name", ANY_KERNEL, quick=["im2col", "naive"])
def test_a_step_with_each_backend(name: str) -> None:
    network = build(LENET_LIKE, "float64", backends={"conv2d": name, "linear": "naive"})
    x, labels = images(network, 19)
    with engine_of(network, threads=1) as engine:
        engine.train_step(x, labels, np.arange(19))
        wanted = oracle_network.run(LENET_LIKE, network.tensors, x, labels).gradients
        for tensor, gradient in gradients_of(engine).items():
            np.testing.assert_allclose(gradient, wanted[tensor], rtol=1e-10, atol=1e-13, err_msg=tensor)


@pytest.mark.parametrize("count", [1, 40, pytest.param(200, marks=pytest.mark.jit)])
def test_the_number_of_threads_changes_no_bit(count: int) -> None:
    network = build(MOTLEY)
    x, labels = images(network, count)
    order = np.random.default_rng(1).permutation(count)
    bits = set()
    for threads in (1, 2, 3):
        with engine_of(network, threads=threads) as engine:
            assert engine.thread_pool.size == threads
            for _ in range(5):
                outcome = engine.train_step(x, labels, order)
                scores = engine.predict(x)
                bits.add(
                    (engine.gradient.tobytes(), outcome.losses.tobytes(), outcome.guesses.tobytes(), scores.tobytes())
                )
    assert len(bits) == 1


def test_gradients_are_summed_pack_by_pack_in_order() -> None:
    network = build(LENET_LIKE)
    x, labels = images(network, 64)
    with engine_of(network, threads=3) as engine:
        total = np.zeros_like(engine.gradient)
        for first in (0, 16, 32, 48):
            engine.train_step(x, labels, np.arange(first, first + 16))
            total += engine.gradient / 4  # a mean over 16 images, as a part of one over 64: exact
        engine.train_step(x, labels, np.arange(64))
        np.testing.assert_array_equal(engine.gradient, total)
        backwards = np.concatenate([np.arange(first, first + 16) for first in (48, 32, 16, 0)])
        engine.train_step(x, labels, backwards)
        assert not np.array_equal(engine.gradient, total)  # else the order would not show


@pytest.mark.parametrize("count", [1, 17])
def test_what_an_earlier_batch_left_behind_changes_nothing(count: int) -> None:
    network = build(MOTLEY)
    x, labels = images(network, 48)
    x[20:] *= 1e6
    order = np.arange(count)
    with engine_of(network, threads=2) as fresh, engine_of(network, threads=2) as used:
        used.train_step(x, labels, np.arange(48))
        used.predict(x)
        outcomes = [engine.train_step(x, labels, order) for engine in (fresh, used)]
        assert fresh.gradient.tobytes() == used.gradient.tobytes()
        assert outcomes[0].losses.tobytes() == outcomes[1].losses.tobytes()
        assert fresh.predict(x[:count]).tobytes() == used.predict(x[:count]).tobytes()


def test_images_that_are_not_asked_for_count_for_nothing() -> None:
    network = build(LENET_LIKE)
    x, labels = images(network, 30)
    order = np.array([3, 29, 3, 11, 0, *range(12, 28)])
    with engine_of(network, threads=2) as engine:
        outcome = engine.train_step(x, labels, order)
        gradient = engine.gradient.copy()
        x[[1, 2, 4, 28]] = np.nan
        again = engine.train_step(x, labels, order)
        assert engine.gradient.tobytes() == gradient.tobytes()
        assert again.losses.tobytes() == outcome.losses.tobytes()
        assert outcome.losses[0] == outcome.losses[2]  # the same image twice
        picked = engine.train_step(x[order], labels[order], np.arange(order.size))
        assert engine.gradient.tobytes() == gradient.tobytes()
        assert picked.guesses.tobytes() == outcome.guesses.tobytes()


def test_bytes_are_scaled_by_mean_and_deviation(dtype: str) -> None:
    data = {"mean": [0.25, 0.5], "std": [0.5, 2.0]}
    network = build(LENET_LIKE, dtype, channels=2, data=data)
    pixels = np.random.default_rng(2).integers(0, 256, (18, 2, 8, 8), dtype=np.uint8)
    labels = np.zeros(18, np.int64)
    scaled = (pixels / 255 - np.reshape(data["mean"], (2, 1, 1))) / np.reshape(data["std"], (2, 1, 1))
    wanted = oracle_network.run(LENET_LIKE, network.tensors, scaled, labels)
    rtol = {"float32": 1e-5, "float64": 1e-12}[dtype]
    with engine_of(network, threads=1) as engine:
        np.testing.assert_allclose(engine.predict(pixels), wanted.scores, rtol=rtol)
        np.testing.assert_allclose(engine.train_step(pixels, labels, np.arange(18)).losses, wanted.losses, rtol=rtol)
        np.testing.assert_allclose(
            gradients_of(engine)["0.weight"], wanted.gradients["0.weight"], rtol=1e3 * rtol, atol=1e-7
        )
        np.testing.assert_allclose(network(scaled.astype(dtype)), wanted.scores, rtol=rtol)


def test_prediction_evaluation_and_training_agree() -> None:
    network = build(MOTLEY)
    x, labels = images(network, 37)
    order = np.arange(37)
    with engine_of(network, threads=2) as engine, engine_of(network, training=False, threads=2) as light:
        evaluated, trained = engine.evaluate(x, labels, order), engine.train_step(x, labels, order)
        assert (engine.predict(x).argmax(1) == evaluated.guesses).all()
        assert evaluated.losses.tobytes() == trained.losses.tobytes()
        assert evaluated.guesses.tobytes() == trained.guesses.tobytes()
        assert light.evaluate(x, labels, order).losses.tobytes() == trained.losses.tobytes()
        assert light.predict(x).tobytes() == network(x).tobytes()
        assert light.gradient.size == 0


def test_predictions_are_of_what_the_array_holds_now() -> None:
    """Calls stay bound to images in the same place: not to others, nor to what these were."""
    network = build(LENET_LIKE)
    pixels = np.random.default_rng(4).integers(0, 256, (40, *network.in_shape), np.uint8)
    x = pixels.astype(np.float32)
    with engine_of(network, training=False, threads=2) as engine, engine_of(network, training=False) as other:

        def fresh(images: np.ndarray) -> bytes:
            return other.predict(images.copy()).tobytes()

        assert engine.predict(x).tobytes() == engine.predict(x).tobytes() == fresh(x)
        x += 1
        assert engine.predict(x).tobytes() == fresh(x)
        for given in (x[:17], x[17:34], x[: 2 * 17 : 2], x[::-1][:17], x[:17].astype(np.float64), pixels[:17], x):
            assert engine.predict(given).tobytes() == fresh(given)
        bits = pixels.view(np.int8)
        assert engine.predict(pixels).tobytes() == fresh(pixels)
        bits[:] = 1
        assert engine.predict(pixels).tobytes() == fresh(np.ones_like(pixels))


def test_evaluation_and_warming_up_change_nothing() -> None:
    network = build(LENET_LIKE)
    x, labels = images(network, 20)
    with engine_of(network, threads=2) as engine:
        engine.train_step(x, labels, np.arange(20))
        before, parameters = engine.gradient.tobytes(), network.parameters.tobytes()
        engine.evaluate(x, labels, np.arange(20))
        engine.predict(x)
        engine.warm_up(x, labels)
        assert engine.gradient.tobytes() == before
        assert network.parameters.tobytes() == parameters


def test_the_inputs_are_left_alone() -> None:
    network = build(MOTLEY)
    x, labels = images(network, 20)
    order = np.arange(19, -1, -1)
    for array in (x, labels, order):
        array.flags.writeable = False
    with engine_of(network, threads=2) as engine:
        engine.train_step(x, labels, order)
        engine.evaluate(x, labels, order)
        engine.predict(x)


@kernel
def broken_report(losses, guesses, place, all_losses, all_guesses):  # type: ignore[no-untyped-def]
    if place[0] == all_guesses[-1]:
        raise ZeroDivisionError("on purpose")
    packs.report(losses, guesses, place, all_losses, all_guesses)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("broken", [0, 3, 9])
def test_an_error_in_a_thread_reaches_the_caller_and_the_engine_goes_on(broken: int, native: bool) -> None:
    network = build(LENET_LIKE, backends={"conv2d": "direct" if native else "im2col"})
    x, labels = images(network, 160)
    with engine_of(network, threads=3) as engine:
        wanted = engine.train_step(x, labels, np.arange(160)).losses
        kept = []
        for worker in engine.workers:
            assert worker.native("train") == (native and not config.DISABLE_JIT)
            calls = worker.stages("train")[0].calls
            (number,) = (k for k, call in enumerate(calls) if call.direction == "report")
            *arrays, guesses = calls[number].arrays
            marked = np.append(guesses, broken)  # the last number says which pack is to fail
            worker.stages("train")[0].list.replace(number, (broken_report, (*arrays, marked)))
            kept.append((worker.stages("train")[0].list, number, (calls[number].kernel, calls[number].arrays)))
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            engine.train_step(x, labels, np.arange(160))
        for call_list, number, call in kept:
            call_list.replace(number, call)
        assert engine.train_step(x, labels, np.arange(160)).losses.tobytes() == wanted.tobytes()


def test_a_forgotten_engine_takes_its_threads_and_buffers_with_it() -> None:
    before, network = set(threading.enumerate()), build(LENET_LIKE)
    engine = Engine(network, threads=3)
    engine.train_step(*images(network, 40), np.arange(40))
    gone, buffers = weakref.ref(engine), weakref.ref(engine.workers[0])
    helpers = set(threading.enumerate()) - before
    assert len(helpers) == 2
    del engine
    gc.collect()
    assert gone() is None
    for helper in helpers:
        helper.join(timeout=20)
        assert not helper.is_alive()
    assert buffers() is None
