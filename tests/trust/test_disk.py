"""A disk that is full, read-only or gone, at whichever write it happens: a sentence, and the last good state stays."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from exhaustive import exhaustive, parametrize

import nbcnn
from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.runs.run_folder import Run
from nbcnn.training.reporter import Reporter
from trust.small import result, write_small

pytestmark = pytest.mark.trust

CALLS = {
    "write": (errno.ENOSPC, "No space left on device; free some space or choose another folder"),
    "fsync": (errno.EIO, "Input/output error; look at the disk and the folder's rights"),
    "replace": (errno.EROFS, "Read-only file system; choose a folder that you may write to"),
    "open": (errno.EACCES, "Permission denied; choose a folder that you may write to"),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("disk"), epochs=2)


@pytest.fixture(scope="module")
def whole(source: Path) -> dict[str, Any]:
    """What the training comes to on a good disk."""
    nbcnn.train(source, out=source.parent / "whole")
    return result(source.parent / "whole")


@contextmanager
def failing(call: str, number: int, folder: Path) -> Iterator[list[int]]:
    """The ``number``th call (from 0) of os.write and the like for a file of the folder fails; counts all of them."""
    real, made, fault = getattr(os, call), [0], CALLS[call][0]

    def fake(first: Any, *more: Any, **named: Any) -> Any:
        place = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else os.fspath(first)
        if str(place).startswith(str(folder)) and not (call == "open" and os.path.isdir(place)):
            made[0] += 1
            if made[0] == number + 1:
                raise OSError(fault, os.strerror(fault), str(place))
        return real(first, *more, **named)

    setattr(os, call, fake)
    try:
        yield made
    finally:
        setattr(os, call, real)


@parametrize("call, apart", [("write", 17), *((call, 9) for call in CALLS)], quick=[("write", 17)])
def test_whichever_write_fails_nothing_that_was_saved_is_lost(
    call: str, apart: int, source: Path, whole: dict[str, Any], tmp_path: Path, long: bool, count: Callable[..., None]
) -> None:
    with failing(call, -1, tmp_path / "all") as made:
        nbcnn.train(source, out=tmp_path / "all")
    assert made[0] > 30
    numbers = range(0, made[0], 1 if long else apart)
    words = re.escape(CALLS[call][1])
    for number in numbers:
        run = tmp_path / str(number)
        sentence = rf"^cannot (write|open|read) {re.escape(str(run))}[^;]*: {words}$"
        told = ""
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                with failing(call, number, run):
                    nbcnn.train(source, out=run)
            except CheckpointError as error:
                told = str(error)
        report = any("report.html could not be made" in str(warning.message) for warning in warned)
        assert report == bool(warned)
        # One that does not end the training is a look at whether a file is still its own: nothing is lost by that.
        # Nor does a page that can't be written: it costs a warning.
        spared = not told and (report or call == "open") and result(run) == whole
        assert re.search(sentence, told) or spared, told
        for file in run.glob("*.safetensors"):
            load_tensors(file)
        assert not list(run.glob(".nbcnn*"))
        if (run / "config.yaml").exists():
            Run.open(run).metrics()
            nbcnn.resume(run)
            assert result(run) == whole
        else:
            assert not (run / "metrics.jsonl").exists()  # it failed before there was a training
    count("failed writes survived", len(numbers))


def nbcnn_train(*words: str | Path, largest: int | None = None) -> subprocess.CompletedProcess[str]:
    """The command, in a process whose files may be no larger than that."""

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    command = [sys.executable, "-m", "nbcnn", "train", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)


@exhaustive
@pytest.mark.jit
def test_a_limit_of_the_system_while_it_trains(source: Path, whole: dict[str, Any], tmp_path: Path) -> None:
    """The pictures are too large for it, and nothing before."""
    run = tmp_path / "run"
    cut = nbcnn_train(source, "--out", run, largest=20_000)
    assert cut.returncode == 2 and "Traceback" not in cut.stderr
    assert cut.stderr == f"error: cannot write {run}/curves.png: File too large; allow larger files (ulimit -f)\n"
    assert cut.stdout.splitlines()[-2:] == [
        f"{run} keeps what was saved after epoch 2. To go on from there:",
        f"  python -m nbcnn train --resume {run}",
    ]
    assert nbcnn_train("--resume", run).returncode == 0
    assert result(run) == whole and (run / "curves.png").exists()


class Spoiling(Reporter):
    """Does something to the run folder after a step."""

    def __init__(self, step: int, spoil: Callable[[Path], object]) -> None:
        self.left, self.spoil = step, spoil

    def start(self, run: Run, *what: Any) -> None:
        self.run = run

    def step(self, images: int, loss: float, accuracy: float) -> None:
        self.left -= 1
        if self.left == 0:
            self.spoil(self.run.folder)


@parametrize("step", [1, 7, 11, 22], quick=[7])
def test_a_folder_that_vanishes(step: int, source: Path, whole: dict[str, Any], tmp_path: Path) -> None:
    gone = rf"{tmp_path}/\w+ is gone: it was removed or renamed while it was trained in; nothing more can be saved"
    with pytest.raises(CheckpointError, match=f"^{gone}$"):
        nbcnn.train(source, out=tmp_path / "removed", reporter=Spoiling(step, shutil.rmtree))
    assert not (tmp_path / "removed").exists()
    with pytest.raises(CheckpointError, match=f"^{gone}$"):
        nbcnn.train(
            source,
            out=tmp_path / "moved",
            reporter=Spoiling(step, lambda folder: folder.rename(tmp_path / "elsewhere")),
        )
    nbcnn.resume(tmp_path / "elsewhere")
    assert result(tmp_path / "elsewhere") == whole


@pytest.mark.parametrize("step", [1, 12])
def test_a_folder_in_which_a_name_is_taken(step: int, source: Path, whole: dict[str, Any], tmp_path: Path) -> None:
    """Whoever may write anywhere, as root may, still can't put a file where a folder is."""

    def take(folder: Path) -> None:
        (folder / "state.safetensors").unlink()
        (folder / "state.safetensors").mkdir()

    with pytest.raises(
        CheckpointError, match=r"state\.safetensors is not this training's any more: somebody has replaced it"
    ):
        nbcnn.train(source, out=tmp_path / "run", reporter=Spoiling(step, take))
    with pytest.raises(
        CheckpointError, match=r"run cannot be resumed, train anew: .*state\.safetensors is not a file$"
    ):
        nbcnn.resume(tmp_path / "run")
