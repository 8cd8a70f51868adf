from __future__ import annotations

import pytest

from bench.fakes import Told
from nbcnn.autotune.sampler import Contender, take_rounds
from nbcnn.bench.rows import Row, as_rates, scaled


def test_contenders_take_turns_and_a_turn_begins_with_a_pause_and_untimed_runs() -> None:
    told = Told()
    contenders = [
        Contender(name, lambda name=name: told.spend(name, 1.0), lambda name=name: told.events.append(f"before {name}"))
        for name in "AB"
    ]
    samples = take_rounds(contenders, 2, seconds=2.0, pause=0.5, clock=told.clock)
    warm = ["before A", "A", "A", "before B", "B", "B"]
    turn = ["before A", "pause", "A", "A", "A", "before B", "pause", "B", "B", "B"]
    assert told.events == warm + turn + turn
    assert samples == {"A": [1.0, 1.0], "B": [1.0, 1.0]}


def test_a_turn_is_about_as_long_for_a_slow_contender_as_for_a_quick_one() -> None:
    told = Told()
    contenders = [
        Contender("slow", lambda: told.spend("slow", 1.0)),
        Contender("quick", lambda: told.spend("quick", 0.1)),
    ]
    take_rounds(contenders, 1, seconds=1.0, clock=told.clock)
    assert told.events.count("slow") == 2 + 1 + 1
    assert told.events.count("quick") == 2 + 2 + 10  # a quarter of those that are timed come before them


def test_a_latency_is_the_median_of_single_runs_and_a_throughput_their_mean() -> None:
    def uneven(told: Told) -> Contender:
        seconds = iter([1.0, 1.0, 1.0, 1.0, 1.0, 7.0])
        return Contender("A", lambda: told.spend("A", next(seconds)))

    for each, expected in ((True, 1.0), (False, 3.0)):
        told = Told()
        samples = take_rounds([uneven(told)], 1, seconds=3.0, each=each, clock=told.clock)
        assert samples == {"A": [expected]}


def test_a_ratio_is_the_median_of_the_rounds_ratios_and_not_that_of_the_medians() -> None:
    samples = {"nbcnn": [10.0, 40.0, 30.0], "peer a": [10.0, 10.0, 15.0], "peer b": [1.0, 1.0, 1.0]}
    rate = Row("training", "training", "images/s", True, samples)
    ratio = rate.ratio("peer")
    assert ratio is not None
    assert (ratio.contender, ratio.rounds, ratio.ratio) == ("peer a", [1.0, 4.0, 2.0], 2.0)
    time = Row("latency", "one image", "µs", False, samples)
    ratio = time.ratio("peer")
    assert ratio is not None
    assert (ratio.contender, ratio.ratio) == ("peer b", pytest.approx(1 / 30))
    assert time.ratio("other") is None


def test_a_peer_whose_name_begins_like_another_ones_is_not_that() -> None:
    row = Row("training", "training", "images/s", True, {"nbcnn": [1.0], "torchvision eager": [9.0], "torch": [2.0]})
    ratio = row.ratio("torch")
    assert ratio is not None
    assert ratio.contender == "torch"


def test_json_has_every_sample() -> None:
    row = Row("latency", "one image", "µs", False, {"nbcnn": [2.0, 4.0, 3.0], "torch eager": [4.0, 4.0, 9.0]})
    found = row.as_json(["torch", "onnxruntime"])
    assert found["samples"] == row.samples
    assert found["medians"] == {"nbcnn": 3.0, "torch eager": 4.0}
    assert found["ratios"] == {"torch": {"contender": "torch eager", "ratio": 2.0, "rounds": [2.0, 1.0, 3.0]}}
    assert found["better"] == "lower"


def test_units() -> None:
    assert as_rates({"A": [0.5]}, 256) == {"A": [512.0]}
    assert scaled({"A": [0.5]}, 1e6) == {"A": [500000.0]}
