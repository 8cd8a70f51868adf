"""Times of the layers of a step, on kernels whose time is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.autotune import layer_timing
from nbcnn.autotune.layer_timing import LayerTime, layer_times, predicted_seconds
from nbcnn.autotune.roofline import Peak

NET: dict[str, Any] = {
    "name": "n",
    "input": {"channels": 2, "height": 8, "width": 8},
    "layers": [
        {"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": 1}},
        "batch_norm2d",
        "sigmoid",
        {"avg_pool2d": {"kernel_size": 2}},
        {"residual": {"body": [{"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": 1}}]}},
        "flatten",
        {"linear": {"out_features": 3}},
    ],
}


def test_every_layer_with_kernels_is_timed_and_nothing_is_changed() -> None:
    network = nbcnn.load(NET)
    before = network.state_dict()
    times = layer_times(network, seconds=0.0)
    assert [one.layers for one in times] == [("0",), ("1",), ("2", "3"), ("4.body.0",), ("6",)]
    assert all(seconds > 0 for one in times for seconds in one.seconds.values())
    assert set(times[0].seconds) == {"forward", "grad_weight"}  # of the image there is no gradient
    assert set(times[3].seconds) == {"forward", "grad_weight", "grad_input"}
    assert times[0].macs == 2 * 16 * (4 * 2 * 9 * 64) and times[3].macs == 3 * 16 * (4 * 4 * 9 * 16)
    for name, array in network.state_dict().items():
        assert np.array_equal(array, before[name]), name


def test_a_call_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that the kernels move."""
    now, network = [0.0], nbcnn.load(NET)
    ticks = {("0", "forward"): 5.0, ("6", "grad_weight"): 7.0}

    def slow(calls: Any) -> Any:
        def kernel(call: Any) -> Any:
            def run(*_: Any) -> None:
                now[0] += ticks.get((call.layer, call.direction), 0.25)

            return run

        return [call._replace(kernel=kernel(call)) for call in calls]

    monkeypatch.setattr(layer_timing, "fuse", slow)
    monkeypatch.setattr(layer_timing.time, "perf_counter", lambda: now[0])
    times = {one.layers: one.seconds for one in layer_times(network)}
    assert times["0",]["forward"] == 5 and times["6",]["grad_weight"] == 7
    assert times["2",] == {"forward": 0.25, "grad_input": 0.25} == times["3",]


def test_the_prediction_is_the_rooflines() -> None:
    network = nbcnn.load(NET)
    times = [LayerTime(("4.body.0",), {"forward": 1.0}, 0), LayerTime(("6",), {"forward": 1.0, "grad_input": 1.0}, 0)]
    slow_arithmetic = Peak(1e3, ((1 << 40, 1e15),))
    first, second = predicted_seconds(network, times, slow_arithmetic)
    assert first == pytest.approx(2 * 16 * (4 * 4 * 9 * 16) / 1e3, rel=0.2)  # direct leaves out what meets padding
    assert second == pytest.approx(2 * 2 * 16 * 64 * 3 / 1e3)
    _, slow_memory = predicted_seconds(network, times, Peak(1e15, ((1 << 40, 1e3),)))
    assert slow_memory == pytest.approx(2 * 4 * (16 * (64 + 3) + 64 * 3) / 1e3, rel=0.25)
