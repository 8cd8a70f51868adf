"""docs/models.md, its log, and the command that makes both: what they have of trainings, and which folders it refuses."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from benchmarks.models import IDEAS, page, with_folders
from benchmarks.models_log import read_log, write_log

from nbcnn.config import Overrides, load_config, model_names
from nbcnn.errors import CheckpointError, ConfigError
from nbcnn.runs.run_folder import Run
from nbcnn.training.final_test import FinalTest
from nbcnn.training.seeds_table import SeedRuns, row_of

NONE = Overrides()
PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def training(folder: Path, name: str, seed: int, accuracy: float | None, sets: tuple[str, ...]) -> Run:
    """A run folder as ``nbcnn train NAME --epochs 2`` leaves it; without an accuracy before its end."""
    run = Run.create(folder, name)
    config = load_config(name, Overrides(sets=("train.epochs=2", f"train.seed={seed}", "train.threads=1", *sets)))
    run.write_config(config.to_yaml_in(run.folder))
    same = {"train_loss": 0.5, "train_accuracy": 0.75, "val_loss": 1 / 3, "lr": 0.5}
    for epoch, seconds in ((1, 3.0), (2, 2.0 + seed / 10)):
        run.log_epoch({"epoch": epoch, "step": epoch, "val_accuracy": 0.9 - epoch / 10, "seconds": seconds, **same})
    if accuracy is not None:
        run.write_json(run.test, asdict(FinalTest(accuracy, 0.5, 100, epoch=1)))
    run.release()
    return run


def trained(folder: Path, name: str, accuracies: list[float], count: int = 3, sets: tuple[str, ...] = ()) -> Path:
    """A folder as ``nbcnn train NAME --epochs 2 --seed 5 --seeds 3`` leaves it."""
    folder.mkdir()
    runs = SeedRuns(folder, 5, count)
    for seed, accuracy in enumerate(accuracies, start=5):
        runs.rows.append(row_of(training(folder / f"seed-{seed}", name, seed, accuracy, sets), seed, 2))
    runs.config.write_text(load_config(name, Overrides(sets=("train.epochs=2", *sets))).to_yaml_in(folder))
    runs.write()
    return folder


@pytest.fixture(autouse=True)
def two_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models as if their files asked for two epochs."""

    def of_two(source: Any, overrides: Overrides = NONE) -> Any:
        return load_config(source, overrides if source not in IDEAS else Overrides(sets=("train.epochs=2",)))

    monkeypatch.setattr("benchmarks.models_log.load_config", of_two)


def row(text: str, name: str) -> list[str]:
    """The cells of a model's row."""
    (line,) = re.findall(rf"^\| `{name}` \|(.*)\|$", text, re.M)
    return [cell.strip() for cell in line.split("|")]


def test_the_page_is_made_of_the_log() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read_log(PAGE.with_suffix(".csv")))


def test_the_log_is_as_it_is_written(tmp_path: Path) -> None:
    """Its lines are in order, and none is of a recipe that its model no longer has."""
    kept = PAGE.with_suffix(".csv")
    write_log(tmp_path / "log.csv", read_log(kept))
    assert (tmp_path / "log.csv").read_text(encoding="utf-8") == kept.read_text(encoding="utf-8")


def test_all_models_of_the_whole_data_set_are_in_the_table() -> None:
    assert set(IDEAS) == {name for name in model_names() if load_config(name).data.name == "fashion-mnist"}


def test_cells_of_trainings(tmp_path: Path) -> None:
    log = with_folders({}, [trained(tmp_path / "runs", "mlp", [0.90, 0.91, 0.92])])
    assert row(page(log), "mlp")[3:] == ["2.5", "2", "91.00 ± 1.00 % (3 seeds)", "–"]  # seed 5, epoch 2
    assert row(page(log), "lenet-bn")[3:] == ["not run", "not run", "not run", "0.79 to 0.81"]
    again, other = (training(tmp_path / str(seed), "mlp", seed, 0.94, ()).folder for seed in (7, 4))
    log = with_folders(log, [again, other])  # of seeds 4 to 7, and seed 7's is the newer
    assert row(page(log), "mlp")[3:6] == ["2.4", "2", "92.25 ± 2.06 % (4 seeds)"]
    one = with_folders({}, [other])
    assert row(page(one), "mlp")[5] == "94.00 % (1 seed)"


