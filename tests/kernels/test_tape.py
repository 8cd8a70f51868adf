"""Tapes: the same as making the calls one by one, Python callables in their place, errors as Python has them."""

from __future__ import annotations

import numpy as np
import pytest

from nbcnn.config import load_config
from nbcnn.engine import Engine
from nbcnn.kernels import tape
from nbcnn.kernels.contract import Fixed
from nbcnn.kernels.jit import kernel
from nbcnn.kernels.tape import Tape
from nbcnn.network import Network


@kernel
def scale(x, y, factors):
    """y = x times a whole number, plus another."""
    factor, summand = factors
    for i in range(x.size):
        y[i] = x[i] * factor + summand


@kernel
def refuse_negative(x):
    if x[0] < 0:
        raise ValueError("negative")


def test_calls_are_made_in_order_with_python_ones_between():
    x, y, z = np.arange(4.0), np.zeros(4), np.zeros(4)

    def double(a, b):
        b[:] = 2 * a

    played = Tape([(Fixed(scale, (3, 1)), (x, y)), (double, (y, z)), (Fixed(scale, (1, 5)), (z, y))])
    for _ in range(2):
        played()
        assert np.array_equal(z, 2 * (3 * x + 1))
        assert np.array_equal(y, z + 5)
    x[:] = 1
    played()
    assert np.array_equal(y, np.full(4, 13.0))


def test_an_error_in_a_kernel_is_pythons_error():
    x = np.ones(1)
    played = Tape([(refuse_negative, (x,))])
    played()
    x[:] = -1
    with pytest.raises(ValueError, match="negative"):
        played()


@pytest.mark.parametrize("backend", ["direct", "naive", "im2col", "fft"])
def test_a_training_step_from_tape_gives_the_bits_of_the_calls(backend):
    layers = [
        {"conv2d": {"out_channels": 3, "kernel_size": 3, "padding": 1, "backend": backend}},
        "tanh",
        {"avg_pool2d": {"kernel_size": 2, "padding": 1, "count_include_pad": False}},
        "relu",
        {"max_pool2d": {"kernel_size": 2}},
        "sigmoid",
        "flatten",
        {"linear": {"out_features": 4}},
    ]
    shape = {"channels": 2, "height": 8, "width": 6}
    engine = Engine(Network(load_config({"name": "t", "input": shape, "layers": layers})), threads=1)
    worker, rng = engine.workers[0], np.random.default_rng(0)
    images, labels = rng.random((16, 2, 8, 6), dtype=np.float32), rng.integers(0, 4, 16)
    scaling = np.stack([np.ones(2, np.float32), np.zeros(2, np.float32)])
    worker.fill(images, labels, np.arange(16), 0, scaling, np.float32(1 / 16))
    for call in worker._train:
        call.kernel(*call.arrays)
    one_by_one = worker.gradient_flat.copy()
    worker.gradient_flat[:] = np.nan
    worker.train()
    assert np.array_equal(worker.gradient_flat, one_by_one)
    assert np.abs(one_by_one).max() > 0


@pytest.mark.jit
def test_all_of_lenet_is_one_stretch():
    engine = Engine(Network(load_config("lenet")), threads=1)
    assert len(engine.workers[0].train._parts) == 1


@kernel
def give_back(x):
    return x


@pytest.mark.jit
def test_a_kernel_that_gives_something_back_stays_with_python():
    assert tape._compiled(give_back, (np.ones((1, 1, 1, 1)),)) is None


@pytest.mark.jit
def test_arguments_that_are_no_words_stay_with_python():
    x = np.ones(3)
    assert tape._compiled(Fixed(scale, (3, 1)), (x, x)) is not None
    for odd in ((1.5, 1), (True, 1), ("a", 1)):
        assert tape._compiled(Fixed(scale, odd), (x, x)) is None
    assert tape._compiled(lambda a: None, (x,)) is None
