"""Images moved on their way into packs, held against NumPy's own padding, slicing and turning round."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.networks import LENET_LIKE, build
from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.engine.engine import Engine
from nbcnn.kernels import packs
from nbcnn.kernels.contract import LANES

FACTOR, OFFSET = (0.5, 2, 1), (4, -8, 0)


def moved(image: np.ndarray, dy: int, dx: int, flip: int) -> np.ndarray:
    """One image (C, H, W): as torchvision's RandomCrop and RandomHorizontalFlip do it, in float64."""
    most = max(abs(dy), abs(dx))
    height, width = image.shape[1:]
    wide = np.pad(image.astype(float), ((0, 0), (most, most), (most, most)))
    crop = wide[:, most + dy : most + dy + height, most + dx : most + dx + width]
    return crop[:, :, ::-1] if flip else crop


@pytest.mark.parametrize("shape", [(1, 7, 7), (3, 4, 5), (2, 5, 1), (3, 1, 8), (1, 1, 1)])
@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_images_are_shifted_and_flipped(kind: str, shape: tuple[int, int, int], dtype: str) -> None:
    fence, random = GuardedArrays(), np.random.default_rng(1)
    channels, height, width = shape
    images = random.integers(1, 256, (40, *shape)).astype(kind)
    order = random.permutation(40)[:37]
    augmentations = np.stack(
        [random.integers(-height - 1, height + 2, 40), random.integers(-width - 1, width + 2, 40)], 1
    )
    augmentations = fence.input("augmentations", np.concatenate([augmentations, random.integers(0, 2, (40, 1))], 1))
    scaling = fence.input("scaling", np.array([FACTOR[:channels], OFFSET[:channels]], dtype))
    for number, count in ((0, 16), (1, 16), (2, 5)):
        x = fence.output("x", (*shape, LANES), dtype)
        packs.gather_moved(images, np.append(order, 0), np.array([number, 37]), scaling, augmentations, x)
        for lane in range(count):
            image = order[16 * number + lane]
            wanted = moved(images[image], *augmentations[image].tolist())
            wanted = wanted * np.reshape(FACTOR[:channels], (-1, 1, 1)) + np.reshape(OFFSET[:channels], (-1, 1, 1))
            np.testing.assert_array_equal(x[..., lane], wanted)
        assert not x[..., count:].any()  # blank, not scaled black
    fence.check()


def test_every_move_of_an_odd_size(dtype: str) -> None:
    image = np.arange(1, 16, dtype=np.uint8).reshape(1, 1, 3, 5)
    for dy in range(-4, 5):
        for dx in range(-6, 7):
            for flip in (0, 1):
                x = np.full((1, 3, 5, LANES), np.nan, dtype)
                augmentations = np.array([[dy, dx, flip]])
                one = np.ones((2, 1), dtype)
                packs.gather_moved(image, np.zeros(1, np.int64), np.array([0, 1]), one, augmentations, x)
                np.testing.assert_array_equal(x[..., 0], moved(image[0], dy, dx, flip) + 1, err_msg=f"{augmentations}")


def test_no_move_gives_the_bits_of_gather(dtype: str) -> None:
    random = np.random.default_rng(2)
    bytes_ = random.integers(0, 256, (20, 2, 6, 5), dtype=np.uint8)
    scaling = np.stack([1 / (255 * np.array([0.3, 0.7])), -np.array([0.1, 0.0])]).astype(dtype)  # an offset of -0.0
    for images in (bytes_, random.standard_normal(bytes_.shape).astype("float32")):
        for place in (np.array([0, 20]), np.array([1, 20])):
            plain, same = (np.full((2, 6, 5, LANES), np.nan, dtype) for _ in range(2))
            packs.gather(images, np.arange(20), place, scaling, plain)
            packs.gather_moved(images, np.arange(20), place, scaling, np.zeros((20, 3), np.int64), same)
            assert plain.tobytes() == same.tobytes()


