"""``nbcnn doctor``: findings on runs, in the course of a training, in words and as JSON; and a short bench of faults.

The whole bench is tests/benchmarks/doctor.py.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import doctor as bench
from benchmarks.doctor_faults import FAULTS
from exhaustive import parametrize
from stripes import TINY, write_stripes

import nbcnn
from nbcnn.cli import main
from nbcnn.config import load_config
from nbcnn.errors import CheckpointError
from nbcnn.training.doctor.doctor import doctor
from nbcnn.training.doctor.finding import Finding
from nbcnn.training.reporter import Reporter

pytestmark = pytest.mark.usefixtures("no_pictures")

TOO_LARGE = ("train.optimizer.adam.lr=30",)


class Told(Reporter):
    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def finding(self, finding: Finding) -> None:
        self.findings.append(finding)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images, a run that went well, and one whose step was too large."""
    place = tmp_path_factory.mktemp("doctor")
    write_stripes(place / "stripes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nbcnn.training.loop.draw_run", lambda *_: None)
        nbcnn.train(TINY, data=str(place / "stripes"), out=place / "well")
        nbcnn.train(TINY, data=str(place / "stripes"), out=place / "wild", sets=TOO_LARGE)
    return place


def said(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["doctor", *map(str, words)])
    output = capsys.readouterr()
    return int(stop.value.code or 0), output.out, output.err


def test_a_run_that_went_well(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "well").iterdir()}
    code, text, _ = said(folder / "well", capsys=capsys)
    assert code == 0
    assert text.endswith("3 epochs, statistics of 6 steps\nnothing is wrong with it, as far as the rules can tell\n")
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "well").iterdir()} == before


def test_a_run_that_did_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = said(folder / "wild", capsys=capsys)
    assert code == 0
    flat = " ".join(text.split())
    assert "step too large: the first step changed the weights by" in flat
    assert "a learning rate of 30 is too large; a step of about 1 % takes 0.0" in flat
    (option,) = nbcnn.doctor(folder / "wild").findings[0].sets
    assert f"train {folder / 'wild' / 'config.yaml'} --set {option}" in flat


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = said(folder / "wild", "--json", capsys=capsys)
    found = json.loads(text)
    assert code == 0 and found["epochs"] == 3 and found["looks"] == 6 and found["missing"] == []
    assert found["findings"][0]["rule"] == "step_too_large"
    assert found["findings"][0]["sets"][0].startswith("train.optimizer.adam.lr=")
    assert found == doctor(folder / "wild").as_json()


def test_a_training_says_each_thing_once(folder: Path, tmp_path: Path) -> None:
    told = Told()
    images = str(folder / "stripes")
    nbcnn.train(TINY, data=images, out=tmp_path / "run", sets=TOO_LARGE, reporter=told, epochs=4)
    assert [finding.rule for finding in told.findings].count("step_too_large") == 1
    again = Told()
    nbcnn.resume(tmp_path / "run", epochs=6, reporter=again)
    assert "step_too_large" not in [finding.rule for finding in again.findings]
    well = Told()
    nbcnn.train(TINY, data=images, out=tmp_path / "well", reporter=well)
    assert well.findings == []


def test_the_command_line_says_it_after_the_epoch(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    yaml = tmp_path / "tiny.yaml"
    yaml.write_text(load_config(TINY).to_yaml())
    words = ["train", yaml, "--data", folder / "stripes", "--out", tmp_path / "run", "--set", *TOO_LARGE]
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    lines = capsys.readouterr().out.splitlines()
    assert not stop.value.code
    first = next(number for number, line in enumerate(lines) if line.startswith("epoch 1"))
    assert lines[first + 1].startswith("  the first step changed the weights by")
    assert "(--set train.optimizer.adam.lr=0.0" in " ".join(" ".join(lines).split())
    assert not any(line.startswith("to try:") for line in lines)  # the doctor has said more


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nothing", "no such run folder"),
        ("stripes", "is not a run folder: it has no config.yaml"),
        ("lenet", "not trained yet"),
    ],
)
def test_what_is_no_run(folder: Path, name: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, text = said(name if name == "lenet" else folder / name, capsys=capsys)
    assert code == 2 and sentence in " ".join(text.split()) and "Traceback" not in text


def test_a_run_that_made_no_step(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(folder / "well" / "config.yaml", run)
    with pytest.raises(CheckpointError, match="no step of its training was made, so there is nothing to look at"):
        doctor(run)


def test_what_is_missing_is_said(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(folder / "wild", tmp_path / "run")
    (tmp_path / "run" / "statistics.jsonl").unlink()
    text = (tmp_path / "run" / "config.yaml").read_text()
    (tmp_path / "run" / "config.yaml").write_text(text.replace(str(folder / "stripes"), str(tmp_path / "gone")))
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    info["data"]["folder"] = str(tmp_path / "gone")
    (tmp_path / "run" / "run.json").write_text(json.dumps(info))
    found = doctor(tmp_path / "run")
    assert [sentence.partition(",")[0] for sentence in found.missing] == [
        "there is no statistics.jsonl",
        "the images can't be read",
    ]
    code, words, _ = said(tmp_path / "run", capsys=capsys)
    assert code == 0 and "there is no statistics.jsonl, so layers were not looked at" in " ".join(words.split())


SHORT = (
    "step_too_large",
    "diverging_step",
    "nearly_black",
    "moved_labels",
    "activation_at_the_end",
    "batch_norm_momentum",
)


@parametrize("name", SHORT, quick={"step_too_large"})
def test_a_planted_fault_is_found_and_its_change_mends_it(name: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)
    seed = 7 + [*FAULTS].index(name)
    case = bench.play(FAULTS[name](np.random.RandomState(seed), seed), False, tmp_path)
    assert case.found and case.is_mended
    assert case.healthy.rules == case.healthy.told == []
    assert [rule for rule in case.faulty.rules if rule not in case.fault.expected] == []


def test_the_bench_s_figures() -> None:
    """Two faults: one found and mended, with a finding besides; one missed, its healthy training with a false alarm."""

    def outcome(rules: tuple[str, ...], accuracy: float) -> bench.Outcome:
        found = tuple(Finding("", "", "", rule=rule) for rule in rules)
        return bench.Outcome(bench.Diagnosis("", 1, 1, found), [], {"accuracy": accuracy})

    setting = bench.Setting({}, (np.zeros(0), np.zeros(0)), (np.zeros(0), np.zeros(0)))
    fault = bench.Fault("x", setting, setting, ("right",))
    cases = [
        bench.Case(fault, False, outcome((), 0.8), outcome(("right", "wrong"), 0.2), outcome((), 0.6)),
        bench.Case(fault, False, outcome(("wrong",), 0.8), outcome((), 0.2), None),
    ]
    table = bench.Table([case.record for case in cases])
    assert (table.recall, table.precision, table.false_alarms, table.mended) == (0.5, 1 / 3, 0.5, 1)
    cases[0].mended = outcome((), 0.4)  # less than half of the way
    assert not cases[0].record.mended
