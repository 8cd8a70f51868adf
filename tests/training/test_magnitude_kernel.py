"""The largest magnitude as bits: of any numbers, with NaN after infinity and infinity after every number."""

from __future__ import annotations

import numpy as np
import pytest

from nbcnn.training.diagnose.magnitude_kernel import INFINITY, magnitude_bits


def found(*numbers: float) -> float:
    """What the bits stand for."""
    return float(np.uint32(magnitude_bits(np.array(numbers, np.float32))).view(np.float32))


def test_the_largest_of_random_numbers() -> None:
    random = np.random.default_rng(1)
    for size in (1, 2, 7, 16, 33, 257):
        numbers = (random.normal(size=size) * 10.0 ** random.integers(-44, 38, size)).astype(np.float32)
        assert found(*numbers) == max(abs(float(v)) for v in numbers)
        assert magnitude_bits(numbers) < INFINITY


@pytest.mark.parametrize("place", range(0, 70, 3))
def test_one_that_is_no_number_is_seen_anywhere(place: int) -> None:
    numbers = np.full(70, -3.4e38, np.float32)
    numbers[place] = -np.inf
    assert magnitude_bits(numbers) == INFINITY
    numbers[69 - place] = -np.nan
    assert magnitude_bits(numbers) > INFINITY


def test_nothing_and_zeros() -> None:
    assert magnitude_bits(np.zeros(0, np.float32)) == 0
    assert found(0.0, -0.0) == 0
    assert found(-1e-45, 0.0) == pytest.approx(1.4e-45)
