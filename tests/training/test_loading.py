"""Where a run's images are: folders relative in its config, moved together or alone, gone; validation images."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import nbcnn
from nbcnn.errors import DataError
from nbcnn.runs.run_folder import Run

pytestmark = pytest.mark.usefixtures("no_pictures")


def pictures(folder: Path, parts: dict[str, int]) -> Path:
    random = np.random.default_rng(len(parts))
    for part, count in parts.items():
        for name, level in (("dark", 40), ("light", 200)):
            (folder / part / name).mkdir(parents=True)
            for k in range(count):
                pixels = np.clip(random.normal(level, 9, (2, 2)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{k}.png")
    return folder


def config(folder: Path | str, **train: Any) -> dict[str, Any]:
    return {
        "name": "greys",
        "input": {"channels": 1, "height": 2, "width": 2},
        "layers": ["flatten", {"linear": {"out_features": 2}}],
        "data": {"folder": str(folder), "grayscale": True},
        "train": {"epochs": 2, "batch_size": 4, "optimizer": {"adam": {"lr": 0.1}}} | train,
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images and a run, in which nbcnn was started."""
    here = tmp_path / "project"
    pictures(here / "images" / "greys", {"train": 5, "test": 4})
    monkeypatch.chdir(here)
    nbcnn.train(config("images/greys"), out="runs/one")
    return here


def folder_in(run: Path) -> str:
    return str(yaml.safe_load((run / "config.yaml").read_text())["data"]["folder"])


