"""Long sums come in blocks: near to the exact sum, cut at the same places everywhere, and a plain sum is noticed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive, parametrize

from nbcnn import functional
from nbcnn.config import load_config
from nbcnn.conformance import Report
from nbcnn.conformance.long_sums import NUMBER, check_long
from nbcnn.engine.engine import Engine
from nbcnn.engine.fused_kernels import tiles
from nbcnn.engine.fusion import fuse
from nbcnn.engine.ordered_sum import add_in_turn
from nbcnn.kernels import registry
from nbcnn.kernels.contract import LANES
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.op import roundings
from nbcnn.kernels.ops import op as definition
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.lanes.block_sums import BLOCK, block_at, block_count, block_length, block_sizes
from nbcnn.training.model import Model

UNIT = 2.0**-24


def plain(terms: np.ndarray) -> np.ndarray:
    """The sum along the first axis in one accumulator."""
    return np.asarray(np.cumsum(terms, axis=0, dtype=terms.dtype)[-1])


def in_blocks(terms: np.ndarray) -> np.ndarray:
    """The sum along the first axis as block_sums.py cuts it."""
    length = max(BLOCK, -(-int(np.sqrt(len(terms))) // 16) * 16)
    return plain(np.stack([plain(terms[first : first + length]) for first in range(0, len(terms), length)]))


@pytest.mark.parametrize(
    "sizes", [(1, 5, 5), (6, 5, 5), (300, 3, 3), (2, 40, 45), (1, 1, 1), (3, 7, 2000), (1, 4000, 4000), (5000, 1, 1)]
)
def test_blocks_hold_every_term_once_and_are_few(sizes: tuple[int, int, int]) -> None:
    block = block_sizes(sizes)
    count, terms = block_count(sizes, block), int(np.prod(sizes))
    met = [tuple(stop - first for first, stop in block_at(n, sizes, block)) for n in range(count)]
    assert sum(int(np.prod(part)) for part in met) == terms
    if terms < 10**6:
        seen = np.zeros(sizes, int)
        for n in range(count):
            seen[tuple(slice(*span) for span in block_at(n, sizes, block))] += 1
        assert np.all(seen == 1)
    assert (
        max(int(np.prod(part)) for part in met) + count - 1
        <= roundings(*sizes)
        <= max(terms, 2 * BLOCK + terms // BLOCK)
    )
    assert (count == 1) == (terms <= BLOCK)


def test_a_block_is_a_thousand_terms_or_the_root() -> None:
    assert [block_length(n) for n in (1, 1024, 10**6, 1025**2, 4000**2)] == [1024, 1024, 1024, 1040, 4000]
    assert roundings(4000, 4000) == 4000 + 4000 - 1
    assert roundings(1024) == 1024
    assert roundings(1025) == 1025


LONG = [
    Conv2dProblem(130, 3, 5, 6, (3, 3), padding=(1, 1, 1, 1)),
    Conv2dProblem(3, 130, 7, 6, (3, 3), (2, 2), (1, 0, 2, 1)),
    Conv2dProblem(2, 3, 42, 50, (40, 45), (2, 1), (3, 1, 0, 2)),
    Conv2dProblem(4, 2, 70, 80, (33, 37), (2, 3), (0, 0, 0, 0), (2, 2), groups=2),
    Conv2dProblem(1, 2, 2, 1300, (2, 1200), (1, 3), (0, 0, 5, 0)),
    Conv2dProblem(2, 3, 1300, 2, (1100, 1), (2, 1)),
    Conv2dProblem(2, 3, 40, 41, (1, 1)),
    Conv2dProblem(1, 2, 2, 1500, (1, 1)),
    Conv2dProblem(1300, 3, 2, 3, (1, 1), (2, 2)),
    Conv2dProblem(3, 1300, 2, 3, (1, 1)),
    LinearProblem(1030, 5),
    LinearProblem(2051, 18),
    LinearProblem(7, 1100),
]


@pytest.mark.jit
@parametrize("problem", LONG, quick=[LONG[0], LONG[2], LONG[8], *LONG[-3:]], ids=str)
def test_naive_direct_pointwise_and_one_image_have_the_same_bits(problem: Any) -> None:
    random = np.random.default_rng(0)
    x, dy, w, b = (
        random.uniform(0.5, 1.5, shape).astype(np.float32)
        for shape in ((*problem.x_shape, LANES), (*problem.y_shape, LANES), problem.w_shape, problem.y_shape[:1])
    )
    found = {}
    for name in ("naive", "direct", "pointwise"):
        if name not in registry.backend_names(problem.op) or registry.backend(problem.op, name).supports(problem):
            continue
        kernels, floats = registry.prepare(problem, name)
        scratch, out = np.full(floats, np.nan, np.float32), [np.empty_like(array) for array in (dy, x, w, b)]
        kernels.forward(x, w, b, out[0], scratch)
        kernels.grad_input(dy, w, out[1], scratch)
        kernels.grad_weight(x, dy, out[2], out[3], scratch)
        found[name] = [array.tobytes() for array in out]
    assert all(bits == found["naive"] for bits in found.values())
    one = registry.backend(problem.op, "direct").single(problem)
    y, image = np.empty(problem.y_shape, np.float32), np.ascontiguousarray(x[..., 3])
    one.forward(image, w, b, y, np.full(one.workspace, np.nan, np.float32))
    pack = np.frombuffer(found["direct"][0], np.float32).reshape(dy.shape)
    assert y.tobytes() == pack[..., 3].tobytes()


def _conv_forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    y[0, 0, 0] = plain((x * w[0, ..., None]).reshape(-1, LANES))


def _conv_grad_input(dy: Any, w: Any, dx: Any, scratch: Any) -> None:
    dx[0, 0, 0] = plain(dy[:, 0, 0] * w[:, 0, 0])


def _conv_grad_weight(x: Any, dy: Any, dw: Any, db: Any, scratch: Any) -> None:
    dw[...] = in_blocks((x * dy).reshape(-1, LANES)).sum()
    db[...] = plain(dy.reshape(-1, LANES)).sum()


def _conv_grad_pixels(x: Any, dy: Any, dw: Any, db: Any, scratch: Any) -> None:
    dw[...] = plain((x * dy).reshape(-1, LANES)).sum()
    db[...] = in_blocks(dy.reshape(-1, LANES)).sum()


def _linear_forward(x: Any, w: Any, b: Any, y: Any, scratch: Any) -> None:
    y[...] = plain(x[:, None] * w.T[:, :, None])


def _linear_grad_input(dy: Any, w: Any, dx: Any, scratch: Any) -> None:
    dx[...] = plain(dy[:, None] * w[:, :, None])


def _mean(x: Any, y: Any, scratch: Any) -> None:
    y[0, 0, 0] = plain(x.reshape(-1, LANES)) / np.float32(x.size // LANES)


def _softmax(x: Any, y: Any, scratch: Any) -> None:
    e = np.exp(x - x.max(0))
    y[...] = e / plain(e)


def _log_softmax(x: Any, y: Any, scratch: Any) -> None:
    y[...] = x - x.max(0) - np.log(plain(np.exp(x - x.max(0))))


def _log_softmax_gradient(x: Any, y: Any, dy: Any, dx: Any, scratch: Any) -> None:
    dx[...] = dy - np.exp(y) * plain(dy)


def _softmax_gradient(x: Any, y: Any, dy: Any, dx: Any, scratch: Any) -> None:
    dx[...] = y * dy - y * plain(y * dy)


def _loss(x: Any, labels: Any, losses: Any, guesses: Any, scratch: Any) -> None:
    losses[...] = np.log(plain(np.exp(x - x.max(0)))) - (x[labels, np.arange(LANES)] - x.max(0))
    guesses[...] = x.argmax(0)


PLANTED: dict[str, tuple[str, int, str, Callable[..., None], str]] = {
    "channels": ("conv2d", 0, "forward", _conv_forward, "y"),
    "output channels": ("conv2d", 1, "grad_input", _conv_grad_input, "dx"),
    "pixels": ("conv2d", 2, "grad_weight", _conv_grad_pixels, "dw"),
    "pixels of a row": ("conv2d", 3, "grad_weight", _conv_grad_pixels, "dw"),
    "pixels, bias": ("conv2d", 2, "grad_weight", _conv_grad_weight, "db"),
    "taps": ("conv2d", 4, "forward", _conv_forward, "y"),
    "taps of a row": ("conv2d", 5, "forward", _conv_forward, "y"),
    "3x3": ("conv2d", 6, "forward", _conv_forward, "y"),
    "features": ("linear", 0, "forward", _linear_forward, "y"),
    "outputs": ("linear", 2, "grad_input", _linear_grad_input, "dx"),
    "window": ("avg_pool2d", 0, "forward", _mean, "y"),
    "wide window": ("avg_pool2d", 1, "forward", _mean, "y"),
    "tall window": ("avg_pool2d", 2, "forward", _mean, "y"),
    "softmax": ("softmax", 0, "forward", _softmax, "y"),
    "softmax, gradient": ("softmax", 0, "grad_input", _softmax_gradient, "dx"),
    "log_softmax": ("log_softmax", 0, "forward", _log_softmax, "y"),
    "log_softmax, gradient": ("log_softmax", 0, "grad_input", _log_softmax_gradient, "dx"),
    "loss": ("cross_entropy", 0, "forward", _loss, "losses"),
}


@pytest.mark.jit
@parametrize("name", PLANTED, quick=["channels", "features", "window", "softmax", "loss"])
def test_a_single_accumulator_is_noticed(name: str) -> None:
    op, number, direction, kernel, array = PLANTED[name]
    problem, right = definition(op).long_sums()[number], registry.backend(op, "direct")

    class Spoilt:
        def supports(self, problem: Any) -> None:
            return None

        def workspace(self, problem: Any) -> int:
            return int(right.workspace(problem))

        def build(self, problem: Any) -> Any:
            return right.build(problem)._replace(**{direction: kernel})

    own, plugin = Report(op, "spoilt", ""), Report(op, "spoilt", "")
    check_long(Spoilt(), problem, own, strict=True)
    check_long(Spoilt(), problem, plugin, strict=False)
    assert {failure.array for failure in own.failures} >= {array}
    assert all("one accumulator of more than 1,024 terms drifts away" in str(failure) for failure in own.failures)
    assert plugin.notes[0].startswith("no failure: long sums round more than nbcnn's own do")
    assert re.search(
        r": [\d.e+-]+ in \w+ is exactly [\d.e+-]+, for .*; one accumulator of more than 1,024", plugin.notes[0]
    )
    assert not plugin.failures and not plugin.failed
    assert all((tally.worst or 0) <= 1 for tally in plugin.tallies.values())  # what is allowed is not told as an error


@pytest.mark.jit
def test_a_pixel_under_very_many_windows() -> None:
    """The gradient of a mean whose windows overlap: the pixel in the middle is met by 8,192 of them."""
    size = 8192
    problem = Pool2dProblem("avg_pool2d", 1, 1, 2 * size - 1, (1, size), (1, 1), divisor_override=1)
    kernels, _ = registry.prepare(problem, "direct")
    dy = np.full((*problem.y_shape, LANES), NUMBER, np.float32)
    dx, x, y = (np.zeros((*shape, LANES), np.float32) for shape in (problem.x_shape, problem.x_shape, problem.y_shape))
    kernels.grad_input(x, y, dy, dx, np.zeros(0, np.float32))
    met = np.minimum(np.arange(1, 2 * size), np.arange(1, 2 * size)[::-1])
    assert np.abs(dx[0, 0, :, 5] / (met * NUMBER) - 1).max() <= roundings(size) * UNIT


@pytest.mark.jit
def test_a_pixel_that_is_the_largest_of_very_many_windows() -> None:
    size = 8192
    problem = Pool2dProblem("max_pool2d", 1, 1, 2 * size - 1, (1, size), (1, 1))
    kernels, floats = registry.prepare(problem, "direct")
    x = np.zeros((*problem.x_shape, LANES), np.float32)
    x[0, 0, size - 1] = 1
    y, dy = np.ones((*problem.y_shape, LANES), np.float32), np.full((*problem.y_shape, LANES), NUMBER, np.float32)
    dx = np.full_like(x, np.nan)
    kernels.grad_input(x, y, dy, dx, np.full(floats, np.nan, np.float32))
    assert np.abs(dx[0, 0, size - 1] / (size * NUMBER) - 1).max() <= roundings(size) * UNIT
    assert np.count_nonzero(dx) == LANES


@exhaustive
@pytest.mark.jit
@pytest.mark.parametrize("dtype", ["float32"])
def test_im2col_of_a_large_kernel(dtype: str) -> None:
    problem = Conv2dProblem(1, 1, 128, 64, (128, 64), padding=(0, 127, 0, 63))
    kernels, floats = registry.prepare(problem, "im2col")
    dy, w = np.full((*problem.y_shape, LANES), NUMBER, dtype), np.ones(problem.w_shape, dtype)
    dx = np.zeros((*problem.x_shape, LANES), dtype)
    kernels.grad_input(dy, w, dx, np.empty(floats, dtype))
    rows, columns = np.ogrid[1:129, 1:65]
    assert np.abs(dx[0, :, :, 0] / (rows * columns * NUMBER) - 1).max() <= roundings(1, 128, 64) * UNIT


def test_packs_are_summed_in_blocks() -> None:
    total, done, part = np.full(2, np.nan, np.float32), np.full(2, np.nan, np.float32), np.full(2, NUMBER, np.float32)
    turn, late = np.zeros(1, np.int64), np.zeros(1, np.int64)
    for piece in range(2 * BLOCK + 7):
        add_in_turn(total, done, part, (np.array([piece, 0]), turn, late))
    assert np.all(total == plain(np.stack([part] * 7)))
    assert np.all(done == 2 * plain(np.stack([part] * BLOCK)))


@pytest.mark.jit
def test_a_batch_of_very_many_images_has_its_gradient_in_blocks() -> None:
    layers = ["flatten", {"linear": {"out_features": 3}}]
    network = Model(load_config({"name": "one", "input": {"channels": 1, "height": 1, "width": 2}, "layers": layers}))
    network.parameters[:] = np.linspace(-1, 1, network.parameters.size)
    count = (BLOCK + 300) * LANES
    images, labels = np.full((count, 1, 1, 2), NUMBER, np.float32), np.ones(count, np.int64)
    found = []
    for threads in (1, 2):
        engine = Engine(network, threads=threads)
        for images_of_batch in (count, 48):  # a short batch after a long one
            engine.train_step(images, labels, np.arange(images_of_batch))
            found.append(engine.gradient.tobytes())
            if threads == 1:  # the only worker still has the last pack's, and all packs are alike
                parts = np.stack([engine.workers[0].buffers.flat_gradient] * (images_of_batch // LANES))
                assert found[-1] == in_blocks(parts).tobytes()
        engine.close()
    assert found[:2] == found[2:]


def test_weight_gradients_of_very_many_images_on_arrays() -> None:
    count = 10000 * LANES
    x, dy = np.full((count, 1, 1, 1), NUMBER, np.float32), np.ones((count, 1, 1, 1), np.float32)
    found = functional.conv2d_grad_weight(x, (1, 1, 1, 1), dy)
    assert found.item() == in_blocks(np.full(10000, np.float32(NUMBER) * LANES, np.float32))


def test_large_windows_are_not_fused() -> None:
    """Their number of pixels is in the type, and their sums would be long."""
    assert tiles(Pool2dProblem("avg_pool2d", 1, 32, 32, (16, 16), (16, 16)))
    assert not tiles(Pool2dProblem("avg_pool2d", 1, 40, 40, (40, 40), (40, 40)))
    layers = ["relu", "global_avg_pool2d", "flatten"]
    network = Model(
        load_config({"name": "mean", "input": {"channels": 1, "height": 40, "width": 40}, "layers": layers})
    )
    worker = Engine(network, training=False, threads=1).workers[0]
    assert len(fuse(worker.buffers.forward)) == len(worker.buffers.forward)
