"""Folders as people name them: a leading ~, variables that hold a folder, users without a home."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.compiler import kernel_cache
from nbcnn.config import Overrides
from nbcnn.data.idx_files import place_to_fetch_to, user_places
from nbcnn.errors import CheckpointError, ConfigError, DataError, PluginError
from nbcnn.plugins import load_plugin
from nbcnn.runs.run_folder import Run
from nbcnn.util.files import claim_folder
from nbcnn.util.user_folders import expanded, user_cache, variable_folder

TINY = {"name": "t", "input": {"channels": 1, "height": 2, "width": 2}, "layers": ["flatten"]}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and a current folder in which nothing may appear."""
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("NBCNN_CACHE_DIR", "NBCNN_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(kernel_cache, "_told", set())
    return tmp_path / "home"


@pytest.fixture
def homeless(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user: no HOME, and no entry in the list of users."""

    def unknown(number: int) -> Any:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_the_home_folder_stands_for_a_tilde(home: Path) -> None:
    assert expanded("~/a/b") == home / "a/b"
    assert expanded("a/~b") == Path("a/~b")
    assert expanded("~nobody-of-that-name/a") == Path("~nobody-of-that-name/a")


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("~/x", "home/x"),
        ("$HOME/x", "home/x"),
        ("${HOME}/x", "home/x"),
        ("x/../y", "here/y"),
        ("/a/b", "/a/b"),
        ("", None),
        (" ", None),
    ],
)
def test_a_variable_that_holds_a_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch, text: str, folder: str | None
) -> None:
    monkeypatch.setenv("NBCNN_DATA_DIR", text)
    assert variable_folder("NBCNN_DATA_DIR") == (folder and home.parent / folder)


@pytest.mark.parametrize(
    ("text", "what"), [("$NBCNN_NOWHERE/x", r"\$NBCNN_NOWHERE"), ("~nobody-of-that-name/x", "~nobody-of-that-name")]
)
def test_a_variable_that_holds_no_folder(home: Path, monkeypatch: pytest.MonkeyPatch, text: str, what: str) -> None:
    monkeypatch.setenv("NBCNN_CACHE_DIR", text)
    monkeypatch.setenv("NBCNN_DATA_DIR", text)
    sentence = rf"^compiled kernels are not kept: NBCNN_CACHE_DIR is .*, and {what} stands for nothing here\. Set NBCNN"
    with pytest.warns(RuntimeWarning, match=sentence):
        assert kernel_cache.cache_folder() is None
    with pytest.raises(DataError, match=rf"NBCNN_DATA_DIR is .*, and {what} stands for nothing here; give the folder"):
        user_places(None)
    assert not os.listdir()


def test_the_cache_is_where_the_variable_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBCNN_CACHE_DIR", "~/cache")
    assert kernel_cache.cache_folder() == home / "cache/kernels"
    monkeypatch.setenv("NBCNN_CACHE_DIR", "relative")
    assert kernel_cache.cache_folder("machine") == home.parent / "here/relative/machine"
    assert os.listdir() == ["relative"]


def test_a_file_is_no_folder_of_data_sets(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").touch()
    monkeypatch.setenv("NBCNN_DATA_DIR", "~/file")
    with pytest.raises(DataError, match=r"NBCNN_DATA_DIR is .*/home/file, which is a file; expected a folder of data"):
        nbcnn.data.load_dataset(nbcnn.load("lenet", overrides=Overrides(data="mnist")).config.data)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_everything_is_computed_and_nothing_kept() -> None:
    with pytest.raises(ValueError, match=r"^this user has no home folder$"):
        user_cache()
    with pytest.warns(
        RuntimeWarning, match=r"^compiled kernels are not kept: this user has no home folder\. Set NBCNN"
    ):
        assert kernel_cache.cache_folder() is None
    assert nbcnn.load(TINY)(np.ones((1, 1, 2, 2), np.float32)).tolist() == [[1, 1, 1, 1]]
    assert user_places(None) == []
    with pytest.raises(DataError, match=r"^this user has no home folder to fetch to; give a folder with --data-dir or"):
        place_to_fetch_to(None)
    assert not os.listdir()


@pytest.mark.usefixtures("homeless")
def test_without_a_home_a_tilde_is_told() -> None:
    with pytest.raises(ConfigError, match=r"there is no file '~/x\.yaml'"):
        nbcnn.load("~/x.yaml")
    with pytest.raises(PluginError, match=r"there is no plugin file ~/x\.py"):
        load_plugin("~/x.py")
    with pytest.raises(CheckpointError, match=r"'~/run' stands for nobody's home here; give the new folder in full"):
        claim_folder("~/run", "runs", "x", CheckpointError)
    assert not os.listdir()


def test_runs_and_weights_in_the_home_folder(home: Path) -> None:
    run = Run.create("~/runs/a", "x")
    assert run.folder == home / "runs/a"
    run.write_config("name: x\n")
    run.save("best", {}, {})
    assert Run.open("~/runs/a").folder == run.folder
    assert nbcnn.load(TINY, weights="~/runs/a/best.safetensors").shapes == {}
    assert not os.listdir()


def test_a_folder_without_a_name(home: Path) -> None:
    with pytest.raises(CheckpointError, match=r"^'' is no name of a folder; give the new folder in full \(--out\)$"):
        Run.create("", "x")
    for option, sentence in (
        (Overrides(data=""), "expected the name of a data set or a folder, got nothing"),
        (Overrides(data_dir=""), "expected a folder, got nothing"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            nbcnn.load("lenet", overrides=option)


def test_a_folder_does_not_hide_the_model_of_its_name(home: Path) -> None:
    os.mkdir("lenet")
    assert nbcnn.load("lenet").parameters.size == 61706
    for source in ("./lenet", Path("lenet")):
        with pytest.raises(CheckpointError, match=r"lenet is not a run folder: it has no config\.yaml"):
            nbcnn.load(source)
    with pytest.raises(CheckpointError, match=r"^lenet is not trained yet: train it \(nbcnn train lenet\)"):
        nbcnn.evaluate("lenet")


def test_a_run_folder_of_a_models_name(home: Path) -> None:
    run = Run.create("lenet", "x")
    run.write_config(nbcnn.load(TINY).config.to_yaml())
    run.save("best", {}, {})
    with pytest.warns(RuntimeWarning, match=r"^lenet is the model that comes with nbcnn, .* is written \./lenet$"):
        assert nbcnn.load("lenet").parameters.size == 61706
    assert nbcnn.load("./lenet").parameters.size == 0
    with pytest.raises(DataError, match="its images are 1×28×28"):  # so it is the run that is evaluated
        nbcnn.evaluate("lenet")
