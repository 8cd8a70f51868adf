"""Going on with a training: to the bits of one that nobody interrupted, wherever it was stopped; what is refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
import yaml
from exhaustive import parametrize
from stripes import TINY

import nbcnn
from nbcnn.data import write_idx
from nbcnn.errors import CheckpointError, ConfigError, DataError
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.runs.run_folder import Run
from nbcnn.training.reporter import Reporter
from nbcnn.training.signals import StoppedError
from nbcnn.training.state import Position, read_state

pytestmark = [pytest.mark.trust, pytest.mark.usefixtures("no_pictures")]

SAME = ("epoch", "step", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
FILES = ("last.safetensors", "best.safetensors")


class At(Reporter):
    """Does something to the training after a step: by default, what Ctrl-C does."""

    def __init__(self, step: int, number: int = signal.SIGINT) -> None:
        self.left, self.number, self.places = step, number, []  # type: ignore[var-annotated]

    def step(self, images: int, loss: float, accuracy: float) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)

    def saved(self, position: Position) -> None:
        self.places.append((position.step, position.seen))


def config(folder: Path, **train: Any) -> dict[str, Any]:
    return TINY | {"data": {"folder": str(folder)}, "train": TINY["train"] | train}


def outcome(run: Run) -> dict[str, Any]:
    """All that must not depend on interruptions: digests of the weights' files, the optimizer's arrays, the metrics."""
    found: dict[str, Any] = {name: hashlib.sha256((run.folder / name).read_bytes()).hexdigest() for name in FILES}
    tensors, _ = load_tensors(run.state)
    found |= {name: (value.dtype.str, value.tobytes()) for name, value in tensors.items()}
    found["records"] = [{key: row[key] for key in SAME} for row in run.metrics()]
    lines = [line.split(",")[:6] for line in run.metrics_csv.read_text().splitlines()]
    assert lines[0] == list(SAME) and lines[1:] == [[str(row[key]) for key in SAME] for row in run.metrics()]
    found["statistics"] = (run.folder / "statistics.jsonl").read_text()
    position = asdict(read_state(run).position)
    return found | {key: position[key] for key in ("epochs", "step", "seen", "best_accuracy", "best_loss")}


@pytest.fixture(scope="module")
def whole(stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A training of three epochs, eleven steps each, that nobody interrupted."""
    return nbcnn.train(config(stripes), out=tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def cut(stripes: Path, tmp_path: Path) -> Run:
    """The same, stopped after step 15 of 33."""
    with pytest.raises(StoppedError):
        nbcnn.train(config(stripes), out=tmp_path / "cut", reporter=At(15))
    return Run.open(tmp_path / "cut")


@pytest.mark.usefixtures("pictures")
@parametrize(
    "changed",
    [
        {},
        {"optimizer": {"sgd": {"lr": 0.05, "momentum": 0.9}}},
        {"augment": {"random_crop": {"padding": 2}, "random_horizontal_flip": {"p": 0.5}}, "shuffle": False},
    ],
    quick=lambda changed: "augment" in changed,
)
@parametrize("steps", [1, 11, 12, 33], quick=[12])
def test_stopped_anywhere_it_ends_with_the_same_bits(
    steps: int,
    changed: dict[str, Any],
    stripes: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: Callable[..., None],
) -> None:
    with monkeypatch.context() as undrawn:  # the resumed one's pictures are looked at
        undrawn.setattr("nbcnn.training.loop.draw_run", lambda *_: None)
        plain = nbcnn.train(config(stripes, **changed), out=tmp_path / "plain")
    reporter = At(steps)
    with pytest.raises(StoppedError) as stopped:
        nbcnn.train(config(stripes, **changed), out=tmp_path / "cut", reporter=reporter)
    assert stopped.value.signal == signal.SIGINT
    epochs, steps_in_it = divmod(steps - 1, 11)
    assert reporter.places[-1] == (steps, min(20 * steps_in_it + 20, 210))
    position = json.loads((tmp_path / "cut" / "last.json").read_text())
    assert (position["step"], position["epochs"]) == (steps, epochs)
    resumed = nbcnn.resume(tmp_path / "cut", threads=1)
    assert outcome(resumed) == outcome(plain)
    assert (resumed.folder / "samples.png").exists()
    count("resumes to the bit")


def test_stopped_again_and_again(whole: Run, cut: Run, count: Callable[..., None]) -> None:
    for steps, number in ((1, signal.SIGINT), (3, signal.SIGTERM), (5, signal.SIGINT)):
        with pytest.raises(StoppedError) as stopped:
            nbcnn.resume(cut.folder, reporter=At(steps, number))
        assert stopped.value.signal == number
    assert read_state(cut).position.step == 24
    nbcnn.resume(cut.folder)
    assert outcome(cut) == outcome(whole)
    went_on = json.loads(cut.info.read_text())["resumed"]
    assert [entry["step"] for entry in went_on] == [15, 16, 19, 24]
    count("resumes to the bit", 4)


def test_steps_and_seconds_between_two_saves(stripes: Path, tmp_path: Path) -> None:
    reporter = At(0)
    nbcnn.train(config(stripes, epochs=2, checkpoint_every={"steps": 4}), out=tmp_path / "steps", reporter=reporter)
    assert reporter.places == [(0, 0), (4, 80), (8, 160), (11, 0), (12, 20), (16, 100), (20, 180), (22, 0)]
    reporter = At(0)
    nbcnn.train(
        config(stripes, epochs=1, checkpoint_every={"seconds": 1e-9}), out=tmp_path / "seconds", reporter=reporter
    )
    assert reporter.places == [(0, 0), *((step, min(20 * step, 210)) for step in range(1, 12)), (11, 0)]
    reporter = At(0)
    nbcnn.train(
        config(stripes, epochs=1, checkpoint_every={"seconds": 1e9}), out=tmp_path / "rarely", reporter=reporter
    )
    assert reporter.places == [(0, 0), (11, 0)]


def test_an_epoch_that_was_logged_and_not_saved_is_not_logged_twice(
    whole: Run,
    cut: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As by a kill between the two."""
    monkeypatch.setattr(Run, "log_epoch", lambda run, record, log=Run.log_epoch: (log(run, record), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        nbcnn.resume(cut.folder)
    monkeypatch.undo()
    assert len(cut.metrics()) == 2 and read_state(cut).position.epochs == 1
    (cut.folder / ".nbcnn-0123.tmp").write_text("half a file")
    nbcnn.resume(cut.folder)
    assert outcome(cut) == outcome(whole)
    assert not list(cut.folder.glob(".nbcnn*"))


def test_more_epochs_train_longer(whole: Run, cut: Run, stripes: Path, tmp_path: Path) -> None:
    longer = nbcnn.train(config(stripes, epochs=5), out=tmp_path / "longer")
    assert outcome(nbcnn.resume(cut.folder, epochs=5)) == outcome(longer)
    assert yaml.safe_load(cut.config.read_text())["train"]["epochs"] == 5
    shutil.copytree(whole.folder, tmp_path / "done")
    assert outcome(nbcnn.resume(tmp_path / "done", epochs=5)) == outcome(longer)
    with pytest.raises(
        ConfigError, match=r"done is in epoch 5 already, train\.epochs: 4 would end before that; set epo"
    ):
        nbcnn.resume(tmp_path / "done", epochs=4)


@pytest.mark.usefixtures("pictures")
def test_a_training_that_is_done_only_gets_its_pictures(whole: Run, tmp_path: Path) -> None:
    shutil.copytree(whole.folder, tmp_path / "done")
    for picture in (tmp_path / "done").glob("*.png"):
        picture.unlink()
    reporter = At(1)
    done = nbcnn.resume(tmp_path / "done", reporter=reporter)
    assert reporter.left == 1 and outcome(done) == outcome(whole)
    assert len(list(done.folder.glob("*.png"))) == 3


def test_changes_are_shown_and_refused(cut: Run, stripes: Path) -> None:
    before = {path.name: path.read_bytes() for path in cut.folder.iterdir()}
    with pytest.raises(ConfigError) as refused:
        nbcnn.resume(cut.folder, seed=4, sets=("layers.0.conv2d.out_channels=5", "train.optimizer.sgd.lr=0.5"))
    lines = str(refused.value).splitlines()
    assert lines[0] == f"{cut.folder} was trained with another config, and would not go on as it began:"
    assert "  layers[0].conv2d.out_channels: 3 → 5" in lines and "  train.seed: 0 → 4" in lines
    assert "  train.optimizer.adam.lr: 0.01 → nothing" in lines and "  train.optimizer.sgd.lr: nothing → 0.5" in lines
    assert lines[-1] == "undo this, or go on with the new values: --allow-changes (in Python allow_changes=True)"
    with pytest.raises(ConfigError, match=r"\n  name: 'tiny' → 'other'\nundo"):
        nbcnn.resume(cut.folder, source=config(stripes) | {"name": "other"})
    cut.config.write_text(cut.config.read_text().replace("batch_size: 20", "batch_size: 30"))
    with pytest.raises(ConfigError, match=r"\n  train\.batch_size: 20 → 30\n"):
        nbcnn.resume(cut.folder)
    cut.config.write_bytes(before["config.yaml"])
    assert {path.name: path.read_bytes() for path in cut.folder.iterdir()} == before


def test_what_decides_no_bit_may_change(whole: Run, cut: Run) -> None:
    sets = ("train.checkpoint_every.steps=2", "train.threads=3", "data.data_dir=/tmp")
    assert outcome(nbcnn.resume(cut.folder, sets=sets)) == outcome(whole)


def test_changes_that_are_allowed_are_kept(cut: Run, whole: Run) -> None:
    nbcnn.resume(cut.folder, batch_size=70, sets=("train.optimizer.adam.lr=0.001",), allow_changes=True)
    assert [row["step"] for row in cut.metrics()] == [11, 17, 20]  # 130 images were left in the second epoch
    assert outcome(cut)["last.safetensors"] != outcome(whole)["last.safetensors"]
    nbcnn.resume(cut.folder, epochs=4)
    assert read_state(cut).config["train"]["batch_size"] == 70
    with pytest.raises(
        CheckpointError, match=r"does not fit this network: 0\.weight is \(3, 1, 3, 3\) in the file and "
    ):
        nbcnn.resume(cut.folder, epochs=5, sets=("layers.0.conv2d.out_channels=5",), allow_changes=True)
    with pytest.raises(CheckpointError, match=r"does not fit this optimizer: the file has count, moments and the opt"):
        nbcnn.resume(cut.folder, epochs=5, sets=("train.optimizer.sgd.lr=0.5",), allow_changes=True)
    assert len(cut.metrics()) == 4


def test_images_may_move(whole: Run, cut: Run, stripes: Path, tmp_path: Path) -> None:
    shutil.copytree(stripes, tmp_path / "elsewhere")
    assert outcome(nbcnn.resume(cut.folder, data=str(tmp_path / "elsewhere"))) == outcome(whole)


def test_other_images_are_refused(stripes: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(stripes, data)
    with pytest.raises(StoppedError):
        nbcnn.train(config(data), out=tmp_path / "cut", reporter=At(3))
    rng = np.random.default_rng(1)
    write_idx(data / "train-labels-idx1-ubyte", rng.integers(0, 3, 210).astype(np.uint8))
    with pytest.raises(
        DataError, match=r"these are not the images and labels that .*cut was trained with; restore them"
    ):
        nbcnn.resume(tmp_path / "cut")
    assert len(nbcnn.resume(tmp_path / "cut", allow_changes=True).metrics()) == 3


def test_a_position_beyond_the_images_is_refused(cut: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file may say that somebody made: the epoch would never end."""
    state = read_state(cut)
    state.position.seen = 211
    monkeypatch.setattr("nbcnn.training.resume.read_state", lambda run: state)
    with pytest.raises(
        CheckpointError, match=r"says that 211 images of an epoch are done, and stripes0 has 210; train anew"
    ):
        nbcnn.resume(cut.folder)


def test_a_bit_that_is_lost_is_noticed(cut: Run) -> None:
    content = bytearray(cut.state.read_bytes())
    content[-5] ^= 1
    cut.state.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"state\.safetensors is damaged: its numbers are not those that"):
        nbcnn.resume(cut.folder)
    cut.state.write_bytes(content[:-100])
    with pytest.raises(
        CheckpointError, match=r"cut cannot be resumed, train anew: .*safetensors is a damaged safetensors"
    ):
        nbcnn.resume(cut.folder)


def test_what_others_have_removed_is_told(cut: Run, stripes: Path, tmp_path: Path) -> None:
    best = cut.folder / "best.safetensors"
    content = best.read_bytes()
    best.unlink()
    with pytest.raises(
        CheckpointError, match=r"cut cannot be resumed: it has no best\.safetensors any more; restore it"
    ):
        nbcnn.resume(cut.folder)
    best.write_bytes(content)
    cut.metrics_jsonl.unlink()
    with pytest.warns(
        RuntimeWarning, match=r"metrics\.jsonl lacks 1 of 1 epochs, first epoch 1: they are lost, and the cu"
    ):
        nbcnn.resume(cut.folder)
    assert [row["epoch"] for row in cut.metrics()] == [2, 3]

    class Removes(Reporter):
        def start(self, run: Run, *what: Any) -> None:
            run.config.unlink()

    with pytest.raises(CheckpointError, match=r"new is gone: it was removed or renamed while it was trained in"):
        nbcnn.train(config(stripes), out=tmp_path / "new", reporter=Removes())


def test_another_version_is_told(cut: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    info = json.loads(cut.info.read_text())
    cut.info.write_text(json.dumps(info | {"numba": "0.1", "cpu": "i386"}))
    with pytest.warns(
        RuntimeWarning, match=r"cut goes on elsewhere or otherwise than it began \(numba 0\.1 then, .* now; cpu i"
    ):
        nbcnn.resume(cut.folder)


def told_of(cut: Run, epochs: int) -> list[str]:
    """What a resumption says is other than when the run began."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nbcnn.resume(cut.folder, epochs=epochs)
    return [part for one in caught for part in str(one.message).partition("(")[2].partition(")")[0].split("; ")]


def test_other_settings_in_the_environment_are_told_by_name(cut: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told_of(cut, 2) == []
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1)
    monkeypatch.setattr(numba.config, "CPU_FEATURES", "+sse2")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setattr("nbcnn.training.provenance.described", lambda: "otherblas 1")
    monkeypatch.setattr("nbcnn.training.provenance.fuses", lambda: False)
    before = json.loads(cut.info.read_text())
    assert told_of(cut, 3) == [
        f"fused {before['fused']} then, no now",
        f"blas {before['blas']} then, otherblas 1 now",
        "NUMBA_BOUNDSCHECK not set then, 1 now",
        "NUMBA_CPU_FEATURES not set then, +sse2 now",
        "OPENBLAS_CORETYPE not set then, Haswell now",
    ]
    info = json.loads(cut.info.read_text())
    assert info["settings"] == before["settings"]  # what it began with stays
    assert info["resumed"][-1]["settings"]["NUMBA_BOUNDSCHECK"] == "1"
    monkeypatch.undo()
    cut.info.write_text(json.dumps(info | {"settings": info["resumed"][-1]["settings"] | {"NUMBA_OPT": "0"}}))
    assert told_of(cut, 4) == [
        "NUMBA_OPT 0 then, 3 now",
        "NUMBA_BOUNDSCHECK 1 then, not set now",
        "NUMBA_CPU_FEATURES +sse2 then, not set now",
        "OPENBLAS_CORETYPE Haswell then, not set now",
    ]
    for old in ({}, {"settings": None}, {"settings": 3}):  # of a version that did not know them, or nonsense
        cut.info.write_text(json.dumps({key: info[key] for key in info if key != "settings"} | old))
        assert told_of(cut, 4) == []


def test_one_training_in_a_folder(cut: Run) -> None:
    seen: list[str] = []

    class Nosy(Reporter):
        def epoch(self, epoch: int, epochs: int, images: int) -> None:
            with pytest.raises(CheckpointError) as refused:
                nbcnn.resume(cut.folder)
            seen.append(str(refused.value))

    nbcnn.resume(cut.folder, reporter=Nosy())
    assert seen == [f"{cut.folder} is being trained in; wait until that training ends, or stop it"] * 2
    nbcnn.resume(cut.folder)


def test_what_is_no_run_or_has_no_state(cut: Run, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere: no such run folder"):
        nbcnn.resume(tmp_path / "nowhere")
    for nothing in (None, 5, ""):
        with pytest.raises(CheckpointError, match=r"^expected the path of a run folder, got (None|5|'')$"):
            nbcnn.resume(nothing)  # type: ignore[arg-type]
    cut.state.unlink()
    with pytest.raises(CheckpointError, match=r"cut cannot be resumed: it has no state\.safetensors; train anew"):
        nbcnn.resume(cut.folder)
    nbcnn.evaluate(cut.folder)


@pytest.fixture
def handlers() -> Iterator[None]:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
        signal.signal(number, handler)


def test_a_second_ctrl_c_leaves_at_once(stripes: Path, tmp_path: Path) -> None:
    class Twice(At):
        def step(self, images: int, loss: float, accuracy: float) -> None:
            super().step(images, loss, accuracy)
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(StoppedError):
        nbcnn.train(config(stripes), out=tmp_path / "cut", reporter=Twice(15))
    assert read_state(Run.open(tmp_path / "cut")).position.step == 11  # the end of the first epoch
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("handlers")
def test_signals_that_others_handle_stay_theirs(stripes: Path, tmp_path: Path) -> None:
    came: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run = nbcnn.train(config(stripes, epochs=1), out=tmp_path / "run", reporter=At(3, signal.SIGTERM))
    nbcnn.resume(run.folder, epochs=2, reporter=At(3, signal.SIGINT))
    assert came == [signal.SIGTERM] and len(run.metrics()) == 2


def test_in_another_thread_there_are_no_signals(stripes: Path, tmp_path: Path, whole: Run) -> None:
    runs: list[Run] = []
    thread = threading.Thread(target=lambda: runs.append(nbcnn.train(config(stripes), out=tmp_path / "run")))
    thread.start()
    thread.join()
    assert outcome(runs[0]) == outcome(whole)


def test_before_the_first_step_a_signal_ends_it_at_once(stripes: Path, tmp_path: Path) -> None:
    class Early(Reporter):
        def start(self, *what: Any) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError):
        nbcnn.train(config(stripes), out=tmp_path / "cut", reporter=Early())
    assert read_state(Run.open(tmp_path / "cut")).position == Position()
    assert len(nbcnn.resume(tmp_path / "cut").metrics()) == 3
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
