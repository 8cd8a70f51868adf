"""Long trainings, with augmentation: memory, threads, files and objects stay what they are after the first epochs.

Each is in a process of its own (watched.py), with a copy of the kernels' cache that nobody else writes to.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exhaustive import exhaustive

import nbcnn
from nbcnn.compiler.jit import cache_folder
from nbcnn.data import data_source, write_idx
from nbcnn.runs.run_folder import COLUMNS
from trust.watched import MEASURES

pytestmark = [pytest.mark.trust, pytest.mark.jit]

ROOT, TESTS = Path(nbcnn.__file__).parent.parent, Path(__file__).parent.parent
EPOCHS, SETTLED = 200, 5
AUGMENT = {"random_crop": {"padding": 2}, "random_horizontal_flip": {"p": 0.5}}
SMALL: dict[str, Any] = {
    "name": "small",
    "input": {"channels": 1, "height": 28, "width": 28},
    "layers": [
        {"conv2d": {"out_channels": 4, "kernel_size": 5, "padding": 2}},
        "sigmoid",
        {"avg_pool2d": {"kernel_size": 2, "stride": 2}},
        {"conv2d": {"out_channels": 6, "kernel_size": 5}},
        "sigmoid",
        {"avg_pool2d": {"kernel_size": 2, "stride": 2}},
        "flatten",
        {"linear": {"out_features": 20}},
        "sigmoid",
        {"linear": {"out_features": 10}},
    ],
    "train": {"batch_size": 64, "optimizer": {"adam": {"lr": 0.003}}, "augment": AUGMENT},
}
"""LeNet with fewer channels and features."""
RECORD = 1 + len(COLUMNS)
"""Blocks of an epoch's record, which a training keeps for its schedule and for early stopping."""
FILES = ["best.safetensors", "config.yaml", "last.safetensors", "metrics.csv", "metrics.jsonl", "run.json"]


