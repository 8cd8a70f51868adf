"""The exponential moving average of weights, against its formula and PyTorch's numbers."""

from __future__ import annotations

import numpy as np
import pytest

from nbcnn.optim.weight_average import WeightAverage


def stepped(decay: float, values: list[list[float]]) -> tuple[WeightAverage, np.ndarray, np.ndarray]:
    p, more = np.zeros(2, np.float32), np.zeros(1, np.float32)
    average = WeightAverage(decay, {"parameters": p, "more": more})
    for row in values:
        p[:], more[:] = row, row[0]
        average.update()
    return average, p, more


def test_as_pytorch_averages() -> None:
    """AveragedModel with get_ema_multi_avg_fn(0.75) on 1, 2, 4, -2: 1, 1.25, 1.9375, 0.953125."""
    average, p, more = stepped(0.75, [[1, 8], [2, 8], [4, 8], [-2, 8]])
    assert average.state["ema.parameters"].tolist() == [0.953125, 8]
    assert average.state["ema.more"].tolist() == [0.953125]
    assert average.state["ema.count"].tolist() == [4]
    assert (p.tolist(), more.tolist()) == ([-2, 8], [-2])


def test_by_its_formula() -> None:
    values = np.random.default_rng(1).standard_normal((50, 2)).astype(np.float32)
    wanted = values[0].astype(np.float64)
    for row in values[1:]:
        wanted = 0.9 * wanted + 0.1 * row
    np.testing.assert_allclose(stepped(0.9, values.tolist())[0].state["ema.parameters"], wanted, rtol=0, atol=1e-6)


def test_in_place_and_back_again_whatever_happens() -> None:
    average, p, _ = stepped(0.5, [[1, 2], [3, 4]])
    with average.in_place():
        assert p.tolist() == [2, 3]
    assert p.tolist() == [3, 4]
    with pytest.raises(ZeroDivisionError), average.in_place():
        p.tolist()[0] / 0
    assert p.tolist() == [3, 4]
