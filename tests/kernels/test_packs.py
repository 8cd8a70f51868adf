"""The way from images to packs and back."""

from __future__ import annotations

import numpy as np
import pytest

from nbcnn.conformance.guarded_arrays import GuardedArrays
from nbcnn.kernels import packs
from nbcnn.kernels.contract import LANES


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_gather_scales_and_turns(kind: str, dtype: str) -> None:
    fence, random = GuardedArrays(), np.random.default_rng(1)
    images = random.integers(0, 256, (40, 3, 4, 5)).astype(kind)
    order = random.permutation(40)[:37]
    scaling = fence.input("scaling", np.array([[0.5, 2, 1], [4, -8, 0]], dtype))
    for number, count in ((0, 16), (1, 16), (2, 5)):
        x = fence.output("x", (3, 4, 5, LANES), dtype)
        packs.gather(images, np.append(order, 0), np.array([number, 37]), scaling, x)
        chosen = images[order[16 * number : 16 * number + count]].astype(float)
        wanted = chosen * np.reshape([0.5, 2, 1], (3, 1, 1)) + np.reshape([4, -8, 0], (3, 1, 1))
        np.testing.assert_array_equal(np.moveaxis(x, -1, 0)[:count], wanted)
        assert not x[..., count:].any()  # blank, not scaled zeros
    fence.check()


def test_gather_labels(dtype: str) -> None:
    fence, labels = GuardedArrays(), np.arange(100, 140)
    order = np.array([7, 3, 3, 39, *range(20, 35)])
    for number, wanted in ((0, [107, 103, 103, 139, *range(120, 132)]), (1, [132, 133, 134])):
        taken, scale = fence.output("labels", (LANES,), "int64"), fence.output("scale", (LANES,), dtype)
        packs.gather_labels(labels, order, np.array([number, order.size]), np.full(1, 0.25, dtype), taken, scale)
        assert taken.tolist() == wanted + [0] * (LANES - len(wanted))
        assert scale.tolist() == [0.25] * len(wanted) + [0] * (LANES - len(wanted))
    fence.check()


def test_scatter_fills_the_rows_that_there_are(dtype: str) -> None:
    fence, y = GuardedArrays(), np.arange(7 * LANES).reshape(7, LANES).astype(dtype)
    out = fence.output("out", (35, 7), dtype)
    for number in range(3):
        packs.scatter(fence.input("y", y + 16000 * number), np.array([number, 35]), out)
    fence.check()
    wanted = np.concatenate([y.T, y.T + 16000, y.T[:3] + 32000])
    np.testing.assert_array_equal(out, wanted)


def test_report_fills_the_places_that_there_are(dtype: str) -> None:
    fence = GuardedArrays()
    losses, guesses = fence.output("losses", (21,), dtype), fence.output("guesses", (21,), "int64")
    for number in range(2):
        own = 100 * number + np.arange(LANES)
        packs.report(own.astype(dtype), own + 7, np.array([number, 21]), losses, guesses)
    fence.check()
    assert losses.tolist() == [*range(16), *range(100, 105)]
    assert guesses.tolist() == [*range(7, 23), *range(107, 112)]


def test_add(dtype: str) -> None:
    fence = GuardedArrays()
    total, part = fence.output("total", (37,), dtype), fence.input("part", np.arange(37).astype(dtype))
    total[:] = 100
    packs.add(total, part)
    packs.add(total, part)
    fence.check()
    np.testing.assert_array_equal(total, 100 + 2 * np.arange(37))
