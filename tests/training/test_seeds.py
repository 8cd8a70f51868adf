"""Trainings from several seeds: each the run that it would be alone, their table, going on, what is refused."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import statistics
from pathlib import Path
from typing import Any

import pytest
import yaml
from stripes import TINY, write_stripes

import nbcnn
from nbcnn.errors import CheckpointError, ConfigError
from nbcnn.runs.run_folder import Run
from nbcnn.training.reporter import Reporter
from nbcnn.training.seeds import SeedsReporter
from nbcnn.training.seeds_table import NUMBERS, SeedRuns, row_of
from nbcnn.training.signals import StoppedError

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "stripes"
    write_stripes(folder)
    return folder


def config(folder: Path, share: float | None = 0.2, **train: Any) -> dict[str, Any]:
    data = {"folder": str(folder), "validation": share}
    return TINY | {"data": data, "train": TINY["train"] | {"epochs": 2, "seed": 7} | train}


def weights(folder: Path) -> list[bytes]:
    return [(folder / f"{kind}.safetensors").read_bytes() for kind in ("best", "last")]


def numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("seconds", "folder")}


def test_each_is_the_training_that_it_would_be_alone(stripes: Path, tmp_path: Path) -> None:
    runs = nbcnn.train_seeds(config(stripes), 3, out=tmp_path / "all")
    assert runs.seeds == [7, 8, 9] and [row["folder"] for row in runs.rows] == ["seed-7", "seed-8", "seed-9"]
    for row in runs.rows:
        alone = nbcnn.train(config(stripes), seed=row["seed"], out=tmp_path / str(row["seed"]))
        assert weights(alone.folder) == weights(runs.run_folder(row["seed"]))
        tested = nbcnn.evaluate(alone.folder)
        best = min(alone.metrics(), key=lambda record: (-record["val_accuracy"], record["val_loss"]))
        found = {key: row[key] for key in ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy")}
        assert found == {key: best[key] for key in found}
        assert (row["checkpoint"], row["test_accuracy"], row["test_loss"]) == ("best", tested.accuracy, tested.loss)
    content = json.loads((tmp_path / "all" / "seeds.json").read_text())
    for column in NUMBERS:
        values = [row[column] for row in runs.rows]
        assert content["mean"][column] == runs.mean(column) == pytest.approx(sum(values) / 3, rel=1e-12)
        deviation = (sum((value - sum(values) / 3) ** 2 for value in values) / 2) ** 0.5
        assert content["standard_deviation"][column] == runs.standard_deviation(column)
        assert runs.standard_deviation(column) == pytest.approx(deviation, rel=1e-9)
    with (tmp_path / "all" / "seeds.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["seed"] for row in table] == ["7", "8", "9"]
    assert [float(row["test_loss"]) for row in table] == [row["test_loss"] for row in runs.rows]
    assert SeedRuns.read(tmp_path / "all").rows == runs.rows


def test_without_validation_images_the_last_epoch_counts_and_not_the_best(stripes: Path, tmp_path: Path) -> None:
    unsteady = config(stripes, None, optimizer={"sgd": {"lr": 0.5}}, epochs=4, seed=0)
    runs = nbcnn.train_seeds(unsteady, 2, out=tmp_path / "all")
    for row in runs.rows:
        records = Run(runs.run_folder(row["seed"])).metrics()
        assert (row["checkpoint"], row["epoch"], row["val_accuracy"]) == ("last", 4, None)
        assert row["test_accuracy"] == records[-1]["test_accuracy"]
    assert runs.mean("val_accuracy") is None and runs.standard_deviation("val_accuracy") is None
    flattering = record_of(Run(runs.run_folder(0)), 1, test_accuracy=1.0)
    assert row_of(flattering, 0, 4)["test_accuracy"] == runs.rows[0]["test_accuracy"] < 1


def record_of(run: Run, epoch: int, **changed: float) -> Run:
    """The run, after a change in the record of an epoch."""
    records = [record | (changed if record["epoch"] == epoch else {}) for record in run.metrics()]
    run.metrics_jsonl.write_text("".join(json.dumps(record) + "\n" for record in records))
    return run


class StopsAt(SeedsReporter):
    """Ctrl-C at a step of a seed; notes what is trained and what is not."""

    def __init__(self, seed: int = -1, step: int = 1) -> None:
        self.seed, self.left, self.seen = seed, step, []  # type: ignore[var-annotated]

    def begin(self, runs: SeedRuns, seed: int) -> Reporter:
        self.seen.append(f"train {seed}")
        outer = self

        class Stops(Reporter):
            def step(self, images: int, loss: float, accuracy: float) -> None:
                outer.left -= seed == outer.seed
                if outer.left == 0:
                    outer.left = -1
                    os.kill(os.getpid(), signal.SIGINT)

        return Stops()

    def known(self, runs: SeedRuns, seed: int) -> None:
        self.seen.append(f"known {seed}")


def test_going_on_trains_what_is_not_finished_to_the_same_bits(stripes: Path, tmp_path: Path) -> None:
    whole = nbcnn.train_seeds(config(stripes), 3, out=tmp_path / "whole")
    with pytest.raises(StoppedError):
        nbcnn.train_seeds(config(stripes), 3, out=tmp_path / "cut", reporter=StopsAt(8, 5))
    assert [row["seed"] for row in SeedRuns.read(tmp_path / "cut").rows] == [7]
    again = StopsAt()
    found = nbcnn.resume_seeds(tmp_path / "cut", reporter=again)
    assert again.seen == ["known 7", "train 8", "train 9"]
    assert [*map(numbers, found.rows)] == [*map(numbers, whole.rows)]
    assert all(weights(found.run_folder(seed)) == weights(whole.run_folder(seed)) for seed in (7, 8, 9))
    done = StopsAt()
    assert nbcnn.resume_seeds(tmp_path / "cut", reporter=done).rows == found.rows
    assert done.seen == ["known 7", "known 8", "known 9"]
    # More seeds, more epochs.
    more = StopsAt()
    nbcnn.resume_seeds(tmp_path / "cut", 4, reporter=more)
    assert more.seen == ["known 7", "known 8", "known 9", "train 10"]
    longer = nbcnn.resume_seeds(tmp_path / "cut", epochs=3)
    straight = nbcnn.train(config(stripes, epochs=3), seed=9, out=tmp_path / "nine")
    assert weights(longer.run_folder(9)) == weights(straight.folder)
    assert [row["epochs"] for row in longer.rows] == [3] * 4
    assert yaml.safe_load(longer.config.read_text())["train"]["epochs"] == 3


def test_a_training_that_was_killed_before_its_first_step_is_begun_again(stripes: Path, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        nbcnn.train_seeds(config(stripes), 2, out=tmp_path / "cut", reporter=StopsAt(7, 1))
    folder = tmp_path / "cut" / "seed-8"
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    (folder / ".nbcnn-x.tmp").write_text("")
    assert len(nbcnn.resume_seeds(tmp_path / "cut").rows) == 2
    # What nbcnn has not written is never removed.
    other = tmp_path / "cut" / "seed-9"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match=r"seed-9"):
        nbcnn.resume_seeds(tmp_path / "cut", 3)
    assert (other / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        (1, r"at least 2, got 1: the standard deviation divides by n - 1, which is 1 - 1 = 0 for one training"),
        (0, "at least 2, got 0"),
        (-3, "at least 2, got -3"),
        (True, "at least 2, got True"),
        (2.0, r"at least 2, got 2\.0"),
        (1001, "at most 1,000, got 1,001"),
    ],
)
def test_seeds_are_a_whole_number_from_two(seeds: Any, words: str, stripes: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"seeds must be .*{words}"):
        nbcnn.train_seeds(config(stripes), seeds, out=tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_the_last_seed_must_be_one(stripes: Path, tmp_path: Path) -> None:
    words = r"3 seeds from train\.seed: 9223372036854775805 would end at 9223372036854775808; the largest seed is"
    with pytest.raises(ConfigError, match=words.replace("5805", "5806")):
        nbcnn.train_seeds(config(stripes, seed=2**63 - 2), 3, out=tmp_path / "all")


def test_what_is_averaged_has_one_config(stripes: Path, tmp_path: Path) -> None:
    nbcnn.train_seeds(config(stripes, epochs=1), 2, out=tmp_path / "all")
    for change, told in (({"batch_size": 8}, "batch_size: 20 → 8"), ({"seed": 3}, "seed: 7 → 3")):
        with pytest.raises(ConfigError, match=f"must have one config, and this would be another:\n  train.{told}"):
            nbcnn.resume_seeds(tmp_path / "all", **change)
    SeedRuns(tmp_path / "all", 7, 3, SeedRuns.read(tmp_path / "all").rows).write()
    with pytest.raises(ConfigError, match="all has 3 seeds already; set seeds to 3 or more"):
        nbcnn.resume_seeds(tmp_path / "all", 2)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"first": 0, "seeds": 2, "runs": [{}]}', '{"first": -1, "seeds": 2, "runs": []}'],
)
def test_a_table_that_nbcnn_has_not_written_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "seeds.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"seeds\.json is no table of trainings from several seeds"):
        nbcnn.resume_seeds(tmp_path)


def test_a_run_without_epochs_has_no_row(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl holds no epoch, so seed 3 has no result"):
        row_of(Run(tmp_path), 3, 1)


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    from nbcnn.cli import main

    with pytest.raises(SystemExit) as left:
        main(arguments)
    captured = capsys.readouterr()
    return captured.err if left.value.code else captured.out


def test_the_command_prints_each_and_the_mean(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("n.yaml").write_text(yaml.safe_dump(config(stripes)))
    out = printed(["train", "n.yaml", "--seeds", "2"], capsys)
    rows = SeedRuns.read(Path("runs/tiny-seeds-1")).rows
    found = [row["test_accuracy"] for row in rows]
    assert f"test accuracy of 2 seeds: {found[0]:.2%} {found[1]:.2%}\n" in out
    mean, deviation = 100 * statistics.fmean(found), 100 * statistics.stdev(found)
    assert f"mean ± standard deviation (n - 1): {mean:.2f} ± {deviation:.2f} %\n" in out
    assert "each of the checkpoint that was best on the validation images\n" in out
    assert "table: runs/tiny-seeds-1/seeds.csv, seeds.json\n" in out
    again = printed(["train", "--resume", "runs/tiny-seeds-1"], capsys)
    assert again.count("; finished before") == 2 and "epoch 1  " not in again
    run = "runs/tiny-seeds-1/seed-7"
    for arguments, words in (
        (
            ["--resume", run, "--seeds", "3"],
            f"--seeds goes with MODEL, or with a folder that train --seeds made; {run} is",
        ),
        (["n.yaml", "--resume", "runs/tiny-seeds-1"], "MODEL has no place beside it"),
        (["--resume", "runs/tiny-seeds-1", "--allow-changes"], "trainings that are averaged must have one config"),
        (["n.yaml", "--seeds", "x"], "'x' is not a valid integer"),
        (["n.yaml", "--seeds", "1"], "at least 2, got 1"),
    ):
        assert words in printed(["train", *arguments], capsys)


def test_what_the_doctor_finds_is_told_with_the_run_of_its_seed(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    wild = config(stripes, optimizer={"adam": {"lr": 30.0}})
    Path("n.yaml").write_text(yaml.safe_dump(wild))
    out = printed(["train", "n.yaml", "--seeds", "2"], capsys)
    for seed in (7, 8):
        said = re.search(
            rf"seed {seed}: .*\n  found in it: (.*); .*doctor runs/tiny-seeds-1/seed-{seed} says more\n", out
        )
        assert said is not None
        rules = [one.rule.replace("_", " ") for one in nbcnn.doctor(f"runs/tiny-seeds-1/seed-{seed}").findings]
        assert "step too large" in rules and "step too large" in said[1].split(", ")


def test_ctrl_c_says_how_to_go_on_with_all(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nbcnn.cli import main
    from nbcnn.cli._progress import Progress

    monkeypatch.chdir(tmp_path)
    Path("n.yaml").write_text(yaml.safe_dump(config(stripes)))
    step, steps = Progress.step, []

    def stops(progress: Progress, images: int, loss: float, accuracy: float) -> None:
        step(progress, images, loss, accuracy)
        steps.append(1)
        if len(steps) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Progress, "step", stops)
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as left:
            main(["train", "n.yaml", "--seeds", "2", "--out", "all"])
    finally:
        signal.signal(signal.SIGINT, handler)
    out = capsys.readouterr().out
    assert left.value.code == 130
    assert "stopped; saved in all/seed-7 after step 3" in out and " train --resume all\n" in out
