"""What a training shows on terminals of any width, and what it says of a result that is no better than guessing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import nbcnn
from nbcnn.cli._display import folded
from nbcnn.cli._progress import Progress
from nbcnn.cli._progress_bar import Bar
from nbcnn.report.chance_level import chance, no_better_than_guessing, what_to_try
from nbcnn.training.comparison import Reporter as ComparisonReporter
from nbcnn.training.reporter import Reporter
from nbcnn.training.trainer import Trainer

NUMBERS = ["loss 0.523", "accuracy 80.1%", "12,345 images/s"]


def shown(width: int, description: str = "epoch 1/20", done: int = 30, left: bool = True) -> list[str]:
    """The lines that the bar draws on a terminal of so many columns, without trailing spaces."""
    console = Console(width=width, force_terminal=True, file=io.StringIO(), color_system=None)
    bar = Bar(console)
    task = bar.add_task("", total=100, numbers="")
    bar.get_time = iter(range(1000)).__next__  # a second goes by at each look
    for _ in range(3):
        bar.update(task, advance=done / 3)
    bar.show(task, description, NUMBERS, left)
    with console.capture() as capture:
        console.print(bar.get_renderable())
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [200, 100, 80, 72, 60, 50, 40, 30, 24, 20, 10])
def test_the_bar_stays_on_one_line(width: int) -> None:
    (line,) = shown(width)
    assert len(line) <= width
    assert line.startswith("epoch 1/20" if width >= 10 else "epoch")
    assert ("left" in line) == (width > 22)
    for number, least in zip(NUMBERS, (34, 57, 74), strict=True):
        assert (number in line) == (width >= least), line
    bar = line.partition("loss")[0].removeprefix("epoch 1/20")
    assert (6 <= len(bar) - 2 <= 24 and "━" in bar) if width > 40 else "━" not in bar or "loss" not in line


def test_long_words_end_in_an_ellipsis() -> None:
    (line,) = shown(30, "compiling conv2d.direct.grad_weight, 4 of 18")
    assert len(line) == 30 and line.endswith("…")


def test_no_time_is_left_when_all_is_done() -> None:
    assert " left" in shown(100)[0]
    assert " left" not in shown(100, done=100)[0]
    assert shown(100, "drawing pictures ...", done=100, left=False)[0].startswith("drawing pictures ... loss")


def test_lines_of_parts() -> None:
    parts = ["epoch  1", "loss 0.8808, test 0.6147", "accuracy 68.1%, test 75.7%", "6,390 images/s"]
    assert folded(parts, 1000) == ["  ".join(parts)]
    assert folded(parts, 60) == ["  ".join(parts[:2]), "    " + "  ".join(parts[2:])]
    assert folded(parts, 40) == [f"{parts[0]}  {parts[1]}", f"    {parts[2]}", f"    {parts[3]}"]
    assert all(len(line) <= 20 for line in folded(parts, 20))
    assert "".join(folded(parts, 20)).split() == "".join(f"{part} " for part in parts).split()


def test_pictures_are_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, bool]] = []
    with Progress() as progress:
        monkeypatch.setattr(progress._bar, "show", lambda task, text, numbers=(), left=True: said.append((text, left)))
        progress.drawing()
    assert said == [("drawing pictures ...", False)]


@pytest.fixture
def empty_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are empty files: to draw them takes seconds."""

    def draw_run(trainer: Trainer, *_: object) -> None:
        for name in ("curves.png", "confusion.png", "samples.png", "report.html"):
            (trainer.run.folder / name).touch()

    for module in ("loop", "comparison"):
        monkeypatch.setattr(f"nbcnn.training.{module}.draw_run", draw_run)
    monkeypatch.setattr("nbcnn.training.comparison.draw_comparison", lambda _, path: path.touch())


@pytest.mark.usefixtures("empty_pictures")
def test_training_and_comparing_announce_their_pictures(stripes: Path, tmp_path: Path) -> None:
    from stripes import TINY

    events: list[str] = []

    class Heard(Reporter):
        def epoch_done(self, record: Any) -> None:
            events.append("epoch")

        def drawing(self) -> None:
            events.append("drawing")
            assert not list(tmp_path.rglob("*.png"))

    config = {**TINY, "data": {"folder": str(stripes)}, "train": {"epochs": 2}}
    nbcnn.train(config, out=tmp_path / "run", reporter=Heard())
    assert events == ["epoch", "epoch", "drawing"]

    class Listening(ComparisonReporter):
        def drawing(self) -> None:
            events.append("compare.png")
            assert not (tmp_path / "compare/compare.png").exists()

    backends = ["conv2d=direct", "conv2d=naive"]
    nbcnn.compare(config, backends, steps=1, out=tmp_path / "compare", reporter=Listening())
    assert events[3:] == ["compare.png"]
    assert {"run/curves.png", "compare/compare.png"} <= {
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")
    }


# No better than guessing


