"""Plugins: none is loaded by a file, wherever one lies or is named; one that fails leaves its run folder whole."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from exhaustive import parametrize
from plugin_files import BACKEND, empty_folder, nbcnn, write  # noqa: F401 (a fixture)

import nbcnn as package
from nbcnn.errors import ConfigError, NbcnnError
from nbcnn.plugins import installed_plugins
from nbcnn.runs.run_folder import Run
from trust import seeds
from trust.targets import TINY, refused
from trust.watch import watched

pytestmark = [pytest.mark.trust, pytest.mark.usefixtures("folder", "no_pictures")]
Count = Callable[..., None]

SPY = 'import nbcnn\nopen("was_run", "w").close()\n' + BACKEND


@pytest.fixture
def spied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A trained run with plugins called evil wherever one might be found, and one installed, not asked for."""
    run = seeds.tiny_run(folder)
    for place in (folder, run, folder / "site"):
        for name in (
            "evil.py",
            "plugins/evil.py",
            "evil/__init__.py",
            "conftest.py",
            "sitecustomize.py",
            "numba_plugin.py",
        ):
            write(place / name, SPY)
    info = folder / "site" / "evil-1.0.dist-info"
    write(info / "METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    write(info / "entry_points.txt", "[nbcnn.plugins]\nevil = evil\n[nbcnn]\nevil = evil\n")
    monkeypatch.syspath_prepend(str(folder / "site"))
    monkeypatch.syspath_prepend(str(folder))
    assert [one.name for one in installed_plugins()] == ["evil"]
    yield run
    assert not Path("was_run").exists() and "evil" not in sys.modules


NAMES = ["evil", "evil.py", "./evil.py", "plugins/evil.py", "evil:Backend", "evil.Backend", "{file}", "evil==1.0"]


def test_no_file_loads_a_plugin(spied: Path, folder: Path, count: Count) -> None:
    tried, config, info = 0, (spied / "config.yaml").read_text(), json.loads((spied / "run.json").read_text())
    weights = (spied / "best.safetensors").read_bytes()
    for name in NAMES:
        name = name.format(file=folder / "evil.py")
        plugin = {
            "name": name,
            "file": str(folder / "evil.py"),
            "sha256": "0" * 64,
            "registers": {"backend of conv2d": [name]},
        }
        for record in (
            plugin,
            {**plugin, "package": "evil 1.0"},
            name,
            [name],
            {"name": name, "file": name, "registers": {name: [name]}},
        ):
            (spied / "run.json").write_text(
                json.dumps(info | {"plugins": [record], "plugin": name, "backends": {"0": name}})
            )
            with watched(folder):
                assert refused(lambda: package.load(spied)) is None  # what it says of plugins is a record, no wish
            tried += 1
        quoted = json.dumps(name)
        for text in (
            config.replace("backend: direct", f"backend: {quoted}", 1), config + f"plugins: [{quoted}]\n", config + f"plugin: {quoted}\n",
            config.replace("layers:", f"layers:\n  - {quoted}"), config.replace("sgd", quoted), f"NBCNN_PLUGINS: {quoted}\n" + config,
        ):  # fmt: skip
            assert text != config
            (spied / "config.yaml").write_text(text)
            (folder / "x.yaml").write_text(text)
            for source in (spied, folder / "x.yaml"):
                with watched(folder):
                    assert isinstance(refused(lambda source=source: package.load(source)), ConfigError)
                tried += 1
        (spied / "config.yaml").write_text(config)
        for metadata in ({"plugin": name}, {"plugins": json.dumps([plugin])}, {"format": name}):
            header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")]) | {"__metadata__": metadata}
            body = weights[8 + int.from_bytes(weights[:8], "little") :]
            (spied / "best.safetensors").write_bytes(seeds.safetensors(json.dumps(header).encode(), body))
            with watched(folder):
                assert refused(lambda: package.load(spied)) is None
            tried += 1
    count("attacks refused", tried)


@parametrize(
    "words",
    [("eval", "run"), ("predict", "run", "images/ant/0.png"), ("summary", "tiny.yaml"), ("plugin", "list")],
    quick=[("eval", "run")],
    ids=" ".join,
)
def test_no_command_loads_a_plugin_unasked(words: tuple[str, ...], spied: Path, folder: Path, count: Count) -> None:
    """In a process of its own, with the current folder full of them."""
    nbcnn(*words)
    count("attacks refused", 1)


def test_a_backend_that_a_plugin_may_have_is_named_and_not_loaded(spied: Path, folder: Path, count: Count) -> None:
    """In a process of its own, as above."""
    assert "evil.py may have it and is not loaded: add --plugin evil.py" in nbcnn(
        "train", "tiny.yaml", "--backend", "conv2d=evil", code=2
    )
    count("attacks refused", 1)


# Plugins that fail in the middle of a training

FAILURES = {
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "ends the program": ("raise SystemExit(0)", "SystemExit"),
    "runs out of memory": ("raise MemoryError", "MemoryError"),
    "recurses": ("(lambda f: f(f))(lambda f: f(f))", "RecursionError"),
    "raises nbcnn's own error": ("raise __import__('nbcnn').errors.KernelError('no more')", "no more"),
}

OPTIMIZER = """\
import numpy as np
from nbcnn.plugin import register
from nbcnn.plugin import Optimizer, OptimizerConfig


class MyConfig(OptimizerConfig):
    lr: float = 0.1


@register.optimizer()
class MyOptimizer(Optimizer):
    Config = MyConfig

    def __init__(self, config, size):
        self.steps = np.zeros(1, np.float32)

    def step(self, parameters, gradients):
        self.steps += gradients.size > 0
        if self.steps[0] > 7:
            FAIL
        parameters -= np.float32(0.01) * gradients

    @property
    def state(self):
        return {"steps": self.steps}
"""
# Of the calls before the eighth step, 7 are of steps, the others of the looks that statistics take.
FAILING_BACKEND = BACKEND.replace("def grad_weight(x, dy, dw, db, scratch):", "CALLS = [0]\n\n\ndef grad_weight(x, dy, dw, db, scratch):\n"
                                  "    CALLS[0] += x.any()\n    if CALLS[0] > 12:\n        FAIL")  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("kind", ["optimizer", "backend"])
def test_a_plugin_that_fails_in_training_leaves_the_epochs_before(
    kind: str, case: str, folder: Path, count: Count
) -> None:
    """Two steps an epoch; the eighth fails. Three epochs stay, readable, with the weights of the third."""
    statement, words = FAILURES[case]
    seeds.picture_folder(folder / "images")
    text = (OPTIMIZER if kind == "optimizer" else FAILING_BACKEND).replace("FAIL", statement)
    line = next(number for number, row in enumerate(text.splitlines(), 1) if statement in row)
    package.load_plugin(write(folder / "mine.py", text))
    yaml = TINY + "data: {folder: images, grayscale: true}\n"
    if kind == "optimizer":
        yaml = yaml.replace("{sgd: {lr: 0.1, momentum: 0.9}}", "mine")
    else:
        yaml = yaml.replace("kernel_size: 3}", "kernel_size: 3, backend: mine}")
    (folder / "x.yaml").write_text(yaml)
    with pytest.raises(NbcnnError, match=rf"mine\.py:{line}: .*{re.escape(words)}"):
        package.train(folder / "x.yaml", epochs=20, threads=1, out=folder / "run")
    run = Run.open(folder / "run")
    assert [record["epoch"] for record in run.metrics()] == [1, 2, 3]
    network = package.load(folder / "run", which="last")
    assert network.parameters.any()
    position = json.loads(run.position.read_text())
    assert position["epochs"] == 3
    assert not list(run.folder.glob(".nbcnn-*"))
    count("attacks refused")