def test_a_project_may_be_moved_as_a_whole(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder_in(project / "runs/one") == "../../images/greys"
    accuracy = nbcnn.evaluate("runs/one").accuracy
    moved = project.rename(tmp_path / "elsewhere")
    for place in (tmp_path, moved, moved / "runs"):
        monkeypatch.chdir(place)
        run = os.path.relpath(moved / "runs/one")
        assert nbcnn.evaluate(run).accuracy == accuracy
        assert nbcnn.load(run).config.data.folder == str(moved / "images/greys")
    os.symlink(moved / "runs/one", tmp_path / "link")
    assert nbcnn.load(tmp_path / "link").config.data.folder == str(moved / "images/greys")
    nbcnn.resume(moved / "runs/one", epochs=3)


def test_a_run_may_be_moved_alone(project: Path, tmp_path: Path) -> None:
    alone = (project / "runs/one").rename(tmp_path / "alone")
    assert nbcnn.load(alone).config.data.folder == str(project / "images/greys")
    nbcnn.resume(alone, epochs=3)
    # Started in the project: the run is not below it, so its config has the whole path now.
    assert folder_in(alone) == str(project / "images/greys")
    assert nbcnn.evaluate(alone).images == 8


def test_images_elsewhere_keep_their_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(tmp_path / "disk" / "greys", {"train": 5, "test": 4})
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    nbcnn.train(config(images), out="run")
    assert folder_in(Path("run")) == str(images)
    monkeypatch.chdir(tmp_path)
    nbcnn.train(config(images), out=tmp_path / "run")
    assert folder_in(tmp_path / "run") == "../disk/greys"


def test_a_link_to_the_images_stays_the_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(tmp_path / "disk" / "greys", {"train": 5, "test": 4})
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    os.symlink(images, "set")
    nbcnn.train(config("set"), out="run")
    assert folder_in(Path("run")) == "../set" and nbcnn.evaluate("run").images == 8


def test_images_that_are_gone_are_asked_for(project: Path) -> None:
    (project / "images/greys").rename(project / "images/moved")
    words = r"images/greys: no such folder; if it was moved or is called otherwise now, say where it is: --data FOLDER"
    for attempt in (nbcnn.evaluate, nbcnn.resume):
        with pytest.raises(DataError, match=words):
            attempt("runs/one")
    with pytest.raises(DataError, match=words):  # what was asked for is not exchanged for what run.json says
        nbcnn.evaluate(nbcnn.load("runs/one", overrides=nbcnn.Overrides(sets=("data.folder=images/greys",))))
    assert nbcnn.evaluate("runs/one", "images/moved").images == 8
    assert Run.open(nbcnn.resume("runs/one", data="images/moved", epochs=3).folder).metrics()[-1]["epoch"] == 3
    assert folder_in(project / "runs/one") == "../../images/moved"
    (project / "images/other").mkdir()
    with pytest.raises(DataError, match="images/greys: no such folder"):
        nbcnn.evaluate(nbcnn.load("runs/one", overrides=nbcnn.Overrides(sets=("data.folder=images/greys",))))


def test_validation_images_choose_the_best_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test, where every other image has the wrong label, would choose another one."""
    images = pictures(tmp_path / "greys", {"train": 8, "val": 5, "test": 4})
    run = nbcnn.train(config(images, epochs=6, optimizer={"sgd": {"lr": 0.3}}), out=tmp_path / "run")
    rows = run.metrics()
    best = min(rows, key=lambda row: (-row["val_accuracy"], row["val_loss"]))
    kept = nbcnn.runs.checkpoint.load_tensors(run.weights_path())[1]
    assert kept["epoch"] == str(best["epoch"])
    assert json.loads(run.position.read_text())["best_loss"] == best["val_loss"]
    assert json.loads(run.info.read_text())["data"] | {"source": "", "sha256": ""} == {
        "name": "greys", "source": "", "train": 16, "test": 8, "validation": 10, "sha256": "", "folder": str(images),
        "done": [],
    }  # fmt: skip
    # By hand, with the weights of that epoch: the loss on the folder val, not on the folder test.
    net = nbcnn.load(run.folder)
    for part, loss in (("val", best["val_loss"]), ("test", best["test_loss"])):
        files = sorted((images / part).glob("*/*.png"))
        x = np.array([np.asarray(Image.open(file)) for file in files], np.float64)[:, None] / 255
        scores = net(x.astype(np.float32)).astype(np.float64)
        truth = np.array([file.parent.name == "light" for file in files], int)
        losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(files)), truth]
        assert losses.mean() == pytest.approx(loss, rel=1e-5)
    assert nbcnn.evaluate(run.folder).images == 8


def test_the_judge_is_the_validation_and_not_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbcnn.training.trainer
    from nbcnn.training.evaluation import evaluate_with

    images = pictures(tmp_path / "greys", {"train": 8, "val": 5, "test": 4})
    accuracies = {"val": iter([0.5, 0.9, 0.7]), "test": iter([0.9, 0.5, 0.7])}

    def planted(engine: Any, data: Any, split: Any = None) -> Any:
        from dataclasses import replace

        found = evaluate_with(engine, data, split)
        part = "val" if split is data.validation else "test"
        return replace(found, accuracy=next(accuracies[part]))

    monkeypatch.setattr(nbcnn.training.trainer, "evaluate_with", planted)
    run = nbcnn.train(config(images, epochs=3), out=tmp_path / "run")
    assert nbcnn.runs.checkpoint.load_tensors(run.weights_path())[1]["epoch"] == "2"
    assert [(row["val_accuracy"], row["test_accuracy"]) for row in run.metrics()] == [
        (0.5, 0.9),
        (0.9, 0.5),
        (0.7, 0.7),
    ]


def test_training_says_what_each_part_is_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nbcnn.cli import main

    images = pictures(tmp_path / "greys", {"Train": 5, "Valid": 4, "Test": 3})
    (images / "extra").mkdir()
    file = tmp_path / "n.yaml"
    file.write_text(yaml.safe_dump(config(images)))
    with pytest.raises(SystemExit) as left:
        main(["train", str(file), "--out", str(tmp_path / "run")])
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert (
        "greys: 10 training, 8 validation and 6 test images\n  Valid chooses the best checkpoint; Test is only" in out
    )
    assert "  not used: the folder extra\n" in out
    rows = Run.open(tmp_path / "run").metrics()
    best = min(rows, key=lambda row: (-row["val_accuracy"], row["val_loss"]))
    assert f", val {best['val_loss']:.4f}, test " in out or f", val {best['val_loss']:.3f}, test " in out
    assert f"validation accuracy {rows[-1]['val_accuracy']:.1%} after epoch 2; best {best['val_accuracy']:.1%}" in out
    assert f"test accuracy of this checkpoint {best['test_accuracy']:.1%}\n" in out


def test_a_run_that_is_copied_with_its_images_warns_of_nothing(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "copy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nbcnn.evaluate(tmp_path / "copy" / "runs/one").data_changed is False


def test_where_the_current_folder_is_gone_paths_stay_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbcnn.config.folders import relative_folders

    def gone() -> Path:
        raise FileNotFoundError(2, "No such file or directory")

    data = {"folder": str(tmp_path / "set"), "data_dir": None}
    monkeypatch.chdir(tmp_path)
    assert relative_folders(data, tmp_path / "runs" / "a")["folder"] == "../../set"
    monkeypatch.setattr(Path, "cwd", gone)
    assert relative_folders(data, tmp_path / "runs" / "a") == data
