"""A run folder whose place another one takes while it is trained in, and files that somebody replaces there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stripes import TINY

import nbcnn
from nbcnn.errors import CheckpointError
from nbcnn.runs.folder_lock import FolderLock
from nbcnn.runs.run_folder import Run
from nbcnn.training import comparison
from nbcnn.training.reporter import Reporter

OTHER = r"run is another folder than the one that this training began in; nothing was written to it\. If the training's"
REPLACED = "is not this training's any more: somebody has replaced it while it was trained in"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """No waiting for the disk, and no pictures where they are not what is looked at."""
    monkeypatch.setattr("os.fsync", lambda _: None)
    if "picture" not in request.node.name:
        monkeypatch.setattr("nbcnn.training.loop.draw_run", lambda *_: None)


@pytest.fixture(scope="module")
def config(stripes: Path) -> dict[str, Any]:
    return TINY | {"data": {"folder": str(stripes)}, "train": TINY["train"] | {"checkpoint_every": {"steps": 1}}}


@pytest.fixture(scope="module")
def theirs(config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another run, of the same network with another seed."""
    return nbcnn.train(config, out=tmp_path_factory.mktemp("theirs") / "run", seed=1, epochs=1).folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Does(Reporter):
    """Something to the run folder, once: at a step, at the end of an epoch, or before the pictures."""

    def __init__(self, action: Callable[[Path], Any], at: str) -> None:
        self.action, self.at, self.steps = action, at, 0

    def start(self, run: Run, *what: Any) -> None:
        self.folder = run.folder

    def step(self, *what: Any) -> None:
        self.steps += 1
        self.done(f"step {self.steps}")

    def epoch_done(self, record: Any) -> None:
        self.done(f"epoch {record['epoch']}")

    def done(self, what: str) -> None:
        if what == self.at:
            self.action(self.folder)


def test_another_folder_in_its_place_is_left_as_it_is_and_gets_no_pictures(
    config: dict[str, Any], theirs: Path, tmp_path: Path
) -> None:
    """Moved or removed and made anew, or a link to another run; at a step, at an epoch's end, before the pictures."""

    def move(folder: Path) -> None:
        folder.rename(folder.with_name("moved"))
        shutil.copytree(theirs, folder)

    def remove(folder: Path) -> None:
        shutil.rmtree(folder)
        shutil.copytree(theirs, folder)

    def link(folder: Path) -> None:
        folder.rename(folder.with_name("moved"))
        folder.symlink_to(theirs)

    def parent(folder: Path) -> None:
        folder.parent.rename(folder.parent.with_name("elsewhere"))
        shutil.copytree(theirs, folder)

    untouched = content(theirs)
    for number, (action, at) in enumerate(
        [(move, "step 1"), (remove, "step 14"), (link, "epoch 1"), (parent, "epoch 2"), (move, "epoch 3")]
    ):
        out = tmp_path / f"{number}" / "run"
        with pytest.raises(CheckpointError, match=OTHER):
            nbcnn.train(config, out=out, reporter=Does(action, at))
        assert content(out) == untouched
    assert content(theirs) == untouched


def test_a_training_goes_on_where_its_folder_was_moved(config: dict[str, Any], theirs: Path, tmp_path: Path) -> None:
    whole = nbcnn.train(config, out=tmp_path / "whole").folder

    def move(folder: Path) -> None:
        folder.rename(tmp_path / "moved")
        shutil.copytree(theirs, folder)

    with pytest.raises(CheckpointError, match=OTHER):
        nbcnn.train(config, out=tmp_path / "run", reporter=Does(move, "step 5"))
    nbcnn.resume(tmp_path / "moved")
    assert content(tmp_path / "moved")["last.safetensors"] == content(whole)["last.safetensors"]
    nbcnn.resume(tmp_path / "run", epochs=2)  # and the other one is whole, and its own


