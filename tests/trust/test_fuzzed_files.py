"""Generated YAML, IDX, safetensors and image files: nbcnn's own errors only, little memory, no code, no other files."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from exhaustive import parametrize
from hypothesis import strategies as st

from nbcnn.engine.weights_metadata import KEY
from trust import seeds, targets
from trust.mutations import CHANGES, changed, corrupted, fuzz, json_bytes
from trust.watch import memory_below, watched

pytestmark = pytest.mark.trust

Target = Callable[[bytes, Path], Exception | None]
MEGABYTE = 1 << 20


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, which is the current one. Not below pytest's: what a test failed on is deleted with it."""
    place = Path(tempfile.mkdtemp(prefix="nbcnn-fuzz-"))
    monkeypatch.chdir(place)
    yield place
    shutil.rmtree(place)


VALID = {
    "yaml": seeds.yaml_seeds,
    "answers": seeds.answers_seeds,
    "idx": seeds.idx_seeds,
    "checkpoint": seeds.checkpoint_seeds,
    "image": seeds.image_seeds,
}
"""What the fuzzing of each format begins with."""


def judged(kind: str, target: Target, folder: Path, outcomes: Counter[str], most: int) -> Callable[[bytes], None]:
    """The target with everything watched; ``most`` bytes of memory and ten for each of the input."""
    for data in (b"", b"x", *VALID[kind]()):  # what is imported now is not imported while it is watched
        target(data, folder)

    def check(data: bytes) -> None:
        with watched(folder), memory_below(most + 10 * len(data)):
            error = target(data, folder)
        outcomes["refused" if error else "taken"] += 1

    return check


def with_header(seed: bytes, changes: list[tuple[str, int, Any]]) -> bytes:
    """A checkpoint whose header, plain JSON, was changed."""
    length = int.from_bytes(seed[:8], "little")
    return seeds.safetensors(json_bytes(changed(json.loads(seed[8 : 8 + length]), changes)), seed[8 + length :])


def with_facts(seed: bytes, changes: list[tuple[str, int, Any]]) -> bytes:
    """A checkpoint of nbcnn's whose facts, JSON within the header's JSON, were changed."""
    length = int.from_bytes(seed[:8], "little")
    header = json.loads(seed[8 : 8 + length])
    metadata = header["__metadata__"]
    metadata[KEY] = json.dumps(changed(json.loads(metadata[KEY]), changes))
    return seeds.safetensors(json_bytes(header), seed[8 + length :])


def sizes(seed: bytes, numbers: list[int]) -> bytes:
    """An IDX file whose header declares other sizes."""
    return seed[:4] + struct.pack(f">{seed[3]}I", *(numbers * 4)[: seed[3]]) + seed[4 + 4 * seed[3] :]


def strategies(kind: str) -> list[tuple[st.SearchStrategy[bytes], int]]:
    """What is generated for a format, and how many of each."""
    edges = st.sampled_from([0, 1, 2, 3, 5, 24, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
    if kind in ("yaml", "answers"):
        texts = seeds.yaml_seeds() if kind == "yaml" else seeds.answers_seeds()
        trees = [yaml.safe_load(text) for text in texts]
        written = st.builds(
            lambda tree, how: yaml.safe_dump(changed(tree, how)).encode(), st.sampled_from(trees), CHANGES
        )
        return [
            (corrupted(texts), 250),
            (written, 350),
            (st.text(max_size=80).map(lambda t: t.encode("utf-8", "replace")), 100),
        ]
    if kind == "idx":
        plain = seeds.idx_seeds()
        lying = st.builds(sizes, st.sampled_from(plain), st.lists(edges, min_size=1, max_size=4))
        packed = st.one_of(corrupted(plain), lying).map(lambda data: gzip.compress(data, 1, mtime=0))
        return [
            (corrupted(plain), 300),
            (lying, 200),
            (packed, 300),
            (corrupted([seeds.gzipped(one) for one in plain]), 200),
        ]
    if kind == "checkpoint":
        files = seeds.checkpoint_seeds()
        facts = st.builds(with_facts, st.just(files[0]), CHANGES)
        return [(corrupted(files), 300), (st.builds(with_header, st.sampled_from(files), CHANGES), 500), (facts, 200)]
    return [(corrupted(seeds.image_seeds()), 600)]


@parametrize(
    "kind, target, most",
    [
        ("yaml", targets.yaml_file, 64 * MEGABYTE),
        ("answers", targets.answers, 64 * MEGABYTE),
        ("idx", targets.idx_file, 4 * MEGABYTE),
        ("checkpoint", targets.checkpoint, 4 * MEGABYTE),
        ("image", targets.image, 1024 * MEGABYTE),
    ],
    quick=lambda case: case[0] == "idx",
    ids=["yaml", "answers", "idx", "checkpoint", "image"],
)
def test_generated_files(
    kind: str, target: Target, most: int, folder: Path, count: Callable[..., None], long: bool
) -> None:
    outcomes: Counter[str] = Counter()
    check = judged(kind, target, folder, outcomes, most)
    total = sum(fuzz(strategy, check, examples, long) for strategy, examples in strategies(kind))
    assert total == sum(outcomes.values())
    assert outcomes["refused"] > total / 3 and outcomes["taken"] > 5, outcomes
    count("inputs fuzzed", total)


def test_what_begins_the_fuzzing_is_valid(folder: Path) -> None:
    """Else every mutation would be refused for one and the same reason."""
    for text in seeds.yaml_seeds():
        assert targets.yaml_file(text, folder) is None
    for text in seeds.answers_seeds():
        assert targets.answers(text, folder) is None
    for plain in seeds.idx_seeds():
        assert targets.idx_file(plain, folder) is None and targets.idx_file(seeds.gzipped(plain), folder) is None
    for picture in seeds.image_seeds():
        assert targets.image(picture, folder) is None
    fits = [targets.checkpoint(one, folder) for one in seeds.checkpoint_seeds()]
    assert fits[:2] == [None, None] and "does not fit this network" in str(fits[2])
