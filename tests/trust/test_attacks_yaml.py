"""Attacks by configs: bombs, tags, depth, and names that would have something imported; and every rule has its attack."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from exhaustive import parametrize

import nbcnn
from nbcnn.errors import CheckpointError, ConfigError, DataError
from nbcnn.util.files import write_atomic
from trust import seeds
from trust.targets import TINY, refused, yaml_file
from trust.watch import memory_below, watched

pytestmark = pytest.mark.trust
Count = Callable[..., None]

RULES = {
    "import by name from config": "test_no_dotted_path_is_imported",
    "code in model files": "test_pickles_and_archives_are_never_opened",
    "safe unpicklers": "test_nothing_in_the_package_unpickles_or_unpacks",
    "trust flags bypassed": "test_no_file_loads_a_plugin",
    "YAML": "test_bombs_tags_and_depth",
    "arrays": "test_arrays_and_gzip_bombs_ask_for_no_memory",
    "decompression bombs": "test_a_pixel_bomb_is_not_decoded",
    "archives": "test_pickles_and_archives_are_never_opened",
    "checkpoints half written": "test_a_checkpoint_cut_anywhere_is_refused",
    "JIT cache": "test_kernels_planted_in_a_cache_are_not_loaded",
    "supply chain": "test_what_is_fetched_is_held_against_its_sum",
    "terminal": "test_the_commands_of_a_run_in_a_folder_of_such_a_name",
    "links": "test_links_in_folders_of_images",
}
"""Each class of flaw that other libraries shipped, and the attack on it. (nbcnn has no web page that could be asked.)"""


def test_every_rule_has_its_attack() -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_attacks_*.py"))
    for rule, attack in RULES.items():
        assert f"def {attack}(" in tests, rule


DEEP = 10_000
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{k + 1}: &a{k + 1} [*a{k}, *a{k}]\n" for k in range(40))
BLOCKS = TINY.replace("layers: [", "layers: [b20, ") + "blocks:\n  b0: {layers: [relu]}\n"
BLOCKS += "".join(f"  b{k + 1}: {{layers: [b{k}, b{k}]}}\n" for k in range(40))
FOUR = f"blocks: {{four: {{parameters: {{x: }}, layers: [{', '.join(['sequential: $x'] * 4)}]}}}}\n"
REFUSED = {
    "aliases": BOMB,
    "blocks of blocks": BLOCKS,
    "blocks of blocks, deeper": BLOCKS.replace("[b20,", "[b40,"),
    "a block of itself": TINY.replace("relu", "b") + "blocks: {b: {layers: [b, b]}}\n",
    "a block of itself by its argument": TINY.replace("relu", "b")
    + "blocks: {b: {parameters: {x: b}, layers: [$x, $x]}}\n",
    "arguments of arguments": TINY.replace("relu", "four: {x: [" * 8 + "relu" + "]}" * 8) + FOUR,
    "an alias of itself": "a: &a [*a]\n",
    "a merge of itself": "a: &a\n  <<: *a\n",
    "one key twice": TINY + "name: other\n",
    "one key twice, written otherwise": TINY + '"na\\x6de": other\n',
    "brackets": "[" * DEEP,
    "braces": "{a: " * DEEP,
    "dashes": "- " * DEEP,
    "blocks": "\n".join(" " * k + "a:" for k in range(1200)),
    "more than a megabyte": TINY + "#" * 1_000_001,
    "a name that goes on": "name: " + "x" * 300_000 + "\n" + TINY.partition("\n")[2],
    "a key that goes on": "? " + "x" * 300_000 + "\n: 1\n",
    "too many values": "a: [" + "1," * 100_000 + "]",
    "digits": "a: " + "9" * 100_000,
    "python/object": "a: !!python/object/apply:os.system [touch ran]\n",
    "python/object/new": "!!python/object/new:type\nargs: [z, !!python/tuple [], {}]\n",
    "python/name": "a: !!python/name:os.system\n",
    "python/module": "a: !!python/module:antigravity\n",
    "binary": "a: !!binary gASV\n",
    "a tag's handle": "%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system [touch ran]\n",
    "two documents": TINY + "---\n" + TINY,
    "a name longer than a file's": TINY.replace("relu", "r" * 400),
    "half a surrogate pair as a layer": TINY.replace("relu", '"\\ud800"'),
    "half a surrogate pair beside a layer": TINY.replace(
        "[conv2d: {out_channels: 2, kernel_size: 3}", '[{conv2d: {out_channels: 2, kernel_size: 3}, "\\ud800": 1}'
    ),
    "half a surrogate pair as a folder": TINY + 'data: {folder: "\\ud800"}\n',
    "half a surrogate pair as a key": TINY.replace("kernel_size: 3", 'kernel_size: 3, "\\udfff": 1'),
    "UTF-16": TINY.encode("utf-16").decode("latin-1"),
}
LARGE = {"a key that goes on", "a name that goes on", "arguments of arguments", "blocks of blocks", "too many values"}
"""Those that take seconds."""


@parametrize("case", REFUSED, quick=lambda case: case not in LARGE)
def test_bombs_tags_and_depth(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count) -> None:
    monkeypatch.chdir(tmp_path)
    yaml_file(b"a: 1", tmp_path)
    since = time.monotonic()
    with watched(tmp_path), memory_below(256 << 20):
        error = yaml_file(REFUSED[case].encode("latin-1"), tmp_path)
    assert isinstance(error, ConfigError) and len(str(error)) < 2_000
    assert re.match(r"x\.yaml(:\d+:\d+)?: ", str(error)), str(error)
    assert time.monotonic() - since < 60, "a bomb went off"
    assert not (tmp_path / "ran").exists()
    count("attacks refused")


PATHS = ["os.system", "evil.Evil", "evil:Evil", "evil", "./evil.py", "evil.py", "../evil", "nbcnn.layers.conv2d.Conv2d", "builtins.eval",
         "__import__('evil')", "${oc.env:HOME}", "{{evil}}", "evil\x00", "file:///tmp/evil.py", "https://example.com/evil.py", "\\\\host\\evil"]  # fmt: skip


@pytest.mark.parametrize(
    "place", ["layer", "backend", "network's backend", "optimizer", "data set", "init", "op", "target"]
)
def test_no_dotted_path_is_imported(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "evil.py").write_text("open('ran', 'w').close()\nEvil = object\nimport nbcnn\n")
    conv = {"out_channels": 2, "kernel_size": 3}
    for name in PATHS:
        tree = {"name": "x", "input": {"channels": 1, "height": 8, "width": 8}, "layers": [{"conv2d": conv}, "flatten"]}
        tree |= {
            "layer": {"layers": [{name: conv}]}, "backend": {"layers": [{"conv2d": {**conv, "backend": name}}]},
            "network's backend": {"backends": {"conv2d": name}}, "optimizer": {"train": {"optimizer": {name: {"lr": 0.1}}}},
            "data set": {"data": {"name": name}}, "init": {"train": {"init": name}}, "op": {"backends": {name: "direct"}},
            "target": {"layers": [{"_target_": name}]},
        }[place]  # fmt: skip
        with watched(tmp_path):
            error = refused(lambda tree=tree: nbcnn.load(tree))
        assert isinstance(error, ConfigError), name
        if place == "backend" and name.isidentifier():
            assert "evil.py may have it and is not loaded: add --plugin evil.py" in str(error)
    assert not (tmp_path / "ran").exists() and "evil" not in sys.modules
    count("attacks refused", len(PATHS))


def test_what_is_fetched_is_held_against_its_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count) -> None:
    """A mirror that was taken over serves a file of the right length, and one that never ends."""
    import pooch

    from nbcnn.data.fetch import Download, fetch_files

    def serve(content: bytes) -> Callable[..., None]:
        def get(self: object, url: str, sink: object, pooch: object) -> None:
            for _ in range(1000):
                sink.write(content)  # type: ignore[attr-defined]
                if len(content) == 8:
                    return

        return get

    for content in (b"evilevil", bytes(1 << 20)):
        monkeypatch.setattr(pooch.HTTPDownloader, "__call__", serve(content))
        with memory_below(8 << 20), pytest.raises(DataError, match=r"expected|sends more than the expected 8 bytes"):
            fetch_files([Download("x.gz", 8, "0" * 64)], ["https://127.0.0.1:9/"], tmp_path / "data", "x")
        assert list((tmp_path / "data").iterdir()) == []
    count("attacks refused", 2)


def test_a_write_never_goes_through_what_is_there(tmp_path: Path, count: Count) -> None:
    """A link in the place of a checkpoint is replaced, not followed."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "best.safetensors").symlink_to(tmp_path / "precious")
    write_atomic(tmp_path / "best.safetensors", seeds.checkpoint_seeds()[0], CheckpointError)
    assert (tmp_path / "precious").read_text() == "precious" and not (tmp_path / "best.safetensors").is_symlink()
    count("attacks refused")