@pytest.mark.parametrize("name", ["run.json", "config.yaml", "state.safetensors"])
@pytest.mark.parametrize("how", ["replaced", "written over", "linked"])
def test_a_file_of_another_run_is_not_written_over(
    name: str, how: str, config: dict[str, Any], theirs: Path, tmp_path: Path
) -> None:
    def put(folder: Path) -> None:
        if how == "written over":
            (folder / name).write_bytes((theirs / name).read_bytes())
        elif how == "replaced":
            shutil.copy(theirs / name, folder / "new")
            os.replace(folder / "new", folder / name)
        else:
            (folder / name).unlink()
            (folder / name).symlink_to(theirs / name)
        seen.append(content(folder))

    seen: list[dict[str, bytes]] = []
    before = content(theirs)
    with pytest.raises(CheckpointError, match=rf"{name} {REPLACED}"):
        nbcnn.train(config, out=tmp_path / "run", reporter=Does(put, "step 5"))
    assert content(tmp_path / "run") == seen[0]
    assert content(theirs) == before


def test_nor_is_it_where_a_run_goes_on(theirs: Path, tmp_path: Path) -> None:
    shutil.copytree(theirs, tmp_path / "run")

    def put(folder: Path) -> None:
        (folder / "run.json").write_text("{}")

    with pytest.raises(CheckpointError, match=rf"run\.json {REPLACED}"):
        nbcnn.resume(tmp_path / "run", epochs=3, reporter=Does(put, "epoch 2"))
    assert (tmp_path / "run" / "run.json").read_text() == "{}"


def test_replaced_between_reading_and_going_on(config: dict[str, Any], theirs: Path, tmp_path: Path) -> None:
    folder = nbcnn.train(config, out=tmp_path / "run", epochs=1).folder

    class Early(Reporter):
        def goes_on(self, *what: Any) -> None:
            shutil.copy(theirs / "state.safetensors", folder)

    with pytest.raises(CheckpointError, match=rf"state\.safetensors {REPLACED}"):
        nbcnn.resume(folder, epochs=2, reporter=Early())
    assert content(folder)["state.safetensors"] == content(theirs)["state.safetensors"]


def test_what_only_looks_like_a_change_disturbs_nobody(config: dict[str, Any], tmp_path: Path) -> None:
    """Times, a copy of the same content, rights, the whole folder moved away and back; a file that was removed."""

    def stir(folder: Path) -> None:
        for name in ("run.json", "config.yaml", "state.safetensors"):
            os.utime(folder / name, (1, 1))
            shutil.copy(folder / name, folder / "copy")
            os.replace(folder / "copy", folder / name)
            (folder / name).chmod(0o600)
        folder.rename(folder.with_name("away"))
        folder.with_name("away").rename(folder)
        (folder / "run.json").unlink()

    run = nbcnn.train(config, out=tmp_path / "run", reporter=Does(stir, "step 5"))
    assert len(run.metrics()) == 3


def test_a_comparison_leaves_another_folder_in_its_place(config: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "run"

    class Swaps(comparison.Reporter):
        def epoch_done(self, *what: Any) -> None:
            out.rename(tmp_path / "moved")
            out.mkdir()
            (out / "compare.json").write_text("somebody else's")

    with pytest.raises(CheckpointError, match=OTHER):
        nbcnn.compare(config, ["conv2d=direct", "conv2d=naive"], epochs=1, out=out, reporter=Swaps())
    assert content(out) == {"compare.json": b"somebody else's"}


def test_a_folder_is_free_once_its_holder_is_closed_or_forgotten(tmp_path: Path) -> None:
    held = FolderLock(tmp_path, CheckpointError)
    with pytest.raises(CheckpointError, match="is being trained in"):
        FolderLock(tmp_path, CheckpointError)
    held.check()
    held.close()
    held.close()
    again = FolderLock(tmp_path, CheckpointError)
    del again
    FolderLock(tmp_path, CheckpointError).close()
    with pytest.raises(CheckpointError, match=r"cannot open .*nowhere: No such file"):
        FolderLock(tmp_path / "nowhere", CheckpointError)


def test_nobody_waits_for_a_pipe_in_the_place_of_a_file(tmp_path: Path) -> None:
    held, pipe = FolderLock(tmp_path, CheckpointError), tmp_path / "pipe"
    os.mkfifo(pipe)
    held.own(pipe)
    held.check()
    own = tmp_path / "own"
    own.write_text("a")
    held.own(own)
    own.unlink()
    held.check()
    os.mkfifo(own)
    with pytest.raises(CheckpointError, match=REPLACED):
        held.check()
    held.close()
