"""nbcnn warmup: after it a first training, evaluation and prediction compile nothing. And what commands import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from exhaustive import exhaustive

import nbcnn
from nbcnn.autotune import auto
from nbcnn.cli import main
from nbcnn.cli._compiling import Teller, compiling_is_told, compiling_now
from nbcnn.cli._progress import Progress
from nbcnn.compiler import compile_log
from nbcnn.config import model_names
from nbcnn.training.warmup import Warmed

pytestmark = pytest.mark.jit

ROOT = Path(nbcnn.__file__).parent.parent

YAML = """\
name: small
input: {channels: 1, height: 28, width: 28}
layers:
  - conv2d: {out_channels: 2, kernel_size: 3}
  - relu
  - max_pool2d: {kernel_size: 4}
  - flatten
  - linear: {out_features: 10}
train: {epochs: 1, batch_size: 500, optimizer: {adam: {lr: 0.02}}}
"""

SECOND = """
import json, sys
import numpy as np
import nbcnn, nbcnn.cli
from nbcnn.compiler.compile_log import COMPILE_LOG
from PIL import Image

run = nbcnn.train("small.yaml", **json.loads(sys.argv[2]), out=sys.argv[1])
nbcnn.evaluate(run.folder)
nbcnn.load(run.folder)(np.zeros((1, 1, 28, 28), np.float32))
Image.fromarray(np.zeros((28, 28), np.uint8)).save("x.png")
try:
    nbcnn.cli.main(["predict", sys.argv[1], "x.png"])
except SystemExit as stop:
    assert stop.code == 0
compiled = [line.kernel for line in COMPILE_LOG if line.how == "compiled"]
print(json.dumps([compiled, len(COMPILE_LOG), "numba.np.linalg" in sys.modules]))
"""


def nbcnn_in(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with its cache in this folder."""
    return python(folder, "-m", "nbcnn", *words)


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NBCNN_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    environment.pop("NUMBA_DISABLE_JIT", None)
    return process(folder, environment, *words)


def process(folder: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=240)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("warm")
    (folder / "small.yaml").write_text(YAML)
    return folder


MOVED = "train.augment.random_crop.padding=2"


def test_after_it_a_training_finds_all_that_it_needs(place: Path) -> None:
    """In the cache that all tests share, which compiles little; below in an empty one."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = ("-m", "nbcnn", "warmup", "small.yaml", "--json")
    (first,) = json.loads(process(place, environment, *words).stdout)["models"]
    assert first["name"] == "small" and first["compiled"] + first["loaded"] > 10
    second = process(place, environment, "-c", SECOND, "shared", "{}")
    compiled, lines, imported = json.loads(second.stdout.splitlines()[-1])
    assert (compiled, imported) == ([], False)
    assert lines > 10


@exhaustive
@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {}),
        (["--backend", "conv2d=im2col"], {"backends": ["conv2d=im2col"]}),
        (["--set", MOVED], {"sets": [MOVED]}),
    ],
)
def test_after_it_nothing_is_compiled(words: list[str], options: dict[str, Any], place: Path) -> None:
    done = nbcnn_in(place, "warmup", "small.yaml", *words)
    assert "small.yaml: " in done.stdout and " compiled in " in done.stdout
    assert done.stderr.startswith("compiling kernels, ") and done.stderr.count("\n") == 1
    assert done.stdout.splitlines()[-1] == f"kernels are kept in {place / 'cache' / 'kernels'}"
    # Threads wait for one another only where one is late, so this kernel would be missed by chance alone.
    assert list((place / "cache" / "kernels").glob("nbcnn.engine.stand_by.wait_for_rest-*"))
    second = python(place, "-c", SECOND, f"run{''.join(words[:1])}", json.dumps(options))
    compiled, lines, imported = json.loads(second.stdout.splitlines()[-1])
    assert (compiled, imported) == ([], False)  # imported: what compiling takes and loading does without
    assert lines > 10


@exhaustive
def test_what_is_compiled_and_what_was_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = json.loads(nbcnn_in(place, "warmup", "lenet", "small.yaml", "--json").stdout)
    lenet, small = first["models"]
    assert first["cache"] == str(place / "cache" / "kernels")
    assert lenet["model"] == "lenet" and lenet["compiled"] >= 4 and lenet["seconds"] > 0.1
    assert small["compiled"] == 0 and small["name"] == "small"
    second = json.loads(nbcnn_in(place, "warmup", "lenet", "--json").stdout)["models"][0]
    assert (second["compiled"], second["seconds"]) == (0, 0)
    assert second["loaded"] == lenet["compiled"] + lenet["loaded"]


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_mistakes_are_told_before_anything_is_compiled(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("nbcnn.training.warmup.compile_ahead")
    assert "did you mean lenet?" in refused(capsys, "warmup", "lenet", "lenett")
    assert "did you mean direct?" in refused(capsys, "warmup", "--backend", "conv2d=dirct")
    assert "did you mean epochs?" in refused(capsys, "warmup", "--set", "train.epohcs=3")


def test_the_line_that_moves() -> None:
    assert (
        compiling_now("nbcnn.kernels.conv2d.direct.grad_input", 11, 24)
        == "compiling conv2d.direct.grad_input, 12 of 35"
    )
    assert compiling_now("nbcnn_plugin_0a1b.mine.forward", 0, 1) == "compiling mine.forward, 1 of 1"
    said: list[str] = []
    moved: list[str] = []
    for teller in (Teller(said.append, moved.append), Teller(said.append, None)):
        for name, left in (("a", 2), ("b", 1), ("b", 0), ("c", 1), ("c", 0)):
            teller(name, left)
    assert moved == ["compiling a, 1 of 2", "compiling b, 2 of 2", "", "compiling c, 3 of 3", ""]
    assert len(said) == 1 and said[0].startswith("compiling kernels, 2 to begin with (")


def test_the_line_of_a_choice_is_not_followed_by_one_on_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    """What is compiled to be timed has no line; what is compiled afterwards has."""
    made = SimpleNamespace(remembered=True, short="auto's answer")
    display = Progress()
    display.choosing("a convolution")
    display.compiling("a", 2)
    display.chosen(made)  # type: ignore[arg-type]
    display.compiling("b", 3)
    display.compiling("c", 2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("choosing backends, timed") and lines[1].startswith("compiling kernels, 3 to begin")
    assert len(lines) == 2
    with compiling_is_told() as tell:
        choices, kernels = auto._here.listeners[-1], compile_log._here.listeners[-1]
        choices.choosing("a convolution")
        kernels("a", 2)
        choices.chosen(made)  # type: ignore[arg-type]
        kernels("b", 3)
        kernels("c", 2)
        tell("more")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("choosing backends, timed") and lines[1] == "auto: auto's answer"
    assert lines[2].startswith("compiling kernels, 3 to begin") and lines[3:] == ["more"]


def test_each_of_several_models_is_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nbcnn.training.warmup.warm_up", lambda name, wanted: Warmed(name, 0, 0.0, 2, 0.01))
    for words, announced in (
        (["lenet"], []),
        (["lenet", "mlp"], ["model 1 of 2: lenet", "model 2 of 2: mlp"]),
        ([], [f"model {n} of {len(model_names())}: {name}" for n, name in enumerate(model_names(), 1)]),
        (["lenet", "mlp", "--json"], ["model 1 of 2: lenet", "model 2 of 2: mlp"]),
    ):
        with pytest.raises(SystemExit) as stop:
            main(["warmup", *words])
        assert stop.value.code == 0
        assert capsys.readouterr().err.splitlines() == announced
