"""The order of an epoch and its batches; the numbers come from a second Philox, written out in Python."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
import pytest

from nbcnn.data import batches, epoch_order
from nbcnn.errors import DataError, NbcnnError
from nbcnn.util.rng import stream

MASK = 2**64 - 1


def philox(key: int, counter: list[int]) -> list[int]:
    """Philox4x64-10 after Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011)."""
    k0, k1 = key, 0
    x = list(counter)
    for _ in range(10):
        a, b = x[0] * 0xD2E7470EE14C6C93, x[2] * 0xCA5A826395121157
        x = [(b >> 64) ^ x[1] ^ k0, b & MASK, (a >> 64) ^ x[3] ^ k1, a & MASK]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return x


def draws(count: int, seed: int, purpose: str, epoch: int, index: int) -> list[int]:
    word = int.from_bytes(blake2b(purpose.encode(), digest_size=8).digest(), "little")
    # NumPy raises the counter before each block, so the first block is number 1.
    blocks = [philox(seed, [block, index, epoch, word]) for block in range(1, 2 + count // 4)]
    return [number for block in blocks for number in block][:count]


@pytest.mark.parametrize(
    ("seed", "purpose", "epoch", "index"),
    [(0, "shuffle", 0, 0), (7, "dropout", 3, 12345), (2**64 - 1, "init", 1, 2**63)],
)
def test_streams_are_philox(seed: int, purpose: str, epoch: int, index: int) -> None:
    generator = stream(seed, purpose, epoch, index)
    assert generator.bit_generator.random_raw(11).tolist() == draws(11, seed, purpose, epoch, index)


def test_streams_of_other_places_are_other_numbers() -> None:
    places = [(0, "a"), (1, "a"), (0, "b"), (0, "a", 1), (0, "a", 0, 1)]
    firsts = [stream(*place).integers(2**63) for place in places]  # type: ignore[arg-type]
    assert len(set(firsts)) == len(places)
    assert stream(0, "a").integers(2**63) == firsts[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((-1, "a"), r"seed of a random stream must lie in 0\.\.2\^64-1, got -1"),
        ((2**64, "a"), r"seed of a random stream must lie in 0\.\.2\^64-1, got 18446744073709551616"),
        ((0, "a", -1), r"epoch of a random stream must lie"),
        ((0, "a", 0, -1), r"index of a random stream must lie"),
    ],
)
def test_streams_refuse_what_does_not_fit_the_counter(arguments: Any, sentence: str) -> None:
    with pytest.raises(NbcnnError, match=sentence):
        stream(*arguments)


def test_an_order_sorts_the_images_by_their_draws() -> None:
    numbers = draws(100, 5, "shuffle", 2, 0)
    order = epoch_order(100, seed=5, epoch=2, shuffle=True)
    assert order.dtype == np.int64
    assert order.tolist() == sorted(range(100), key=lambda image: numbers[image])


def test_orders_differ_between_epochs_and_seeds_and_hold_every_image() -> None:
    orders = [epoch_order(1000, seed, epoch, True) for seed, epoch in [(0, 0), (0, 1), (1, 0)]]
    for order in orders:
        assert sorted(order.tolist()) == list(range(1000))
    assert len({tuple(order.tolist()) for order in orders}) == 3


def test_without_shuffling_images_come_as_they_are() -> None:
    order = epoch_order(5, seed=3, epoch=9, shuffle=False)
    assert order.dtype == np.int64 and order.tolist() == [0, 1, 2, 3, 4]


def test_batches_cut_the_order_and_the_last_may_be_short() -> None:
    order = np.array([4, 2, 0, 1, 3, 6, 5], np.int64)
    assert [piece.tolist() for piece in batches(order, 3)] == [[4, 2, 0], [1, 3, 6], [5]]
    assert [piece.tolist() for piece in batches(order, 7)] == [order.tolist()]
    assert [piece.tolist() for piece in batches(order, 100)] == [order.tolist()]


def test_refuses_empty_epochs_and_batches() -> None:
    with pytest.raises(DataError, match="an epoch needs at least 1 image, got 0"):
        epoch_order(0, 0, 0, True)
    with pytest.raises(DataError, match="batch_size must be at least 1, got 0"):
        batches(np.arange(3), 0)