def test_what_comes_in_has_the_bits_of_a_black_pixel(dtype: str) -> None:
    for offset in (0.0, -0.0, 0.25):
        scaling = np.array([[1 / 255], [offset]], dtype)
        black, shifted = (np.full((1, 2, 2, LANES), np.nan, dtype) for _ in range(2))
        images, order, place = np.zeros((2, 1, 2, 2), np.uint8), np.arange(1), np.array([0, 1])
        packs.gather(images, order, place, scaling, black)
        packs.gather_moved(images + np.uint8(9), order, place, scaling, np.array([[2, 2, 1]]), shifted)
        assert black[..., 0].tobytes() == shifted[..., 0].tobytes()


def test_wrong_numbers_stay_where_they_are(dtype: str) -> None:
    image = np.array([[[[np.nan, 1.0], [np.inf, 2.0]]]], "float32")
    x = np.zeros((1, 2, 2, LANES), dtype)
    packs.gather_moved(
        image, np.zeros(1, np.int64), np.array([0, 1]), np.array([[1], [0]], dtype), np.array([[0, 0, 1]]), x
    )
    np.testing.assert_array_equal(x[0, :, :, 0], [[1, np.nan], [2, np.inf]])
    packs.gather_moved(
        image, np.zeros(1, np.int64), np.array([0, 1]), np.array([[1], [0]], dtype), np.array([[0, 1, 0]]), x
    )
    np.testing.assert_array_equal(x[0, :, :, 0], [[1, 0], [2, 0]])


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_a_step_is_that_of_images_that_were_moved_before_on_any_number_of_threads(kind: str) -> None:
    network, random = build(LENET_LIKE, channels=2), np.random.default_rng(3)
    images = random.integers(0, 256, (90, 2, 8, 8)).astype(kind)
    if kind == "float32":
        images /= 128  # floats are taken as they are
    labels, order = random.integers(0, 4, 90), random.permutation(90)[:71]
    augmentations = np.concatenate([random.integers(-3, 4, (90, 2)), random.integers(0, 2, (90, 1))], 1)
    there = np.stack([moved(image, *move.tolist()) for image, move in zip(images, augmentations, strict=True)]).astype(
        kind
    )
    bits = set()
    for threads in (1, 2, 3, 4):
        engine = Engine(network, threads=threads)
        try:
            given = [(there, None), (images, augmentations), (images, None)]
            found = [(engine.train_step(x, labels, order, m), engine.gradient.copy()) for x, m in given]
            evaluated = engine.evaluate(images, labels, order).losses
        finally:
            engine.close()
        bits |= {(outcome.losses.tobytes(), gradient.tobytes()) for outcome, gradient in found[:2]}
        assert not np.array_equal(found[1][1], found[2][1])  # a step without augmentations is another
        assert evaluated.tobytes() == found[2][0].losses.tobytes()  # evaluation moves nothing
    assert len(bits) == 1


def test_new_moves_are_taken_and_none_are_kept() -> None:
    """Between steps only the augmentations change: the same images, labels and batch."""
    network, random = build(LENET_LIKE), np.random.default_rng(4)
    images, labels, order = (
        random.integers(0, 256, (32, 1, 8, 8), dtype=np.uint8),
        np.zeros(32, np.int64),
        np.arange(32),
    )
    first = np.full((32, 3), [1, -2, 1])
    second = np.full((32, 3), [-3, 0, 0])
    wanted = []
    for augmentations in (None, first, second):
        engine = Engine(network, threads=1)
        wanted.append(engine.train_step(images, labels, order, augmentations).losses.tobytes())
        engine.close()
    engine = Engine(network, threads=1)
    found = [engine.train_step(images, labels, order, m).losses.tobytes() for m in (first, second, None, first)]
    engine.close()
    assert found == [wanted[1], wanted[2], wanted[0], wanted[1]]
    assert len(set(wanted)) == 3
