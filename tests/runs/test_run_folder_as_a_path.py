"""What ``nbcnn.train`` returns stands wherever a run's folder does."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stripes import TINY

import nbcnn
from nbcnn.runs.run_folder import Run

pytestmark = pytest.mark.usefixtures("no_pictures")

TAKES: dict[str, Callable[[Any], Any]] = {
    "check": lambda run: nbcnn.check(run).findings,
    "compare": lambda run: [one.losses for one in nbcnn.compare(run, ["conv2d=direct", "conv2d=naive"]).variants],
    "doctor": lambda run: nbcnn.doctor(run).findings,
    "evaluate": lambda run: nbcnn.evaluate(run).loss,
    "fold": lambda run: nbcnn.fold(run),
    "load": lambda run: {name: array.tobytes() for name, array in nbcnn.load(run).state_dict().items()},
    "predict": lambda run: nbcnn.predict(run, np.zeros((12, 12), np.uint8))[0].probability,
    "resume": lambda run: nbcnn.resume(run).folder,
    "train": lambda run: nbcnn.train(run, epochs=3).metrics()[0]["train_loss"],
    "write_report": lambda run: nbcnn.write_report(run).file,
}


def outcome(take: Callable[[Any], Any], run: Any) -> Any:
    """What a function gives, or the sentence with which it refuses."""
    try:
        return take(run)
    except nbcnn.NbcnnError as error:
        return str(error)


@pytest.fixture(scope="module")
def run(stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = {**TINY, "data": {"folder": str(stripes)}}
    return nbcnn.train(config, out=tmp_path_factory.mktemp("runs") / "run")


@pytest.mark.parametrize("name", TAKES)
def test_a_run_is_taken_as_its_folder_is(name: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    from_folder, from_path, from_run = (outcome(TAKES[name], given) for given in (str(run.folder), run.folder, run))
    assert from_folder == from_path == from_run


def test_a_run_is_written_as_its_folder(run: Run) -> None:
    assert os.fspath(run) == str(run) == str(run.folder) and repr(run) == f"<Run {run.folder}>"


def test_what_is_no_path_is_refused() -> None:
    for take in (nbcnn.load, nbcnn.evaluate, nbcnn.doctor, nbcnn.resume):
        with pytest.raises(nbcnn.NbcnnError, match=r"got (int|3)"):
            take(3)  # type: ignore[arg-type]
