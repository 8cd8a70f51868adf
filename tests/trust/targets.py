"""What is fuzzed: one function for each format takes hostile content and lets nothing out but nbcnn's own errors.

The tests of generated input (test_fuzzed_*.py) and the harnesses of tests/fuzz call the same functions. Each returns
nbcnn's error, or None where the content was taken; it fails with AssertionError for everything else.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

import nbcnn
from nbcnn.config import Overrides, load_config
from nbcnn.data import load_folder, read_idx
from nbcnn.data.picture import prepare
from nbcnn.engine.network import Network, layers_of
from nbcnn.engine.weights_metadata import read_metadata
from nbcnn.errors import NbcnnError
from nbcnn.exercises.class_answers import read_answers
from nbcnn.runs.checkpoint import load_tensors, load_weights
from nbcnn.runs.run_folder import COLUMNS, Run
from nbcnn.training.config_diff import refuse_changes
from nbcnn.training.doctor import statistics_file
from nbcnn.training.doctor.diagnosis import diagnose
from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.loading import read_info
from nbcnn.training.state import read_state

TINY = """\
name: tiny
input: {channels: 1, height: 8, width: 8}
layers: [conv2d: {out_channels: 2, kernel_size: 3}, relu, max_pool2d: {kernel_size: 2}, flatten, linear: {out_features: 2}]
train: {epochs: 1, batch_size: 4, optimizer: {sgd: {lr: 0.1, momentum: 0.9}}}
"""
CONFIG = {
    "name": "tiny",
    "input": {"channels": 1, "height": 8, "width": 8},
    "layers": ["flatten", {"linear": {"out_features": 2}}],
}
SHAPES = {"0.weight": (2, 1, 3, 3), "0.bias": (2,), "4.weight": (2, 18), "4.bias": (2,)}
"""TINY's tensors, 58 numbers."""

FILES = (
    "config.yaml",
    "run.json",
    "metrics.jsonl",
    "last.json",
    "best.safetensors",
    "last.safetensors",
    "state.safetensors",
    "statistics.jsonl",
)
"""The files of a run folder that are read."""

LARGEST_MESSAGE = 30_000
"""Characters: a hundred problems of a config, each in a line or two."""


def refused(act: Callable[[], object]) -> NbcnnError | None:
    """What ``act`` is refused with: an error of nbcnn's with a sentence fit for any terminal; warnings are, too."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            act()
            error = None
        except NbcnnError as fault:
            error = fault
    for warning in told:
        assert warning.category is RuntimeWarning, warning
        assert_fit(str(warning.message))
    if error is not None:
        assert str(error).strip(), f"{type(error).__name__} without a word"
        assert_fit(str(error))
    return error


def assert_fit(text: str, most: int = LARGEST_MESSAGE) -> None:
    """No character of a text commands a terminal, turns the writing round or hides; no traceback; no book."""
    for character in set(text):
        unfit = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in "\n\u200c\u200d"
        assert not unfit, f"{character!r} in {text!r:.500}"
    assert "Traceback" not in text
    assert len(text) <= most, f"{len(text):,} characters: {text:.300}"


def yaml_file(data: bytes, folder: Path) -> NbcnnError | None:
    """A config: read, its shapes inferred, written and read again to the same."""
    file = folder / "x.yaml"
    file.write_bytes(data)

    def act() -> None:
        config = load_config(file)
        layers_of(config)
        file.write_text(config.to_yaml(), encoding="utf-8")
        assert load_config(file) == config

    return refused(act)


def idx_file(data: bytes, folder: Path) -> NbcnnError | None:
    """An IDX file, plain or gzipped."""
    file = folder / "x-idx3-ubyte"
    file.write_bytes(data)
    return refused(lambda: read_idx(file))


def checkpoint(data: bytes, folder: Path) -> NbcnnError | None:
    """A safetensors file: read for itself, and for the network TINY."""
    file = folder / "x.safetensors"
    file.write_bytes(data)

    def act() -> None:
        found, metadata = load_tensors(file)
        assert all(isinstance(name, str) for name in (*found, *metadata, *metadata.values()))
        if facts := read_metadata(metadata, "x"):
            for name in facts.classes:
                assert_fit(name)
            facts.onto(load_config(CONFIG), Overrides())
        assert sum(tensor.nbytes for tensor in found.values()) <= len(data)
        weights, _ = load_weights(file, SHAPES)
        assert all(weights[name].shape == shape and weights[name].dtype == np.float32 for name, shape in SHAPES.items())

    return refused(act)


def answers(data: bytes, folder: Path) -> NbcnnError | None:
    """A class's answers: read, every guess checked; nothing is computed."""
    file = folder / "answers.yaml"
    file.write_bytes(data)

    def act() -> None:
        seed, students = read_answers(file)
        assert isinstance(seed, int) and seed >= 0 and all(students.values())

    return refused(act)


def image(data: bytes, folder: Path) -> NbcnnError | None:
    """A picture, for a grey network and for one in colour."""
    file = folder / "x.png"
    file.write_bytes(data)

    def act() -> None:
        for channels in (1, 3):
            made = prepare(file, channels, 8, 12, True)
            assert made.image.shape == (channels, 8, 12) and made.image.dtype == np.uint8
            for step in made.steps:
                assert_fit(step)

    return refused(act)


def image_folder(folder: Path) -> NbcnnError | None:
    """A folder that a test has filled with folders, files and links."""

    def act() -> None:
        found = load_folder(folder, (4, 4))
        for text in (found.name, found.source, *found.classes):
            assert_fit(text)

    return refused(act)


def run_folder(files: Mapping[str, bytes], folder: Path) -> list[NbcnnError]:
    """A run folder with these files in it: all that can be read of one is read; returns what was refused."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    run = Run(folder)

    def metrics() -> None:
        for record in run.metrics():
            assert all(value is None or isinstance(value, (int, float)) for value in map(record.get, COLUMNS))

    def state() -> None:
        found = read_state(run)
        found.restore(SHAPES, {"velocity": np.zeros(58, np.float32)})
        refuse_changes(load_config(found.config), load_config(run.config), str(folder))

    def loaded(which: str) -> None:
        network = nbcnn.load(folder, which=which)
        assert all(isinstance(network.class_name(k), str) for k in range(3))

    def statistics() -> None:
        rows = statistics_file.read(run)
        evidence = Evidence(Network(load_config(run.config)), run.metrics(), rows)
        for told in (True, False):
            for finding in diagnose(evidence, in_training=told):
                assert_fit(finding.sentence)

    acts: list[Callable[[], object]] = [
        statistics,
        lambda: Run.open(folder),
        lambda: loaded("best"),
        lambda: loaded("last"),
        lambda: read_info(run),
        metrics,
        state,
    ]
    return [error for act in acts if (error := refused(act)) is not None]
