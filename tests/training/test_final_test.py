"""Trainings with data.validation: what chooses the best checkpoint, when the test images are looked at, going on."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from stripes import TINY, write_stripes

import nbcnn
import nbcnn.training.trainer
from nbcnn.data.validation_split import hold_out
from nbcnn.errors import CheckpointError, ConfigError, DataError
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.runs.run_folder import Run
from nbcnn.training.evaluation import evaluate_with
from nbcnn.training.final_test import FinalTest, read_result
from nbcnn.training.reporter import Reporter
from nbcnn.training.signals import StoppedError

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "stripes"
    write_stripes(folder)
    return folder


def config(folder: Path, share: float | None = 0.2, **train: Any) -> dict[str, Any]:
    return TINY | {"data": {"folder": str(folder), "validation": share}, "train": TINY["train"] | train}


def evaluated(monkeypatch: pytest.MonkeyPatch, accuracies: list[float] | None = None) -> list[str]:
    """What is evaluated, in this order; on the validation images with these accuracies."""
    seen: list[str] = []

    def spied(executor: Any, data: Any, split: Any = None) -> Any:
        from dataclasses import replace

        found = evaluate_with(executor, data, split)
        seen.append("test" if split in (None, data.test) else "validation")
        if seen[-1] == "validation" and accuracies:
            return replace(found, accuracy=accuracies.pop(0))
        return found

    for module in ("trainer", "final_test"):
        monkeypatch.setattr(f"nbcnn.training.{module}.evaluate_with", spied)
    return seen


def test_the_validation_images_choose_and_the_test_is_looked_at_once(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = evaluated(monkeypatch, [0.5, 0.9, 0.7])
    run = nbcnn.train(config(stripes), out=tmp_path / "run")
    assert seen == ["validation"] * 3 + ["test"]
    assert load_tensors(run.weights_path())[1]["epoch"] == "2"
    assert [row["val_accuracy"] for row in run.metrics()] == [0.5, 0.9, 0.7]
    assert {row["test_accuracy"] for row in run.metrics()} == {row["test_loss"] for row in run.metrics()} == {None}
    of_best = nbcnn.evaluate(run.folder)
    assert json.loads(run.test.read_text()) == {
        "accuracy": of_best.accuracy, "loss": of_best.loss, "images": 50, "epoch": 2, "checkpoint": "best",
        "chosen_on": "validation", "looks": 1,
    }  # fmt: skip
    found = json.loads(run.info.read_text())["data"]
    assert (found["train"], found["validation"], found["test"]) == (168, 42, 50)
    assert of_best.data_changed is False  # the digest is that of all images


def test_the_images_that_are_held_out_are_not_trained_on(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training images of the run, by hand: the losses of the validation images are those of the held-out ones."""
    run = nbcnn.train(config(stripes, seed=4), out=tmp_path / "run")
    whole = nbcnn.data.load(stripes)
    held = hold_out(whole, 0.2, 4).validation
    assert held is not None
    scores = nbcnn.load(run.folder, which="last")(held.images.astype(np.float32) / 255).astype(np.float64)
    losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(held)), held.labels]
    assert losses.mean() == pytest.approx(run.metrics()[-1]["val_loss"], rel=1e-5)
    given: list[Any] = []
    step = nbcnn.training.trainer.Trainer.step

    def spied(trainer: Any, order: Any) -> Any:
        given.extend(trainer.data.train.images[order])
        return step(trainer, order)

    monkeypatch.setattr(nbcnn.training.trainer.Trainer, "step", spied)
    nbcnn.train(config(stripes, seed=4, epochs=1), out=tmp_path / "again")
    assert len(given) == 168 and not {x.tobytes() for x in given} & {x.tobytes() for x in held.images}


class At(Reporter):
    """Ctrl-C after a step."""

    def __init__(self, step: int) -> None:
        self.left = step

    def step(self, images: int, loss: float, accuracy: float) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


FILES = ("last.safetensors", "best.safetensors", "test.json")


def outcome(run: Run) -> list[Any]:
    rows = [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in run.metrics()]
    return [hashlib.sha256((run.folder / name).read_bytes()).hexdigest() for name in FILES] + rows


