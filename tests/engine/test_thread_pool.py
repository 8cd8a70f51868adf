"""A system that starts no more threads, or has no more memory: a sentence before the training, a warning after it."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from stripes import TINY

import nbcnn
from nbcnn.cli._display import Display
from nbcnn.engine.thread_pool import ThreadPool
from nbcnn.errors import NbcnnError
from nbcnn.training.reporter import Reporter


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)


@pytest.mark.usefixtures("no_threads")
def test_threads_that_do_not_start_are_told() -> None:
    sentence = (
        r"^3 threads were asked for, and the system starts no more of them \(ulimit -u, .*\); use fewer: --threads 1"
    )
    with pytest.raises(NbcnnError, match=sentence):
        ThreadPool(3)
    done: list[int] = []
    ThreadPool(1).run(1, done.append)
    assert done == [0]


class Restless:
    """Helpers that can't rest."""

    def reset(self) -> None: ...

    def rest(self, helper: int, line: np.ndarray, jobs: int) -> None:
        raise MemoryError

    def call(self, lines: np.ndarray, packs: int) -> list[bool]:
        return [False] * len(lines)

    def take_failures(self) -> list[BaseException]:
        return []


def test_a_helper_that_can_not_rest_works_on() -> None:
    pool, done = ThreadPool(2, Restless()), list[int]()
    for _ in range(3):
        pool.run(2, done.append)
    pool.close()
    assert sorted(done) == [0, 0, 0, 1, 1, 1]


@pytest.mark.usefixtures("no_threads")
def test_the_bar_is_left_out_where_nothing_can_move_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the output for a terminal
    with Display() as display:
        assert display._console.is_terminal
        display.drawing()
        display._print("still here")
    assert "still here" in capsys.readouterr().out


@pytest.mark.usefixtures("no_pictures")
def test_blas_takes_its_memory_before_the_first_epoch(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    class Heard(Reporter):
        def start(self, *_: object) -> None:
            events.append("start")

    monkeypatch.setattr("nbcnn.training.loop.first_use", lambda: events.append("BLAS"))
    config = {**TINY, "data": {"folder": str(stripes)}, "train": {"epochs": 1}}
    nbcnn.train(config, out=tmp_path / "run", reporter=Heard())
    assert events == ["BLAS", "start"]
