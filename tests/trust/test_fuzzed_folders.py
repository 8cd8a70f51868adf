"""Generated folders of images, with links, and run folders of a real training with files that were changed."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exhaustive import parametrize
from hypothesis import strategies as st

from trust import seeds, targets
from trust.mutations import CHANGES, EDITS, changed, edited, fuzz, json_bytes
from trust.test_fuzzed_files import MEGABYTE, with_header
from trust.watch import memory_below, watched

pytestmark = pytest.mark.trust

NAMES = st.sampled_from(
    ["ant", "bee", "train", "test", "ant/a.png", "ant/b.png", "ant/c", "bee/a.png", "train/ant/a.png", "test/ant/b.png", ".x", "x",
     "Thumbs.db", "train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte", "t10k-labels.idx1-ubyte",
     "ant\x1b[31m", "\u202egnp.a", "ant/\x07.png", "ant/\udcff.png", "$\\frac{", "日本", "ant/deep/deeper/a.png", "-rf", "a" * 200]
)  # fmt: skip
LINKS = [
    "..",
    ".",
    "ant",
    "x",
    "ant/a.png",
    "../secret.png",
    "../secrets",
    "/etc/passwd",
    "/dev/zero",
    "nowhere",
    "train",
    "/",
]
Part = tuple[str, str, int]


def fill(root: Path, parts: list[Part], contents: list[bytes]) -> None:
    """Make files, folders, links, pipes in ``root``; what can't be made, for something is there, is left out."""
    for name, kind, number in parts:
        path = root / name
        try:
            if not Path(os.path.realpath(path)).is_relative_to(root):
                continue  # through a link: the test itself stays inside, too
            if os.path.lexists(path):
                continue  # writing to a pipe would wait for ever
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "folder":
                path.mkdir()
            elif kind == "link":
                path.symlink_to(LINKS[number % len(LINKS)])
            elif kind == "pipe":
                os.mkfifo(path)
            elif kind == "class":
                path.mkdir()
                for k in range(5 + number % 2):
                    (path / f"{k}.png").write_bytes(contents[0])
            else:
                path.write_bytes(contents[number % len(contents)])
        except OSError:
            continue


def test_generated_folders_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Callable[..., None], long: bool
) -> None:
    contents = [
        *seeds.image_seeds(),
        *seeds.idx_seeds(),
        b"",
        b"hello",
        seeds.gzipped(seeds.idx_seeds()[0]),
        b"\x80\x04.",
    ]
    (tmp_path / "secret.png").write_bytes(contents[0])
    seeds.picture_folder(tmp_path / "secrets")
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.chdir(root)
    outcomes: Counter[str] = Counter()
    targets.image_folder(tmp_path / "secrets")

    def check(parts: list[Part]) -> None:
        shutil.rmtree(root)
        root.mkdir()
        os.chdir(root)
        fill(root, parts, contents)
        with watched(root), memory_below(32 * MEGABYTE):
            error = targets.image_folder(root)
        outcomes[str(error).partition("; ")[0] if error else "taken"] += 1

    kinds = st.sampled_from(["folder", "file", "file", "class", "class", "link", "pipe"])
    total = fuzz(st.lists(st.tuples(NAMES, kinds, st.integers(0, 40)), min_size=1, max_size=7), check, 200, long)
    assert outcomes["taken"] > 5 and any("is a link that leads out of" in words for words in outcomes), outcomes
    count("inputs fuzzed", total)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seeds.tiny_run(tmp_path_factory.mktemp("run"))


@parametrize("edits, rewrites, lacking", [(2, 2, 2), (10, 12, 15)], quick=[(2, 2, 2)])
def test_generated_run_folders(
    edits: int,
    rewrites: int,
    lacking: int,
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: Callable[..., None],
    long: bool,
) -> None:
    """So many of each file, and so many folders that lack some."""
    monkeypatch.chdir(run)
    files = seeds.run_seeds(run)
    assert targets.run_folder(files, run) == []
    refused: Counter[str] = Counter()

    def check(what: tuple[str, Any, bool]) -> None:
        name, change, whole = what
        content = rewritten(name, files[name], change) if whole else edited(files[name], change)
        with watched(run), memory_below(64 * MEGABYTE + 10 * len(content)):
            refused[name] += bool(targets.run_folder({**files, name: content}, run))

    total = 0
    for name in targets.FILES:
        total += fuzz(st.tuples(st.just(name), EDITS, st.just(False)), check, edits, long)
        total += fuzz(st.tuples(st.just(name), CHANGES, st.just(True)), check, rewrites, long)
    total += fuzz(st.sets(st.sampled_from(targets.FILES)), lambda gone: missing(files, gone, run), lacking, long)
    assert {*refused} == {*targets.FILES} and all(refused[name] for name in set(targets.FILES) - {"last.json"}), refused
    assert targets.run_folder(files, run) == []
    count("inputs fuzzed", total)


def missing(files: dict[str, bytes], gone: set[str], run: Path) -> None:
    """A run folder that lacks some files, as one does when training was killed early."""
    with watched(run):
        targets.run_folder({name: files[name] for name in files if name not in gone}, run)


def rewritten(name: str, content: bytes, changes: list[tuple[str, int, Any]]) -> bytes:
    """A file that is still JSON (safetensors: with such a header; YAML is as good as JSON), but says other things."""
    if name.endswith(".safetensors"):
        return with_header(content, changes)
    if name == "config.yaml":
        import yaml

        return yaml.safe_dump(changed(yaml.safe_load(content), changes)).encode()
    first, _, others = content.partition(b"\n") if name.endswith(".jsonl") else (content, b"", b"")  # a row a line
    return json_bytes(changed(json.loads(first), changes)) + b"\n" + others
