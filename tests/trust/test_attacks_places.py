"""Attacks by places: links and pipes in run folders and folders of images, names that lead out, a cache of others."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from exhaustive import parametrize

import nbcnn
from nbcnn.compiler.jit import KernelCache, cache_folder
from nbcnn.data import load_folder
from nbcnn.errors import DataError, ShapeError
from nbcnn.runs.run_folder import Run
from nbcnn.training.loading import read_info
from nbcnn.training.state import read_state
from trust import seeds
from trust.targets import refused, run_folder
from trust.test_attacks_files import Payload
from trust.watch import memory_below, watched

pytestmark = pytest.mark.trust
Count = Callable[..., None]
SECRET = "root:x:0:0:the-secret:/root:/bin/sh\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seeds.tiny_run(tmp_path_factory.mktemp("run"))


FILES = ["config.yaml", "run.json", "metrics.jsonl", "best.safetensors", "state.safetensors"]


@parametrize("name", FILES, quick=["config.yaml", "state.safetensors"])
def test_links_and_pipes_in_a_run_folder_print_nothing_and_hold_nobody_up(
    name: str, run: Path, tmp_path: Path, count: Count
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    os.mkfifo(tmp_path / "pipe")
    files = seeds.run_seeds(run)
    for goal in (tmp_path / "secret", tmp_path / "pipe", Path("/dev/zero"), Path("/nowhere"), run / name, tmp_path):
        if goal == run / name:
            goal = Path(name)  # a link to itself
        assert run_folder(files, run) == []
        (run / name).unlink()
        (run / name).symlink_to(goal)
        with memory_below(64 << 20):
            errors = [refused(act) for act in (lambda: nbcnn.load(run), lambda: Run(run).metrics(), lambda: read_info(Run(run)),
                                               lambda: read_state(Run(run)))]  # fmt: skip
        told = [str(error) for error in errors if error]
        assert told or goal in (Path("/nowhere"), Path(name)), (name, goal)  # run.json and metrics may be missing
        assert not any("the-secret" in words or "root:x" in words for words in told), told
    run_folder(files, run)
    count("attacks refused", 6)


@pytest.mark.parametrize("channels", [10**6, 10**9, 10**12])
def test_a_config_that_asks_for_terabytes_gets_none(channels: int, run: Path, tmp_path: Path, count: Count) -> None:
    """Neither in a run folder, whose weights do not fit it, nor alone; some systems promise memory that they lack."""
    files = seeds.run_seeds(run)
    huge = files["config.yaml"].replace(b"out_features: 2", f"out_features: {channels}".encode())
    huge = huge.replace(b"out_channels: 2", f"out_channels: {channels}".encode())
    assert huge != files["config.yaml"]
    (run / "config.yaml").write_bytes(huge)
    (tmp_path / "x.yaml").write_bytes(huge)
    with memory_below(16 << 20):
        fits = refused(lambda: nbcnn.load(run))
        alone = refused(lambda: nbcnn.load(tmp_path / "x.yaml"))
    assert "best.safetensors does not fit this network" in str(fits)
    assert isinstance(alone, ShapeError) and "more than there is" in str(alone)
    run_folder(files, run)
    count("attacks refused", 2)


@pytest.mark.parametrize("place", ["ant/0.png", "bee", "loop", "ant/loop", "round"])
def test_links_in_folders_of_images(place: str, tmp_path: Path, count: Count) -> None:
    outside = seeds.picture_folder(tmp_path / "outside")
    root = seeds.picture_folder(tmp_path / "root")
    goals = {
        "ant/0.png": outside / "ant" / "0.png",
        "bee": outside / "bee",
        "loop": root,
        "ant/loop": Path("loop"),
        "round": Path("round"),
    }
    path = root / place
    if path.exists():
        path.rename(root.parent / "spare")
    path.symlink_to(goals[place])
    with watched(root):
        error = refused(lambda: load_folder(root))
    assert error is None if place == "round" else isinstance(error, DataError)  # a link to nowhere holds no class
    count("attacks refused")


def test_no_name_leads_out_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["../evil", "/tmp/evil", "a/b", "..", ".", "", "a\x00b", "~", "a\\b", "con\n"]
    for name in names:
        text = {
            "name": name,
            "input": {"channels": 1, "height": 8, "width": 8},
            "layers": ["flatten", {"linear": {"out_features": 2}}],
        }
        with watched(tmp_path):
            assert "expected a name of at most 80 letters" in str(refused(lambda text=text: nbcnn.load(text)))
        made = Run.create(None, name)
        assert made.folder.resolve().parent == tmp_path / "runs"
    count("attacks refused", len(names))


# The kernel cache


def planted(folder: Path, payload: Payload) -> tuple[KernelCache, object, object]:
    """A cache's entry for a kernel, with the checksum right and the payload inside."""
    import hashlib

    from nbcnn.optim._sgd_kernel import sgd_step

    cache, context = KernelCache(sgd_step), sgd_step.targetctx
    key, path = cache.entry((), context)
    folder_now = cache_folder()
    assert folder_now is None or path is not None
    data = pickle.dumps(payload)
    magic = (*key, context.codegen().magic_tuple())
    file = (
        folder
        / "kernels"
        / f"nbcnn.optim._sgd_kernel.sgd_step-{hashlib.sha256(repr(magic).encode()).hexdigest()[:20]}.nbk"
    )
    file.write_bytes(hashlib.sha256(data).hexdigest().encode() + b"\n" + data)
    return cache, (), context


@pytest.mark.jit
@pytest.mark.parametrize("how", ["others may write", "another user's", "a link to another user's"])
def test_kernels_planted_in_a_cache_are_not_loaded(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "kernels").mkdir(mode=0o700)
    monkeypatch.setenv("NBCNN_CACHE_DIR", str(tmp_path))
    if how == "others may write":
        (tmp_path / "kernels").chmod(0o777)
    else:
        monkeypatch.setattr(os, "getuid", lambda: 12345)
    if how.startswith("a link"):
        (tmp_path / "kernels").rename(tmp_path / "theirs")
        (tmp_path / "kernels").symlink_to(tmp_path / "theirs")
    with pytest.warns(
        RuntimeWarning, match="compiled kernels are not kept: .*(others may write there|it belongs to another user)"
    ):
        cache, signature, context = planted(tmp_path, Payload(ran))
    assert cache.load_overload(signature, context) is None
    assert not ran.exists()
    count("attacks refused")