@pytest.fixture(scope="module", name="few")
def few_images(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The first of the embedded images, as IDX files."""
    data, folder = data_source("fashion-mnist-mini").load(None), tmp_path_factory.mktemp("few")
    for prefix, split, count in (("train", data.train, 640), ("t10k", data.test, 128)):
        write_idx(folder / f"{prefix}-images-idx3-ubyte", split.images[:count, 0])
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", split.labels[:count].astype(np.uint8))
    return str(folder)


@pytest.fixture(name="watch")
def watching(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Calls watched.py, which has a cache of its own with the kernels that are there."""
    kernels, shared = tmp_path / "cache" / "kernels", cache_folder()
    kernels.parent.mkdir(mode=0o700)
    kernels.mkdir(mode=0o700)
    for file in shared.glob("nbcnn.*") if shared else ():
        try:
            (kernels / file.name).write_bytes(file.read_bytes())
        except FileNotFoundError:
            continue  # another process's, on its way to its name
    environment = {**os.environ, "NBCNN_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}"}

    def call(**given: Any) -> dict[str, Any]:
        command = [sys.executable, "-m", "trust.watched", json.dumps(given)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    return call


def grown(rows: list[list[int]], blocks: int = 1) -> set[str]:
    """The measures that did not stay what they were after the first SETTLED rows; so many ``blocks`` a row are a leak."""
    found = dict(zip(MEASURES, np.array(rows)[SETTLED:].T, strict=True))
    wrong = {name for name in ("files", "threads", "tasks", "cached") if np.ptp(found[name])}
    if np.ptp(found["bytes"]) > 0.02 * found["bytes"][0]:
        wrong.add("bytes")
    # A finding of the doctor and what it is made of are some tens; the planted leak is 20 objects an epoch.
    if found["objects"][-1] - found["objects"][0] > 100:
        wrong.add("objects")
    # Python and NumPy keep what they may need again, less and less of it; a leak in each row shows in the second half.
    half = len(found["blocks"]) // 2
    if found["blocks"][-1] - found["blocks"][half] >= blocks * (len(found["blocks"]) - 1 - half):
        wrong.add("blocks")
    return wrong


def left_over(found: dict[str, Any]) -> set[str]:
    """What is still there of a training that is over."""
    return {name for name in ("alive", "figures") if found[name]}


def complaints(found: dict[str, Any], epochs: int) -> set[str]:
    """All that is wrong with a watched training of so many epochs."""
    wrong = grown(found["rows"], blocks=1 + RECORD) | left_over(found)
    if found["done"] != epochs or [r["epoch"] for r in found["jsonl"]] != [*range(1, epochs + 1)]:
        wrong.add("gap")
    written = [[row[name] for name in COLUMNS] for row in csv.DictReader(io.StringIO(found["csv"]))]
    logged = [[record[name] for name in COLUMNS] for record in found["jsonl"]]
    if written != [["" if value is None else str(value) for value in row] for row in logged]:
        wrong.add("csv")
    if len(found["names"]) != 1 or not {*FILES} < {*found["names"][0]}:
        wrong.add("folder")
    if found["after"][2:4] != found["before"][2:4]:
        wrong.add("threads stay")
    return wrong


def epochs_of(source: Any, tmp_path: Path, epochs: int, leaks: tuple[str, ...] = (), **options: Any) -> dict[str, Any]:
    given = {"epochs": epochs, "threads": 2, "out": str(tmp_path / "run"), **options}
    return {"what": "epochs", "source": source, "options": given, "leaks": list(leaks)}


@exhaustive
def test_two_hundred_epochs(
    watch: Callable[..., dict[str, Any]], few: str, tmp_path: Path, count: Callable[..., None], long: bool
) -> None:
    """The long form: LeNet on all embedded images."""
    if long:
        sets = ["train.augment.random_crop.padding=2", "train.augment.random_horizontal_flip.p=0.5"]
        found = watch(**epochs_of("lenet", tmp_path, EPOCHS, sets=sets))
    else:
        found = watch(**epochs_of(SMALL, tmp_path, EPOCHS, data=few))
    assert complaints(found, EPOCHS) == set(), found["rows"][SETTLED::20]
    assert found["helpers"] == found["rows"][0][2] == 2
    count("epochs watched", EPOCHS)


@exhaustive
@pytest.mark.parametrize(
    ("leaks", "told"),
    [
        (("memory", "files", "arrays", "folder", "gap"), {"bytes", "files", "blocks", "folder", "gap", "csv"}),
        (("objects", "cache", "csv", "networks"), {"objects", "blocks", "cached", "csv", "alive"}),
        (("threads", "figures"), {"threads", "tasks", "objects", "blocks", "figures", "threads stay"}),
    ],
)
def test_leaks_are_found(
    leaks: tuple[str, ...], told: set[str], watch: Callable[..., dict[str, Any]], few: str, tmp_path: Path
) -> None:
    found = watch(**epochs_of(SMALL, tmp_path, 36, leaks, data=few))
    assert complaints(found, 36) - {"bytes"} | ({"bytes"} & told) == told


@exhaustive
def test_thirty_trainings_in_one_process(
    watch: Callable[..., dict[str, Any]], few: str, tmp_path: Path, count: Callable[..., None], long: bool
) -> None:
    trainings, pictures = (100, 1) if long else (30, 4)
    (tmp_path / "runs").mkdir()
    given = {"sources": [SMALL] * trainings, "options": {"data": few, "epochs": 2, "threads": 3}, "leaks": []}
    found = watch(what="trainings", out=str(tmp_path / "runs"), pictures=pictures, **given)
    assert grown(found["rows"], blocks=20) | left_over(found) == set(), found["rows"]
    assert found["rows"][-1][2:4] == found["before"][2:4]
    count("epochs watched", 2 * trainings)


@exhaustive
def test_memory_is_given_back(watch: Callable[..., dict[str, Any]], tmp_path: Path, count: Callable[..., None]) -> None:
    """A training with large buffers between small ones: afterwards the process is as large as before."""
    folder, random = tmp_path / "large", np.random.default_rng(0)
    folder.mkdir()
    for prefix in ("train", "t10k"):
        write_idx(folder / f"{prefix}-images-idx3-ubyte", random.integers(0, 256, (32, 112, 112), np.uint8))
        write_idx(folder / f"{prefix}-labels-idx1-ubyte", random.integers(0, 4, 32, np.uint8))

    def network(channels: int) -> dict[str, Any]:
        convolution = {"conv2d": {"out_channels": channels, "kernel_size": 3, "padding": 1}}
        layers = [
            convolution,
            "sigmoid",
            {"avg_pool2d": {"kernel_size": 8}},
            "flatten",
            {"linear": {"out_features": 4}},
        ]
        return {**SMALL, "name": "large", "input": {"channels": 1, "height": 112, "width": 112}, "layers": layers}

    (tmp_path / "runs").mkdir()
    given = {"options": {"data": str(folder), "epochs": 1, "threads": 1}, "leaks": [], "pictures": 9}
    sources = [network(channels) for channels in (2, 96, 2, 96, 2)]
    found = watch(what="trainings", sources=sources, out=str(tmp_path / "runs"), **given)
    size = [row[0] for row in found["rows"]]
    assert found["most"][3] > size[2] + 100e6  # while it lasted
    assert max(size[3:]) < size[2] + 10e6, size
    assert left_over(found) == set()
    count("epochs watched", len(sources))
