from __future__ import annotations

import csv
import json
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nbcnn.errors import CheckpointError
from nbcnn.runs.run_folder import COLUMNS, Run

SHAPES = {"0.weight": (2, 3), "0.bias": (2,)}


def weights(value: float) -> dict[str, np.ndarray]:
    return {name: np.full(shape, value, np.float32) for name, shape in SHAPES.items()}


def record(epoch: int, **more: Any) -> dict[str, Any]:
    return {"epoch": epoch, "step": 40 * epoch, "train_loss": 1 / epoch, "train_accuracy": 0.5, "seconds": 1.25} | more


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run.create(tmp_path / "run", "lenet")
    made.write_config("name: lenet\n")
    return made


def test_the_next_free_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Run.create(None, "lenet").folder == Path("runs/lenet-1")
    assert Run.create(None, "lenet").folder == Path("runs/lenet-2")
    assert Run.create(None, "vgg").folder == Path("runs/vgg-1")
    Path("runs/lenet-1").rmdir()
    Path("runs/lenet-3").write_text("a file takes the name too")
    assert Run.create(None, "lenet").folder == Path("runs/lenet-1")
    assert Run.create(None, "lenet").folder == Path("runs/lenet-4")


@pytest.mark.parametrize(
    ("name", "folder"),
    [("../../evil", "evil-1"), ("/etc/x", "etc-x-1"), ("..", "run-1"), ("", "run-1"), ("a b$c", "a-b-c-1")],
)
def test_a_name_never_leads_out_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Run.create(None, name).folder == Path("runs", folder)


def test_racing_processes_get_different_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made: list[Path] = []
    start = threading.Barrier(8)

    def create() -> None:
        start.wait()
        for _ in range(5):
            made.append(Run.create(None, "x").folder)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 40


def test_an_explicit_folder(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "a" / "b", "lenet")
    assert run.folder.is_dir()
    (run.folder / "best.safetensors").write_bytes(b"precious")
    with pytest.raises(CheckpointError, match=r"a/b exists already and is never overwritten; choose another --out$"):
        Run.create(tmp_path / "a" / "b", "lenet")
    assert (run.folder / "best.safetensors").read_bytes() == b"precious"


def test_a_parent_that_is_no_folder_or_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs").write_text("")
    with pytest.raises(CheckpointError, match=r"cannot make the folder runs: File exists; a part of that path is a"):
        Run.create(None, "lenet")
    with pytest.raises(CheckpointError, match=r"cannot make the folder runs/x: Not a directory"):
        Run.create("runs/x/y", "lenet")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(CheckpointError, match=r"cannot make the folder .*: Permission denied; .*you may write to$"):
        Run.create("y", "lenet")


def test_a_folder_that_refuses_only_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.mkdir

    def refuse(self: Path, *_: Any, **more: Any) -> None:
        if self.name == "y":
            raise OSError(30, "Read-only file system")
        real(self, *_, **more)

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(CheckpointError, match=r"cannot make the folder .*y: Read-only file system; choose a folder"):
        Run.create(tmp_path / "y", "lenet")


def test_config_and_info(run: Run) -> None:
    run.write_config("name: lenet # ä\n")
    run.write_info({"seed": np.int64(3), "threads": 2, "data": Path("a/b"), "shape": (1, 28)})
    assert run.config.read_text("utf-8") == "name: lenet # ä\n"
    assert json.loads(run.info.read_text()) == {"seed": 3, "threads": 2, "data": "a/b", "shape": [1, 28]}


def test_metrics_in_both_files(run: Run) -> None:
    assert run.metrics() == []
    run.log_epoch(record(1, test_loss=np.float32(0.5), test_accuracy=0.25, images_per_second=1000.5))
    run.log_epoch(record(2, train_loss=float("nan"), test_loss=np.float64("inf")))
    first, second = run.metrics()
    assert list(first) == list(COLUMNS)
    assert first["test_loss"] == 0.5
    assert (second["epoch"], second["train_loss"], second["test_loss"], second["test_accuracy"]) == (
        2,
        None,
        None,
        None,
    )
    assert run.metrics_csv.read_text().splitlines() == [
        "epoch,step,train_loss,train_accuracy,test_loss,test_accuracy,seconds,images_per_second,val_loss,val_accuracy,lr,grad_norm",
        "1,40,1.0,0.5,0.5,0.25,1.25,1000.5,,,,",
        "2,80,,0.5,,,1.25,,,,,",
    ]