def test_going_on_ends_with_the_bits_of_a_training_that_nobody_interrupted(stripes: Path, tmp_path: Path) -> None:
    whole = nbcnn.train(config(stripes), out=tmp_path / "whole")
    assert whole.test.exists()
    for step in (4, 9, 12, 27):  # nine steps an epoch
        cut = tmp_path / str(step)
        with pytest.raises(StoppedError):
            nbcnn.train(config(stripes), out=cut, reporter=At(step))
        assert not (cut / "test.json").exists()
        assert outcome(nbcnn.resume(cut)) == outcome(whole)
    # A training that goes on has not been tested yet; then it is again.
    with pytest.raises(StoppedError):
        nbcnn.resume(whole.folder, epochs=4, reporter=At(3))
    assert not whole.test.exists()
    longer = nbcnn.train(config(stripes, epochs=4), out=tmp_path / "longer")
    once, twice = json.loads(longer.test.read_text()), nbcnn.resume(whole.folder)
    assert json.loads(twice.test.read_text()) == once | {"looks": 2} and once["looks"] == 1  # the only difference
    longer.write_json(longer.test, once | {"looks": 2})
    assert outcome(twice) == outcome(longer)


def test_a_second_look_at_the_test_images_is_told_as_one(
    stripes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "n.yaml").write_text(yaml.safe_dump(config(stripes, epochs=1)))
    folder = str(tmp_path / "run")
    out = printed(["train", str(tmp_path / "n.yaml"), "--out", folder], capsys)
    assert "looked at once, now" in out
    page = tmp_path / "run" / "report.html"
    nbcnn.write_report(folder)
    assert "honest one" in page.read_text()
    out = printed(["train", "--resume", folder], capsys)  # nothing is trained: the same result again, no other look
    assert "looked at once, now" in out and "already" not in out
    for epochs, before, all_of_them in ((2, "once", "twice"), (3, "twice", "3 times")):
        out = printed(["train", "--resume", folder, "--epochs", str(epochs)], capsys)
        assert f"the test images have been looked at {before} already; at the end they are again\n" in out
        assert f"; the test images were looked at again: {all_of_them} in all\n" in out
        nbcnn.write_report(folder)
        written = page.read_text()
        assert f"but the test images were looked at {all_of_them} in all" in written and "honest one" not in written
    assert json.loads((tmp_path / "run" / "test.json").read_text())["looks"] == 3


def test_epochs_that_were_tested_count_as_looks(stripes: Path, tmp_path: Path) -> None:
    run = nbcnn.train(config(stripes, None, epochs=2), out=tmp_path / "run")
    nbcnn.resume(run.folder, epochs=3, sets=("data.validation=0.2",), allow_changes=True)
    result = read_result(run)
    assert result is not None and result.looks == 3


def test_another_share_is_another_config(stripes: Path, tmp_path: Path) -> None:
    run = nbcnn.train(config(stripes, epochs=1), out=tmp_path / "run")
    with pytest.raises(ConfigError, match=r"data\.validation: 0\.2 → 0\.3"):
        nbcnn.resume(run.folder, epochs=2, sets=("data.validation=0.3",))
    nbcnn.resume(run.folder, epochs=2, sets=("data.validation=null",), allow_changes=True)
    assert not run.test.exists() and run.metrics()[-1]["test_accuracy"] is not None


