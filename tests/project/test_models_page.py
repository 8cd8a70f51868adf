"""docs/models.md and the command that makes it: what it has of trainings, and which folders it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from benchmarks.models import IDEAS, page

from nbcnn.config import Overrides, load_config, model_names
from nbcnn.errors import CheckpointError, ConfigError
from nbcnn.runs.run_folder import Run
from nbcnn.training.seeds_table import SeedRuns

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def trained(folder: Path, name: str, accuracies: list[float], count: int = 3, sets: tuple[str, ...] = ()) -> Path:
    """A folder as ``nbcnn train NAME --seeds 3`` leaves it, with these accuracies and 40 seconds a training."""
    folder.mkdir()
    config = load_config(name, Overrides(sets=("train.seed=5", *sets)))
    runs = SeedRuns(folder, 5, count)
    runs.config.write_text(config.to_yaml_in(folder))
    same: dict[str, Any] = {"epochs": 20, "checkpoint": "best", "epoch": 19, "seconds": 40.0}
    same |= dict.fromkeys(("train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_loss"), 0.5)
    runs.rows = [
        {"seed": 5 + k, "folder": f"seed-{5 + k}", **same, "test_accuracy": accuracy}
        for k, accuracy in enumerate(accuracies)
    ]
    for row in runs.rows:
        run = Run.create(folder / row["folder"], name)
        run.write_config(runs.config.read_text(encoding="utf-8"))
        for epoch, seconds in ((1, 3.0), (2, 2.0 + row["seed"] / 10)):
            run.log_epoch({"epoch": epoch, "seconds": seconds})
        run.release()
    runs.write()
    return folder


def row(text: str, name: str) -> list[str]:
    """The cells of a model's row."""
    (line,) = re.findall(rf"^\| `{name}` \|(.*)\|$", text, re.M)
    return [cell.strip() for cell in line.split("|")]


def test_the_page_has_what_the_command_writes() -> None:
    """All but the cells of trainings, which are those of folders that are not here."""
    made, kept = page([]), PAGE.read_text(encoding="utf-8")
    for name in IDEAS:
        there, here = row(made, name), row(kept, name)
        assert (there[:3], there[-1]) == (here[:3], here[-1])
        assert here[3:6] == ["not run"] * 3 or re.fullmatch(
            r"[\d.]+ \d+ \d\d\.\d\d( ± \d\.\d\d % \(\d+ seeds| % \(1 seed)\)", " ".join(here[3:6])
        )
    outside = [re.sub(r"^\| `.*\n", "", text, flags=re.M) for text in (made, kept)]
    assert outside[0] == outside[1]


def test_all_models_of_the_whole_data_set_are_in_the_table() -> None:
    assert set(IDEAS) == {name for name in model_names() if load_config(name).data.name == "fashion-mnist"}


def test_cells_of_a_training(tmp_path: Path) -> None:
    text = page([trained(tmp_path / "runs", "mlp", [0.90, 0.91, 0.92])])
    assert row(text, "mlp")[3:] == ["2.5", "20", "91.00 ± 1.00 % (3 seeds)", "–"]  # seed 5, epoch 2
    text = page([trained(tmp_path / "one", "mlp", [0.90])])
    assert row(text, "mlp")[5] == "90.00 % (1 seed)"
    assert row(text, "lenet-bn")[3:] == ["not run", "not run", "not run", "0.79 to 0.81"]


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
            page([trained(tmp_path / name, **given)])
    twice = [trained(tmp_path / which, "mlp", [0.9, 0.9, 0.9]) for which in ("a", "b")]
    with pytest.raises(CheckpointError, match=r"b and .*a are both of mlp; give one of them"):
        page(twice)
    with pytest.raises(CheckpointError, match="nothing"):
        page([tmp_path / "nothing"])
