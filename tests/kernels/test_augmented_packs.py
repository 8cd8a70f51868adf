"""Images cropped, flipped, warped, erased and mixed on their way into packs, held against NumPy in float64."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from kernels.networks import LENET_LIKE, build
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.engine.engine import Engine
from nbcnn.engine.serial import SerialExecutor
from nbcnn.kernels import augmented_packs, packs
from nbcnn.kernels.contract import LANES

FACTOR, OFFSET = (0.5, 2, 1), (4, -8, 0)
IDENTITY = (1, 0, 0, 0, 1, 0)


def row(
    dy: int = 0,
    dx: int = 0,
    flip: int = 0,
    reflect: int = 0,
    matrix: Any = None,
    erased: Any = (0, 0, 0, 0),
    value: float = 0,
) -> list[float]:
    return [dy, dx, flip, reflect, matrix is not None, *(matrix or IDENTITY), *erased, value]


def augmented(image: np.ndarray, move: np.ndarray, factor: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """One image (C, H, W): padded by NumPy, cropped, flipped, warped tap by tap, scaled, erased."""
    H, W = image.shape[1:]
    dy, dx = int(move[0]), int(move[1])
    most = max(abs(dy), abs(dx))
    mode: Any = "reflect" if move[3] else "constant"
    wide = np.pad(image.astype(float), ((0, 0), (most, most), (most, most)), mode)
    crop = wide[:, most + dy : most + dy + H, most + dx : most + dx + W]
    crop = crop[:, :, ::-1] if move[2] else crop
    if move[4]:
        m, warped = move[5:11], np.zeros_like(crop)
        for i in range(H):
            for j in range(W):
                x, y = m[0] * j + m[1] * i + m[2], m[3] * j + m[4] * i + m[5]
                for r in range(H):
                    for q in range(W):
                        weight = max(0, 1 - abs(x - q)) * max(0, 1 - abs(y - r))
                        warped[:, i, j] += weight * crop[:, r, q]
        crop = warped
    scaled = crop * factor[:, None, None] + offset[:, None, None]
    top, left, bottom, right = (int(k) for k in move[11:15])
    scaled[:, top:bottom, left:right] = move[15]
    return scaled


def gathered(
    images: np.ndarray, augmentations: np.ndarray, scaling: np.ndarray, order: np.ndarray, number: int = 0
) -> np.ndarray:
    fence, (C, H, W) = GuardedArrays(), images.shape[1:]
    scratch = np.zeros((2 * C + 1, H + 2, W + 2), scaling.dtype)
    x = fence.output("x", (C, H, W, LANES), scaling.dtype.name)
    numbers = np.zeros(LANES + 1, np.int64)
    augmented_packs.pack_numbers(order, np.array([number, order.size]), numbers)
    given = fence.input("scaling", scaling), fence.input("augmentations", augmentations), scratch, x
    augmented_packs.gather_augmented(images, numbers, *given)
    fence.check()
    assert not scratch[-1, [0, -1]].any() and not scratch[-1][:, [0, -1]].any()
    return np.array(x)


@pytest.mark.parametrize("shape", [(1, 7, 7), (3, 4, 5), (2, 5, 2), (3, 2, 8)])
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_every_way_alone_and_together(kind: str, shape: tuple[int, int, int], dtype: str) -> None:
    random, (channels, height, width) = np.random.default_rng(1), shape
    images = random.integers(1, 256, (37, *shape)).astype(kind)
    augmentations = np.zeros((37, 16))
    most = min(height, width) - 1
    for n in range(37):
        ways = random.random(5) < 0.5
        dy, dx = random.integers(-most, most + 1, 2) * ways[0]
        matrix = tuple(np.array(IDENTITY) + random.normal(0, 0.3, 6) * (1, 1, 3, 1, 1, 3)) if ways[3] else None
        top, left = random.integers(0, height), random.integers(0, width)
        erased = (
            (top, left, random.integers(top, height) + 1, random.integers(left, width) + 1) if ways[4] else (0, 0, 0, 0)
        )
        augmentations[n] = row(int(dy), int(dx), int(ways[1]), int(ways[2]), matrix, erased, 0.25)
    scaling = np.array([FACTOR[:channels], OFFSET[:channels]], dtype)
    order = random.permutation(37)
    for number, count in ((0, 16), (1, 16), (2, 5)):
        x = gathered(images, augmentations, scaling, order, number)
        for lane in range(count):
            image = order[16 * number + lane]
            wanted = augmented(images[image], augmentations[image], *scaling.astype(float))
            np.testing.assert_allclose(x[..., lane], wanted, rtol=0, atol=2e-3 if dtype == "float32" else 1e-11)
        assert not x[..., count:].any()


def test_reflected_padding_is_numpys(dtype: str) -> None:
    image = np.arange(1, 16, dtype=np.uint8).reshape(1, 1, 3, 5)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            for flip in (0, 1):
                x = gathered(
                    image, np.array([row(dy, dx, flip, 1)], float), np.ones((2, 1), dtype), np.zeros(1, np.int64)
                )
                wide = np.pad(image[0, 0], 2, "reflect")[2 + dy : 5 + dy, 2 + dx : 7 + dx]
                np.testing.assert_array_equal(x[0, ..., 0], (wide[:, ::-1] if flip else wide) + 1)


def test_shifts_and_flips_are_those_of_gather_moved(dtype: str) -> None:
    random = np.random.default_rng(2)
    images = random.integers(0, 256, (16, 2, 6, 5), dtype=np.uint8)
    augmentations = np.concatenate([random.integers(-7, 8, (16, 2)), random.integers(0, 2, (16, 1))], 1)
    scaling = np.stack([1 / (255 * np.array([0.3, 0.7])), -np.array([0.1, 0.0])]).astype(dtype)
    wide = np.zeros((16, 16))
    wide[:, :3] = augmentations
    order, x = random.permutation(16), np.zeros((2, 6, 5, LANES), dtype)
    packs.gather_moved(images, order, np.array([0, 16]), scaling, augmentations, x)
    np.testing.assert_allclose(gathered(images, wide, scaling, order), x, rtol=4 * np.finfo(dtype).eps, atol=1e-7)


def test_a_mixed_image_is_both_images_each_augmented_as_itself(dtype: str) -> None:
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (5, 1, 4, 4), dtype=np.uint8)
    augmentations = np.array([[*row(k % 2, 0, k % 2), (k + 2) % 5, 0.5 + k / 10] for k in range(5)], float)
    scaling, order = np.array([[0.5], [1]], dtype), np.array([4, 0, 3])
    x = gathered(images, augmentations, scaling, order)
    for lane, image in enumerate(order):
        one, other = (augmented(images[k], augmentations[k], *scaling.astype(float)) for k in (image, (image + 2) % 5))
        share = 0.5 + image / 10
        np.testing.assert_allclose(x[..., lane], share * one + (1 - share) * other, rtol=1e-5)


def test_labels_and_weights_of_both(dtype: str) -> None:
    labels, order = np.array([3, 1, 4, 1, 5]), np.array([4, 0])
    augmentations = np.array([[*row(), (k + 1) % 5, 0.75] for k in range(5)], float)
    both, weights, numbers = np.full((2, LANES), 9), np.full((3, LANES), np.nan, dtype), np.zeros(LANES + 1, np.int64)
    packs.gather_labels(labels, order, np.array([0, 2]), np.full(1, 0.5, dtype), both[0], weights[0])
    augmented_packs.pack_numbers(order, np.array([0, 2]), numbers)
    augmented_packs.mix_labels(labels, numbers, augmentations, both, weights)
    blank = [0] * (LANES - 2)
    assert both.tolist() == [[5, 3, *blank], [3, 1, *blank]]
    assert weights.tolist() == [[wanted, wanted, *blank] for wanted in (0.375, 0.125, 0.75)]


@pytest.mark.parametrize("mixed", [False, True])
def test_a_step_is_that_of_images_that_were_augmented_before(mixed: bool) -> None:
    """Losses and gradient are those of both labels, with their shares; evaluation augments nothing."""
    random = np.random.default_rng(4)
    images, labels = random.integers(0, 256, (90, 1, 8, 8), dtype=np.uint8), random.integers(0, 4, 90)
    matrix = (0.9, 0.1, 0.5, -0.1, 0.9, 0.5)
    augmentations = np.array(
        [
            [*row(k % 3 - 1, k % 2, k % 2, 1, matrix, (2, 3, 5, 8), 0.5), (7 * k + 1) % 90, 0.5 + k / 180]
            for k in range(90)
        ]
    )
    augmentations = augmentations if mixed else np.ascontiguousarray(augmentations[:, :16])
    order = random.permutation(90)[:37]
    network = build(LENET_LIKE)
    scaling = np.array([[1 / 255], [0]], "float32")
    there = np.concatenate(
        [np.moveaxis(gathered(images, augmentations, scaling, order, number), -1, 0) for number in range(3)]
    )
    engines = [Engine(network, threads=threads) for threads in (1, 2, 3)] + [SerialExecutor(network)]
    steps = []
    for engine in engines:
        plain = engine.train_step(images, labels, order)
        steps.append((engine.train_step(images, labels, order, augmentations), engine.gradient.tobytes()))
        again = engine.train_step(images, labels, order)  # the next one without
        assert (
            again.losses.tobytes() == plain.losses.tobytes() == engine.evaluate(images, labels, order).losses.tobytes()
        )
        assert plain.losses.tobytes() != steps[-1][0].losses.tobytes()
    assert len({(step.losses.tobytes(), gradient) for step, gradient in steps}) == 1
    step, gradient = steps[0][0], np.frombuffer(steps[0][1], np.float32)
    partners, shares = ((7 * order + 1) % 90, 0.5 + order / 180) if mixed else (order, np.ones(37))
    losses, wanted = np.zeros(37), np.zeros(gradient.size)
    for numbers, share in ((order, shares), (partners, 1 - shares)):
        for k in range(37):  # one by one: each has a weight of its own
            one = engines[0].train_step(there, np.concatenate([labels[numbers], labels[:11]]), np.array([k]))
            losses[k] += share[k] * one.losses[0]
            wanted += share[k] / 37 * engines[0].gradient
    for engine in engines:
        assert (
            numba.config.DISABLE_JIT
            or not isinstance(engine, Engine)
            or all(worker.native("train") for worker in engine.workers)
        )
        engine.close()
    np.testing.assert_allclose(step.losses, losses, rtol=1e-5)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-3, atol=1e-6)
