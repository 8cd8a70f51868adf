"""Contenders in turn on all threads: what a turn is, whose rounds are fewer, and the figure that they give."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest

from nbcnn.autotune import sampler
from nbcnn.autotune.sampler import take_turns
from nbcnn.engine.thread_pool import ThreadPool


def told(monkeypatch: pytest.MonkeyPatch, times: dict[str, list[float]]) -> list[tuple[str, int]]:
    """Runs of each contender take the seconds that are given, one turn after the other; gives the turns: who, how often."""
    turns: list[tuple[str, int]] = []

    def together(pool: Any, players: Sequence[Any], count: int) -> float:
        turns.append((players[0], count))
        return times[players[0]].pop(0) * count

    monkeypatch.setattr(sampler, "together", together)
    return turns


def test_a_figure_is_the_lower_quartile_of_the_rounds_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = told(monkeypatch, {"a": [5.0, 2.0, 1.0, 9.0, 3.0], "b": [6.0] * 5})
    found = take_turns(None, {"a": ["a"], "b": ["b"]}, 5, 12.0, {"a": 3.0, "b": 6.0})  # type: ignore[arg-type, list-item]
    assert turns == [("a", 4), ("b", 2)] * 5
    assert found == {"a": 2.0, "b": 6.0}


def test_who_takes_very_long_has_fewer_rounds_and_what_a_run_takes_is_found_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = told(monkeypatch, {"slow": [100.0] * 4, "quick": [1.0] * 9})
    take_turns(None, {"slow": ["slow"], "quick": ["quick"]}, 5, 1.0)  # type: ignore[arg-type, list-item]
    assert turns == [("slow", 1), ("quick", 1)] * 3 + [("quick", 1)] * 3


def test_every_thread_runs_its_own_player_as_often_as_is_asked() -> None:
    runs = [0, 0, 0]

    def player(k: int) -> Any:
        def run() -> None:
            runs[k] += 1

        return run

    with closing(ThreadPool(3)) as pool:
        assert sampler.together(pool, [player(k) for k in range(3)], 7) > 0
    assert runs == [7, 7, 7]
