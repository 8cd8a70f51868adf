"""What is drawn for each image: a function of seed, epoch and number, as likely as it should be."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from nbcnn.data import epoch_augmentations
from nbcnn.data.augment_rows import Affine, Erasing, epoch_rows, mixup_shares
from nbcnn.kernels.augmented_packs import MATRIX, PARTNER, SHARE, TOP, VALUE

WAYS: dict[str, Any] = {
    "padding": 2,
    "reflect": True,
    "p": 0.5,
    "affine": Affine((-20, 30), (0.1, 0.2), (0.8, 1.2), (-5, 5)),
    "erasing": Erasing(0.5, (0.02, 0.33), (0.3, 3.3), 0.5),
    "alpha": 0.4,
}


def test_each_way_is_drawn_by_itself_and_each_image_too() -> None:
    both = epoch_rows(200, 3, 4, (28, 20), **WAYS)
    assert both.tobytes() == epoch_rows(200, 3, 4, (28, 20), **WAYS).tobytes()
    assert len({epoch_rows(200, seed, epoch, (28, 20), **WAYS).tobytes() for seed in (3, 5) for epoch in (4, 5)}) == 4
    augmentations = epoch_augmentations(200, 3, 4, padding=2, p=0.5)
    assert augmentations is not None and np.array_equal(both[:, :3], augmentations) and both[:, 3].all()
    fewer = epoch_rows(120, 3, 4, (28, 20), **{**WAYS, "alpha": None})
    assert fewer.shape == (120, 16) and np.array_equal(fewer, both[:120, :16])
    for name, span in (("affine", slice(4, 11)), ("erasing", slice(11, 16)), ("alpha", slice(16, 18))):
        alone = epoch_rows(200, 3, 4, (28, 20), **{name: WAYS[name]})
        assert np.array_equal(alone[:, span], both[:, span])
    assert np.array_equal(epoch_rows(200, 3, 4, (28, 20), alpha=0.4)[:, SHARE], both[:, SHARE])


def test_flips_alternate() -> None:
    epochs = [epoch_augmentations(500, 7, epoch, p=0.3, alternating=True) for epoch in range(1, 6)]
    random = epoch_augmentations(500, 7, 1, p=0.3)
    assert random is not None and np.array_equal(epochs[0], random)  # type: ignore[arg-type]
    for one, two in pairwise(epochs):
        assert one is not None and two is not None and np.array_equal(one[:, 2] + two[:, 2], np.ones(500))


def test_matrices_are_rotation_shear_scale_and_shift_about_the_centre() -> None:
    """Each takes the place of a pixel back to where it came from, by the matrices multiplied in full."""
    affine = Affine((-20, 30), (0.1, 0.2), (0.8, 1.2), (-5, 5))
    height, width = 28, 20
    rows = epoch_rows(4000, 1, 2, (height, width), affine=affine)
    m = rows[:, MATRIX : MATRIX + 6]
    inverse = m[:, [0, 1, 3, 4]].reshape(-1, 2, 2)
    forward = np.linalg.inv(inverse)
    scale = np.sqrt(np.linalg.det(forward))
    angle = np.degrees(np.arctan2(forward[:, 1, 0], forward[:, 0, 0]))
    turned = np.linalg.inv([[[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]] for a in np.radians(angle)])
    sheared = turned @ forward / scale[:, None, None]
    np.testing.assert_allclose(sheared[:, [0, 1], [0, 1]], 1, atol=1e-9)
    np.testing.assert_allclose(sheared[:, 1, 0], 0, atol=1e-9)
    shear = np.degrees(np.arctan(-sheared[:, 0, 1]))
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    # The pixel that comes from the centre lies at the centre and the shift.
    moved = np.einsum("nij,nj->ni", forward, centre - m[:, [2, 5]]) - centre
    np.testing.assert_allclose(moved, np.rint(moved), atol=1e-9)
    for found, low, high in (
        (angle, -20, 30), (scale, 0.8, 1.2), (shear, -5, 5), (moved[:, 0], -2, 2), (moved[:, 1], -6, 6),
    ):  # fmt: skip
        assert low - 1e-9 <= found.min() < low + 0.05 * (high - low) and high + 1e-9 >= found.max() > high - 0.05 * (
            high - low
        )
        assert abs(found.mean() - (low + high) / 2) < 5 * (high - low) / np.sqrt(12 * 4000)


def test_without_ranges_a_matrix_is_that_of_the_image_itself() -> None:
    rows = epoch_rows(5, 1, 1, (7, 9), affine=Affine((0, 0), (0, 0), (1, 1), (0, 0)))
    np.testing.assert_allclose(rows[:, MATRIX : MATRIX + 6], [[1, 0, 0, 0, 1, 0]] * 5, atol=1e-12)


@pytest.mark.parametrize("shape", [(28, 28), (32, 16)])
def test_rectangles_have_the_sizes_that_were_asked_for(shape: tuple[int, int]) -> None:
    height, width = shape
    rows = epoch_rows(5000, 1, 1, shape, erasing=Erasing(0.3, (0.05, 0.2), (0.5, 2.0), -1.5))
    top, left, bottom, right = rows[:, TOP : TOP + 4].T
    erased = bottom > top
    assert abs(erased.mean() - 0.3) < 5 * np.sqrt(0.21 / 5000) and (rows[:, VALUE] == -1.5).all()
    assert not rows[~erased, TOP : TOP + 4].any()
    tall, wide = (bottom - top)[erased], (right - left)[erased]
    assert top.min() >= 0 and left.min() >= 0 and bottom.max() <= height and right.max() <= width
    assert (right > left)[erased].all() and bottom.max() == height and right.max() == width
    area, ratio = tall * wide / (height * width), tall / wide
    assert 0.03 < area.min() < 0.07 and 0.18 < area.max() < 0.23 and 0.4 < ratio.min() < 0.6 and 1.6 < ratio.max() < 2.5
    nothing = epoch_rows(50, 1, 1, shape, erasing=Erasing(1.0, (1.0, 1.0), (1.0, 1.0), 0.0))
    assert not nothing[:, TOP : TOP + 4].any()  # torchvision's too: what fills the image whole never fits


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 2.0, 8.0])
def test_shares_are_the_larger_of_a_beta_distribution(alpha: float) -> None:
    rows = epoch_rows(20000, 1, 1, (8, 8), alpha=alpha)
    shares, partners = rows[:, SHARE], rows[:, PARTNER]
    assert 0.5 <= shares.min() and shares.max() <= 1
    assert sorted({int(p) for p in partners})[-1] > 19000 and np.array_equal(partners, np.floor(partners))
    assert abs(partners.mean() - 9999.5) < 5 * 20000 / np.sqrt(12 * 20000)
    beta = np.random.default_rng(0).beta(alpha, alpha, 200_000)
    larger = np.maximum(beta, 1 - beta)
    for quantile in (0.05, 0.25, 0.5, 0.75, 0.95):
        wanted = np.quantile(larger, quantile)
        assert abs(np.mean(shares <= wanted) - np.mean(larger <= wanted)) < 5 * np.sqrt(0.25 / 20000) + 1e-3
    # Of even numbers in 0..1, the second moment is the distribution's own: 1/4 + 1 / (4 (2 α + 1)).
    even = mixup_shares((np.arange(100_000) + 0.5) / 100_000, alpha)
    assert np.mean((even - 0.5) ** 2) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=2e-3)