def test_what_auto_has_chosen_is_no_other_recipe(tmp_path: Path) -> None:
    run = training(tmp_path / "run", "vgg-mini", 3, 0.94, ("backends.conv2d=fft",))
    text = run.config.read_text(encoding="utf-8")
    assert "fft" in text and "fft" not in load_config("vgg-mini").to_yaml()
    assert row(page(with_folders({}, [run.folder])), "vgg-mini")[5] == "94.00 % (1 seed)"


def test_results_without_a_log_are_those_of_the_present_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert row(page({}), "resnet-mini")[5] == "94.56 ± 0.17 % (3 seeds) (*)"
    monkeypatch.setattr("benchmarks.models.digest", lambda _: "another")
    assert row(page({}), "resnet-mini")[3:6] == ["not run"] * 3


def test_lines_of_the_log(tmp_path: Path) -> None:
    """The best checkpoint's line has the test's accuracy; the book's convention tests each epoch, the last one counts."""
    log = with_folders({}, [training(tmp_path / "run", "mlp", 3, 0.94, ()).folder])
    write_log(tmp_path / "log.csv", log)
    first, second = (tmp_path / "log.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert re.fullmatch(r"mlp,[0-9a-f]{12},3,2,1,0\.5,0\.75,0\.333333,0\.8,3,0\.94", first)
    assert re.fullmatch(r"mlp,[0-9a-f]{12},3,2,2,0\.5,0\.75,0\.333333,0\.7,2\.3,", second)
    assert read_log(tmp_path / "log.csv") == log
    book = Run.open(training(tmp_path / "book", "lenet-d2l", 3, None, ()).folder)
    book.metrics_jsonl.write_text(
        "".join(f'{{"epoch": {n}, "seconds": 1, "test_accuracy": 0.{n}}}\n' for n in (1, 2)), encoding="utf-8"
    )
    assert row(page(with_folders({}, [book.folder])), "lenet-d2l")[5] == "20.00 % (1 seed)"


def test_folders_that_are_refused(tmp_path: Path) -> None:
    for name, options, error, sentence in (
        ("none", {"accuracies": []}, CheckpointError, r"none of 3 seeds is finished; nbcnn train --resume "),
        (
            "other",
            {"sets": ("train.label_smoothing=0.25",)},
            ConfigError,
            r"another config than mlp has: train\.label_smoothing: 0\.0 → 0\.25$",
        ),
        ("mini", {"name": "lenet"}, ConfigError, r"mini is of lenet, which is not in the table: lenet-d2l, mlp, "),
    ):
        given: dict[str, Any] = {"name": "mlp", "accuracies": [0.9, 0.9, 0.9], **options}
        with pytest.raises(error, match=sentence):
            with_folders({}, [trained(tmp_path / name, **given)])
    with pytest.raises(CheckpointError, match=r"run is not finished; nbcnn train --resume .*run$"):
        with_folders({}, [training(tmp_path / "run", "mlp", 0, None, ()).folder])
    with pytest.raises(CheckpointError, match="nothing"):
        with_folders({}, [tmp_path / "nothing"])


def test_lines_of_another_recipe_are_refused(tmp_path: Path) -> None:
    log = with_folders({}, [training(tmp_path / "run", "mlp", 3, 0.94, ()).folder])
    write_log(tmp_path / "log.csv", log)
    text = (tmp_path / "log.csv").read_text(encoding="utf-8")
    (tmp_path / "log.csv").write_text(text.replace(log["mlp", 3][0]["config"], "0123456789ab"), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"log\.csv:2: mlp was trained with config 0123456789ab, its file is "):
        read_log(tmp_path / "log.csv")