def test_without_a_share_every_epoch_is_tested_as_before(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = evaluated(monkeypatch)
    run = nbcnn.train(config(stripes, None), out=tmp_path / "run")
    assert seen == ["test"] * 3 and not run.test.exists()
    assert [row["val_accuracy"] for row in run.metrics()] == [None] * 3


def test_arrays_are_held_out_too_and_go_on(stripes: Path, tmp_path: Path) -> None:
    data = nbcnn.data.load(stripes)
    arrays = (data.train.images, data.train.labels), (data.test.images, data.test.labels)
    of_folder = nbcnn.train(config(stripes, epochs=2), out=tmp_path / "folder")
    run = nbcnn.train(config(stripes, epochs=1), data=arrays, out=tmp_path / "arrays")
    assert yaml.safe_load(run.config.read_text())["data"]["validation"] == 0.2
    longer = nbcnn.resume(run.folder, epochs=2)
    result = json.loads(longer.test.read_text())
    assert result["looks"] == 2
    longer.write_json(longer.test, result | {"looks": 1})  # the only difference
    assert outcome(longer) == outcome(of_folder)


def test_a_comparison_evaluates_on_the_validation_images_and_tests_each_variant_once(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from nbcnn.cli import main

    monkeypatch.setattr("nbcnn.training.comparison.draw_comparison", lambda *_: None)
    seen = evaluated(monkeypatch)
    (tmp_path / "n.yaml").write_text(yaml.safe_dump(config(stripes, epochs=2)))
    with pytest.raises(SystemExit) as left:
        main(["compare", str(tmp_path / "n.yaml"), "--backend", "conv2d=direct", "--backend", "conv2d=fft", "--out", str(tmp_path / "c")])  # fmt: skip
    assert left.value.code == 0 and seen == ["validation"] * 4 + ["test"] * 2
    numbers = json.loads((tmp_path / "c" / "compare.json").read_text())
    assert (numbers["train_images"], numbers["validation_images"], numbers["test_images"]) == (168, 42, 50)
    out = capsys.readouterr().out
    assert "epoch 1  val loss  conv2d=direct" in out and " of 42 validation images get" in out.replace("\n  ", " ")
    assert (tmp_path / "c" / "conv2d=fft" / "test.json").is_file()


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    from nbcnn.cli import main

    with pytest.raises(SystemExit) as left:
        main(arguments)
    captured = capsys.readouterr()
    return captured.err if left.value.code else captured.out


def test_the_command_says_which_images_chose_the_checkpoint(
    stripes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "n.yaml"
    file.write_text(yaml.safe_dump(config(stripes)))
    out = printed(["train", str(file), "--out", str(tmp_path / "a")], capsys)
    result = read_result(Run.open(tmp_path / "a"))
    assert result is not None
    assert (
        "stripes: 168 training, 42 validation and 50 test images\n  held out of each class for validation: 0.2 of"
        in out
    )
    assert f"test accuracy of this checkpoint {result.accuracy:.1%}; the test images were looked at once, now\n" in out
    lines = [line for line in out.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 3 and all("val " in line and "test" not in line for line in lines)
    out = printed(["train", str(file), "--set", "data.validation=null", "--out", str(tmp_path / "b")], capsys)
    assert (
        "the test images chose it, so its accuracy on them is a little too high; --set data.validation=0.1 would choose "
        "on images held out of the training" in out
    )


def test_nbcnns_own_models_hold_out_a_tenth_but_for_the_books() -> None:
    shares = {name: nbcnn.load(name).config.data.validation for name in nbcnn.config.model_names()}
    assert {name for name, share in shares.items() if share != 0.1} == {"lenet-d2l"}
    assert shares["lenet-d2l"] is None


def test_too_few_images_of_a_class_stop_it_before_there_is_a_run(stripes: Path, tmp_path: Path) -> None:
    images, labels = np.arange(80, dtype=np.uint8).reshape(5, 1, 4, 4), np.array([0, 0, 1, 1, 2])
    arrays = (
        (np.pad(images, ((0, 0), (0, 0), (0, 8), (0, 8))), labels),
        (np.zeros((2, 1, 12, 12), np.uint8), labels[:2]),
    )
    with pytest.raises(
        DataError, match=r"data\.validation: 0\.2 can't be held out of the class 2, which has 1 training"
    ):
        nbcnn.train(config(stripes), data=arrays, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["[]", "{}", '{"accuracy": "high", "loss": 1, "images": 1, "epoch": 1}', "nothing"])
def test_a_test_json_that_no_training_wrote_is_refused(text: str, tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert read_result(run) is None
    run.test.write_text(text)
    with pytest.raises(CheckpointError, match=r"test\.json is no result of a test; remove it"):
        read_result(run)
    run.write_json(run.test, {"accuracy": 0.5, "loss": None, "images": 4, "epoch": 1})
    assert read_result(run) == FinalTest(0.5, None, 4, 1)


def test_a_network_that_was_given_holds_the_last_steps_weights(stripes: Path, tmp_path: Path) -> None:
    for share in (0.2, None):
        network = nbcnn.load(config(stripes, share, optimizer={"sgd": {"lr": 0.5}}, epochs=4))
        run = nbcnn.train(network, out=tmp_path / str(share))
        last, metadata = load_tensors(run.weights_path("last"))
        assert load_tensors(run.weights_path("best"))[1]["epoch"] != metadata["epoch"]
        assert all(np.array_equal(last[name], value) for name, value in network.state_dict().items())