@pytest.mark.parametrize(("right", "images", "share"), [(3, 10, 0.25), (10, 10, 0.5), (0, 7, 0.3), (70, 500, 0.1)])
def test_the_chance_of_so_many_right_guesses(right: int, images: int, share: float) -> None:
    few = np.array([1.0])  # the distribution, one image at a time
    for _ in range(images):
        few = np.convolve(few, [1 - share, share])
    assert chance(right, images, share) == pytest.approx(few[right:].sum(), rel=1e-9)


def labels(*counts: int) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize(
    ("accuracy", "counts", "guess"),
    [
        (0.1, (200,) * 10, ("a", 0.1)),
        (0.11, (200,) * 10, ("a", 0.1)),  # luck gives that in one of 13 cases
        (0.12, (200,) * 10, None),  # and that in one of 500
        (0.68, (50, 350, 100), ("b", 0.7)),  # more than 1 / 3, and less than the most frequent class gives
        (0.72, (50, 350, 100), ("b", 0.7)),
        (0.76, (50, 350, 100), None),
        (0.5, (4, 4), ("a", 0.5)),
        (0.625, (4, 4), None),  # of so few images nothing is said that is above the guess
        (1.0, (30,), None),
        (0.0, (0, 5, 5), ("b", 0.5)),
    ],
)
def test_no_better_than_guessing(accuracy: float, counts: tuple[int, ...], guess: tuple[str, float] | None) -> None:
    found = no_better_than_guessing(accuracy, labels(*counts), "abcdefghij")
    assert (found and (found.name, pytest.approx(found.share))) == guess


def test_what_to_try() -> None:
    guess = no_better_than_guessing(0.5, labels(2, 2), "ab")
    assert guess
    assert what_to_try(guess, 0.55, "sgd", 0.5, 3) == (
        "to try: a step ten times smaller or larger (--set train.optimizer.sgd.lr=0.05), more epochs (--epochs 12), "
        "another init (--set train.init=...)"
    )
    assert what_to_try(guess, None, "own", None, 3).startswith("to try: more epochs (--epochs 12), another init")
    assert what_to_try(guess, 0.99, "sgd", 0.5, 3).startswith(
        "the training images are told apart (99.0%): are the test"
    )


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(("lr", "told", "epochs"), [(1e-12, True, 1), (0.01, False, 4)])
def test_a_training_that_learned_nothing_says_so(
    stripes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lr: float, told: bool, epochs: int
) -> None:
    from stripes import TINY

    train = {"epochs": epochs, "batch_size": 20, "optimizer": {"adam": {"lr": lr}}}
    config = {**TINY, "data": {"folder": str(stripes)}, "train": train}
    with Progress() as progress:
        run = nbcnn.train(config, out=tmp_path / "run", reporter=progress)
    progress.summary(run)
    printed = capsys.readouterr().out
    assert ("\nthat is no better than guessing: to say " in printed) == told
    assert ("\nto try: a step ten times smaller or larger (--set train.optimizer.adam.lr=1e-13), " in printed) == told


@pytest.mark.usefixtures("no_pictures")
def test_what_the_doctor_has_said_is_not_said_otherwise_at_the_end(
    stripes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from stripes import TINY

    train = {"epochs": 4, "batch_size": 20, "optimizer": {"adam": {"lr": 1e-12}}}
    with Progress() as progress:
        run = nbcnn.train(
            {**TINY, "data": {"folder": str(stripes)}, "train": train}, out=tmp_path / "run", reporter=progress
        )
    progress.summary(run)
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.count("a learning rate of 1e-12 is too small; steps of about 0.8 % take 0.0") == 1
    assert "that is no better than guessing: to say " in printed
    assert "to try:" not in printed


@pytest.mark.usefixtures("empty_pictures")
def test_metrics_that_lack_a_column(stripes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from stripes import TINY

    run = nbcnn.train({**TINY, "data": {"folder": str(stripes)}, "train": {"epochs": 1}}, out=tmp_path / "run")
    for records, result in (
        ('{"epoch": 1}\n', None),
        ('{"epoch": 1, "test_accuracy": null, "test_loss": null, "train_accuracy": null}\n', None),
        ('{"epoch": 1, "test_accuracy": 0.5}\n', "test accuracy 50.0% after epoch 1; best 50.0% (epoch 1)"),
    ):
        run.metrics_jsonl.write_text(records)
        capsys.readouterr()
        with Progress() as progress:
            nbcnn.resume(run.folder, reporter=progress)
        progress.summary(run)
        printed = capsys.readouterr().out
        assert ("test accuracy" in printed) == (result is not None) and (result or "") in printed
        assert f"pictures: {run.folder}/curves.png, confusion.png, samples.png" in printed
        assert f"all of it on one page: {run.folder}/report.html" in printed


def test_weights_that_somebody_put_in_a_run_have_no_epoch(stripes: Path, tmp_path: Path) -> None:
    from stripes import TINY

    run = nbcnn.train({**TINY, "data": {"folder": str(stripes)}, "train": {"epochs": 1}}, out=tmp_path / "run")
    run.save("best", nbcnn.load(run.folder).state_dict(), {})
    run.curves.unlink()
    nbcnn.resume(run.folder)
    assert run.curves.exists()
