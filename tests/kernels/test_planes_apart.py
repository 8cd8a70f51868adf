"""What the formula keeps apart stays apart to the bit: other groups, images, channels and kernels change no number."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from kernels.cases import ANY_KERNEL
from nbcnn import functional as F  # noqa: N812

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((3, 4, 9, 8)).astype(np.float32)
W = RANDOM.standard_normal((6, 2, 3, 2)).astype(np.float32)
DY = RANDOM.standard_normal((3, 6, 9, 9)).astype(np.float32)
"""Two groups of 2 to 3 channels, padding 1."""
Spoil = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """NumPy warns of 0·∞, which im2col's matrix product meets in the padding of the image that is spoilt."""
    with np.errstate(all="ignore"):
        yield


def _times(value: float) -> Spoil:
    return lambda array: array * np.float32(value)


SPOILT = {"a million times as large": _times(1e6), "NaN": _times(np.nan), "infinite": _times(np.inf)}


def spoilt(array: np.ndarray, place: object, spoil: Spoil) -> np.ndarray:
    changed = array.copy()
    changed[place] = spoil(changed[place])
    return changed


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("name", ANY_KERNEL)
def test_forward(name: str, spoil: Spoil) -> None:
    def run(x: np.ndarray = X, w: np.ndarray = W) -> np.ndarray:
        return F.conv2d(x, w, padding=1, groups=2, backend=name)

    clean, every = run(), np.arange(6)
    group = np.s_[:, :2]
    assert run(spoilt(X, group, spoil))[:, 3:].tobytes() == clean[:, 3:].tobytes()
    assert run(spoilt(X, 1, spoil))[[0, 2]].tobytes() == clean[[0, 2]].tobytes()
    for kernel in (0, 4):
        others = every != kernel
        assert run(w=spoilt(W, kernel, spoil))[:, others].tobytes() == clean[:, others].tobytes()


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("name", ANY_KERNEL)
def test_grad_input(name: str, spoil: Spoil) -> None:
    def run(dy: np.ndarray = DY, w: np.ndarray = W) -> np.ndarray:
        return F.conv2d_grad_input(X.shape, w, dy, padding=1, groups=2, backend=name)

    clean = run()
    group, kernels = np.s_[:, :3], np.s_[:, 0]
    assert run(spoilt(DY, group, spoil))[:, 2:].tobytes() == clean[:, 2:].tobytes()
    assert run(spoilt(DY, 1, spoil))[[0, 2]].tobytes() == clean[[0, 2]].tobytes()
    assert run(w=spoilt(W, kernels, spoil))[:, 1::2].tobytes() == clean[:, 1::2].tobytes()


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("name", ANY_KERNEL)
def test_grad_weight(name: str, spoil: Spoil) -> None:
    def run(x: np.ndarray = X, dy: np.ndarray = DY) -> np.ndarray:
        return F.conv2d_grad_weight(x, W.shape, dy, padding=1, groups=2, backend=name)

    clean, every = run(), np.arange(6)
    channel = np.s_[:, 2]
    found = run(spoilt(X, channel, spoil))  # the first of the second group
    assert found[:3].tobytes() == clean[:3].tobytes()
    assert found[3:, 1].tobytes() == clean[3:, 1].tobytes()
    kernel = np.s_[:, 1]
    assert run(dy=spoilt(DY, kernel, spoil))[every != 1].tobytes() == clean[every != 1].tobytes()
