"""Sizes of windows: what is too large to count with, and what is found by arithmetic instead of by looking."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nbcnn import functional as F  # noqa: N812
from nbcnn.errors import KernelError, NbcnnError, ShapeError
from nbcnn.kernels.cost import met_taps
from nbcnn.kernels.shapes import LARGEST, first_blind, first_multiple, shortened, window_flaw

X = np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4)
W = np.ones((1, 1, 2, 2), np.float32)


def test_first_blind_is_the_first_window_without_a_pixel() -> None:
    found = 0
    for size, taps, stride, dilation in product((1, 2, 3, 5), (1, 2, 3, 4), (1, 2, 3, 5, 7), (1, 2, 3, 4, 6, 7)):
        for before in range(dilation * (taps - 1) + 1):
            count = (size + before + 3) // stride + 1
            starts = [i * stride - before for i in range(count)]
            blind = [i for i, first in enumerate(starts) if first < 0 and not any(
                0 <= first + a * dilation < size for a in range(taps)
            )]  # fmt: skip
            assert first_blind(size, taps, stride, before, dilation, count) == (blind[0] if blind else None)
            found += bool(blind)
    assert found > 100


def test_first_multiple() -> None:
    for modulus, step in product(range(1, 12), range(12)):
        for low in range(modulus):
            for high in range(low, modulus):
                wanted = next((i for i in range(modulus) if low <= i * step % modulus <= high), None)
                assert first_multiple(step, modulus, low, high) == wanted


def test_met_taps_are_those_within_the_image() -> None:
    for size, taps, stride, before, dilation in product((1, 4, 7), (1, 3), (1, 2, 5), (0, 1, 3), (1, 2)):
        out = 5
        met = sum(0 <= i * stride + a * dilation - before < size for i, a in product(range(out), range(taps)))
        assert met_taps(size, taps, stride, before, dilation, out) == met


def test_sizes_of_billions_are_no_work() -> None:
    """Each of these would take minutes or days if every row were looked at."""
    assert met_taps(10**18, 3, 1, 1, 1, 10**18) == 3 * 10**18 - 2
    assert first_blind(10**9, 2, 1, 2**30, 10**9 + 1, 2**31) == 2**30 - 1 - (10**9 + 1)
    assert first_blind(28, 2**30, 29, 29 * 10**7, 29, 2**29) is None  # all begin where a tap meets row 0
    assert first_blind(28, 2**30, 30, 29 * 10**7, 29, 2**29) == 28


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (((4, 4), (2, 2), (2**31, 1), (0,) * 4, (1, 1)), "stride 2,147,483,648 is too large; the largest is 2,147,483,647"),
        (((4, 4), (2**32, 2), (1, 1), (0,) * 4, (1, 1)), "kernel_size 4,294,967,296 is too large"),
        (((4, 4), (2, 2), (1, 1), (0, 0, 2**62, 0), (1, 1)), r"padding about 1e\+18 is too large"),
        (((4, 4), (2, 2), (1, 1), (0,) * 4, (1, 2**70)), r"dilation about 1e\+21 is too large"),
        (((4, 4), (2, 2), (1, 1), (2**30, 2**30, 0, 0), (1, 1)), "the image has 2,147,483,652 rows with its padding"),
        (((4, 4), (2, 2), (1, 1), (0, 0, LARGEST, 0), (1, 1)), "the image has 2,147,483,651 columns with its padding; it may"),
    ],
)  # fmt: skip
def test_what_is_too_large_is_named(numbers: tuple, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(window_flaw(*numbers))


def test_the_largest_that_fit_are_taken() -> None:
    assert window_flaw((4, 4), (LARGEST, 1), (LARGEST, 1), (0, LARGEST - 4, 0, 0), (LARGEST, 1)) is None
    assert F.avg_pool2d(X, 2, stride=LARGEST).item() == 3.5
    assert F.max_pool2d(X, 1, stride=LARGEST, dilation=LARGEST).item() == 1
    wide = F.avg_pool2d(X, LARGEST, padding=(0, LARGEST - 4, 0, LARGEST - 4)).item()
    assert wide == pytest.approx(136 / LARGEST**2, rel=1e-6, abs=0)
    spread = F.max_pool2d(X, (3, 1), 1, padding=(2**30 - 4, 2**30 - 4, 0, 0), dilation=(2**30 - 4, 1))
    assert spread.tolist() == X.tolist()
    assert F.avg_pool2d(X, 4, divisor_override=LARGEST).item() == pytest.approx(136 / LARGEST, rel=1e-6, abs=0)


HUGE = {
    "stride": lambda n: F.avg_pool2d(X, 2, stride=n),
    "padding": lambda n: F.conv2d(X, W, padding=(0, n)),
    "dilation": lambda n: F.conv2d(X, W, dilation=n),
    "kernel_size": lambda n: F.max_pool2d(X, n),
    "groups": lambda n: F.conv2d(X, W, groups=n),
    "divisor_override": lambda n: F.avg_pool2d(X, 2, divisor_override=n),
    "input_size": lambda n: F.conv2d_grad_input((1, 1, n, n), W, W),
    "weight_size": lambda n: F.conv2d_grad_weight(X, (1, 1, n, n), W),
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("number", [2**31, 2**62, 2**64, 10**5000, np.int64(2**62), np.array(2**62)], ids=lambda n: "")
def test_numbers_that_overflow_are_refused_in_a_short_sentence(name: str, number: int) -> None:
    with pytest.raises(ShapeError, match=f"{name} .* is too large; the largest is 2,147,483,647") as raised:
        HUGE[name](number)
    assert len(str(raised.value)) < 120


TAKEN = {
    "np.int64": lambda: F.max_pool2d(X, np.int64(2)),
    "array without axes": lambda: F.max_pool2d(X, np.array(2), np.array(2), np.array(0), np.array(1)),
    "array of one": lambda: F.max_pool2d(X, np.array([2])),
    "array of two": lambda: F.max_pool2d(X, np.array([2, 2])),
    "two arrays": lambda: F.max_pool2d(X, (np.array(2), np.array(2))),
}


@pytest.mark.parametrize("given", TAKEN)
def test_sizes_out_of_arithmetic_on_arrays_are_taken(given: str) -> None:
    assert TAKEN[given]().tolist() == [[[[6, 8], [14, 16]]]]


def test_so_are_those_of_convolution_and_softmax() -> None:
    one = np.array(1)
    assert F.conv2d(X, W, None, one, one, one, one).tolist() == F.conv2d(X, W, None, 1, 1, 1, 1).tolist()
    size = np.array([1, 1, 4, 4])
    dy = F.conv2d(X, W)
    assert F.conv2d_grad_input(size, W, dy).tolist() == F.conv2d_grad_input((1, 1, 4, 4), W, dy).tolist()
    assert F.softmax(X, np.array(1)).tolist() == F.softmax(X, 1).tolist()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: F.softmax(X, None), "softmax: dim must be a whole number from -4 to 3, got None"),
        (lambda: F.softmax(X, 1.0), "softmax: dim must be a whole number from -4 to 3, got 1.0"),
        (lambda: F.log_softmax(X, 2**70), r"log_softmax: dim must be a whole number from -4 to 3, got about 1e\+21"),
        (lambda: F.max_pool2d(X, X), r"kernel_size must be .*, or two, got an array of float32 of shape \(1, 1, 4, 4\)"),
        (lambda: F.max_pool2d(X, (1,) * 10**6), r"kernel_size must be .*, got \(1, 1, 1, 1\) and 999,996 more$"),
        (lambda: F.max_pool2d(X, "x" * 10**6), r"kernel_size must be .*, got 'xxx.*\.\.\.$"),
        (lambda: F.max_pool2d(X, 2.0), "kernel_size must be one whole number of at least 1, or two, got 2.0"),
        (lambda: F.max_pool2d(X, 2, stride=np.array(True)), "stride must be one whole number"),
        (lambda: F.conv2d(X, W, padding={1: 2}), "padding must be one whole number of at least 0"),
        (lambda: F.conv2d(X, W, groups=[10**5000]), "conv2d: groups must be one whole number of at least 1, got list"),
        (lambda: F.max_pool2d(X, 2, ceil_mode=X), "ceil_mode must be True or False, got an array of float32"),
        (lambda: F.cross_entropy(np.ones((1, 2)), np.array([0]), reduction=X), "reduction must be mean, sum or none"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_in_a_short_sentence(call, sentence: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ShapeError, match=sentence) as raised:
        call()
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize("backend", [None, 1, ["direct"], X, "x" * 1000], ids=str)
def test_what_is_no_name_of_a_backend(backend: object) -> None:
    with pytest.raises(KernelError, match="conv2d: backend must be a name such as 'direct', got") as raised:
        F.conv2d(X, W, backend=backend)  # type: ignore[arg-type]
    assert len(str(raised.value)) < 200 and isinstance(raised.value, NbcnnError)


def test_numbers_are_shortened() -> None:
    assert shortened(1234567) == "1,234,567"
    assert shortened(3 * 10**20) == "about 1e+20"
    assert shortened(-(10**6000)) == "about -1e+6000"
