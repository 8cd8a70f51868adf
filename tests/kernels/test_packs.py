"""The way from images to packs and back."""

from __future__ import annotations

import numpy as np
import pytest

from nbcnn.check.fence import Fence
from nbcnn.kernels import packs
from nbcnn.kernels.contract import LANES


@pytest.mark.parametrize("kind", ["uint8", "float32", "float64"])
def test_gather_scales_and_turns(kind: str, dtype: str) -> None:
    fence, random = Fence(), np.random.default_rng(1)
    images = random.integers(0, 256, (40, 3, 4, 5)).astype(kind)
    order = random.permutation(40)[:37]
    scaling = fence.input("scaling", np.array([[0.5, 2, 1], [4, -8, 0]], dtype))
    for first, count in ((0, 16), (16, 16), (32, 5)):
        x = fence.output("x", (3, 4, 5, LANES), dtype)
        packs.gather(images, order, first, scaling, x)
        chosen = images[order[first : first + count]].astype(float)
        wanted = chosen * np.reshape([0.5, 2, 1], (3, 1, 1)) + np.reshape([4, -8, 0], (3, 1, 1))
        np.testing.assert_array_equal(np.moveaxis(x, -1, 0)[:count], wanted)
        assert not x[..., count:].any()  # blank, not scaled zeros
    fence.check()


def test_gather_labels(dtype: str) -> None:
    fence, labels = Fence(), np.arange(100, 140)
    order = np.array([7, 3, 3, 39, *range(20, 35)])
    for first, wanted in ((0, [107, 103, 103, 139, *range(120, 132)]), (16, [132, 133, 134])):
        taken, scale = fence.output("labels", (LANES,), "int64"), fence.output("scale", (LANES,), dtype)
        packs.gather_labels(labels, order, first, np.dtype(dtype).type(0.25), taken, scale)
        assert taken.tolist() == wanted + [0] * (LANES - len(wanted))
        assert scale.tolist() == [0.25] * len(wanted) + [0] * (LANES - len(wanted))
    fence.check()


def test_scatter_fills_the_rows_that_there_are(dtype: str) -> None:
    fence, y = Fence(), np.arange(7 * LANES).reshape(7, LANES).astype(dtype)
    out = fence.output("out", (35, 7), dtype)
    for first in (0, 16, 32):
        packs.scatter(fence.input("y", y + 1000 * first), first, out)
    fence.check()
    wanted = np.concatenate([y.T, y.T + 16000, y.T[:3] + 32000])
    np.testing.assert_array_equal(out, wanted)


def test_add(dtype: str) -> None:
    fence = Fence()
    total, part = fence.output("total", (37,), dtype), fence.input("part", np.arange(37).astype(dtype))
    total[:] = 100
    packs.add(total, part)
    packs.add(total, part)
    fence.check()
    np.testing.assert_array_equal(total, 100 + 2 * np.arange(37))