def test_metrics_survive_the_round_trip_to_the_bit(run: Run) -> None:
    run.log_epoch(record(3, train_loss=0.1 + 0.2))
    assert run.metrics()[0]["train_loss"] == 0.1 + 0.2
    with run.metrics_csv.open() as table:
        assert float(next(csv.DictReader(table))["train_loss"]) == 0.1 + 0.2


def test_an_unknown_metric(run: Run) -> None:
    with pytest.raises(CheckpointError, match=r"metrics have no column test_acuracy: did you mean test_accuracy\?"):
        run.log_epoch(record(1, test_acuracy=1))
    assert run.metrics() == []


def test_a_line_cut_by_a_kill(run: Run) -> None:
    run.log_epoch(record(1))
    whole = run.metrics_jsonl.read_bytes()
    run.metrics_jsonl.write_bytes(whole + whole[:20])
    assert [r["epoch"] for r in run.metrics()] == [1]
    run.rewind(1)
    run.log_epoch(record(2))
    assert [r["epoch"] for r in run.metrics()] == [1, 2]


@pytest.mark.parametrize("line", [b"{}", b"7", b"nonsense", b"\xff", b'{"epoch": "1"}'])
def test_a_line_that_is_no_record(run: Run, line: bytes) -> None:
    run.log_epoch(record(1))
    run.metrics_jsonl.write_bytes(run.metrics_jsonl.read_bytes() + line + b"\n")
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl:2: not a record of an epoch; remove that line$"):
        run.metrics()


def test_metrics_that_cannot_be_read(run: Run) -> None:
    run.metrics_jsonl.mkdir()
    with pytest.raises(CheckpointError, match=r"cannot read .*metrics\.jsonl: Is a directory"):
        run.metrics()


def test_rewind_gives_the_files_of_that_epoch(run: Run) -> None:
    run.log_epoch(record(1))
    run.log_epoch(record(2, test_loss=float("nan")))
    before = run.metrics_jsonl.read_bytes(), run.metrics_csv.read_bytes()
    run.log_epoch(record(3))
    run.rewind(2)
    assert (run.metrics_jsonl.read_bytes(), run.metrics_csv.read_bytes()) == before
    run.rewind(0)
    assert run.metrics() == []
    assert run.metrics_csv.read_text() == ",".join(COLUMNS) + "\n"
    run.log_epoch(record(1))
    assert len(run.metrics_csv.read_text().splitlines()) == 2


def test_opening_what_is_no_run(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Run.open(run.folder).config == run.config
    with pytest.raises(
        CheckpointError, match=r"rum: no such run folder; did you mean .*/run\? \(known: (.*)\)$"
    ) as caught:
        Run.open(tmp_path / "rum")
    assert f"(known: {run.folder})" in str(caught.value)
    monkeypatch.chdir(tmp_path.parent)
    near = f"{tmp_path.name}/zzz: no such run folder; known: {tmp_path.name}/run"
    with pytest.raises(CheckpointError, match=f"^{re.escape(near)}$"):
        Run.open(f"{tmp_path.name}/zzz")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"^zzz: no such run folder; known: run$"):
        Run.open("zzz")
    with pytest.raises(CheckpointError, match=r"x/y: no such run folder; a run folder is one that nbcnn train made"):
        Run.open(tmp_path / "x" / "y")
    with pytest.raises(CheckpointError, match=r"config\.yaml is a file, not a run folder; a run folder is one"):
        Run.open(run.config)
    with pytest.raises(
        CheckpointError, match=r"is not a run folder: it has no config\.yaml; it holds 1 run: name one, as"
    ):
        Run.open(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"is not a run folder: it has no config\.yaml; a run folder is one that"):
        Run.open(tmp_path / "empty")


def test_weights_are_never_substituted(run: Run) -> None:
    with pytest.raises(
        CheckpointError, match=r"run has no weights yet: no epoch of its training has ended; go on with it: nbcnn tr"
    ):
        run.weights_path()
    run.save("last", weights(1), {})
    with pytest.raises(
        CheckpointError,
        match=r"run has no best\.safetensors; it has last\.safetensors: ask for that, with which='last'.* or --last",
    ):
        run.weights_path()
    assert run.weights_path("last") == run.folder / "last.safetensors"
    run.save("best", weights(2), {"epoch": "1"})
    assert run.weights_path() == run.folder / "best.safetensors"
    (run.folder / "last.safetensors").unlink()
    with pytest.raises(
        CheckpointError,
        match=r"no last\.safetensors; it has best\.safetensors: ask for that, with which='best'.* or no --last",
    ):
        run.weights_path("last")
