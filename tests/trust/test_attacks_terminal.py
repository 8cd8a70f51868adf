"""Names that command a terminal: nothing that a command prints holds ESC, another control character or a bidi mark."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nbcnn.cli import main
from nbcnn.errors import NbcnnError, is_printable, printable
from nbcnn.runs.run_folder import Run
from trust import seeds
from trust.targets import TINY, assert_fit

pytestmark = pytest.mark.trust
Count = Callable[..., None]
Call = Callable[..., tuple[int, str]]

EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp\u2066\x08\r"
"""Clears the screen, sets the window's title, colours, turns the writing round, goes back."""


@pytest.fixture
def call(capfdbinary: pytest.CaptureFixture[bytes]) -> Call:
    """Exit code and all output of the command line, held against every character that is unfit."""

    def run(*words: object, code: int | None = None) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        out, err = capfdbinary.readouterr()
        text = (out + err).decode("utf-8", "surrogateescape")
        for line in text.split("\n"):
            assert_fit(line.replace("Traceback", "") if "--debug" in words else line)
        assert code is None or stop.value.code == code, text
        return int(stop.value.code or 0), text

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a name that commands, with a tiny run, its images and its YAML in it."""
    folder = tmp_path_factory.mktemp("evil") / f"runs{EVIL}"
    folder.mkdir()
    seeds.tiny_run(folder)
    return folder


def test_what_is_unfit_is_shown_as_json_and_yaml_write_it() -> None:
    assert printable("a\x1b[1m\u202e\U000e0041\n\tb") == "a\\u001b[1m\\u202e\\U000e0041\\u000a\\u0009b"
    assert printable("a\nb\r", lines=True) == "a\nb\\u000d"
    for harmless in ("é 日本 \u200c\u200d 👩\u200d🚀", "\xa0", "→ × µ"):
        assert printable(harmless) == harmless and is_printable(harmless)
    assert str(NbcnnError(EVIL)) == printable(EVIL)


def test_the_commands_of_a_run_in_a_folder_of_such_a_name(place: Path, call: Call, count: Count) -> None:
    picture = place / f"p{EVIL}\nant 100.0%.png"
    picture.write_bytes((place / "images" / "ant" / "0.png").read_bytes())
    run, yaml = place / "run", place / "tiny.yaml"
    _, told = call("predict", run, picture, place / f"none{EVIL}.png", code=2)
    assert "\nant 100.0%" not in told and "\\u001b[2J" in told
    call("predict", run, picture, "--json", code=0)
    call("eval", run, code=0)
    call("eval", run, "--json", code=0)
    call("summary", yaml, code=0)
    call("data", "info", place / "images", code=0)
    call("train", yaml, "--out", place / f"out{EVIL}", "--threads", 1, code=0)
    call("train", run, "--out", place / f"again{EVIL}", "--threads", 1, code=0)
    backends = ("--backend", "conv2d=direct", "--backend", "conv2d=naive")
    call("compare", yaml, *backends, "--out", place / f"compare{EVIL}", "--threads", 1, code=0)
    assert any(place.glob("compare*/*/config.yaml"))
    count("attacks refused", 9)


def test_messages_about_such_names(place: Path, call: Call, tmp_path: Path, count: Count) -> None:
    (tmp_path / f"t{EVIL}.txt").write_text("hello")
    commands: list[tuple[object, ...]] = [
        (command, argument, *more)
        for command, more in (("train", ()), ("eval", ()), ("summary", ()), ("predict", ("x.png",)), ("data", ()), (EVIL, ()))
        for argument in (f"none{EVIL}", f"{tmp_path}/none{EVIL}.yaml", f"{tmp_path}/t{EVIL}.txt", f"--{EVIL}")
    ]  # fmt: skip
    commands += [
        ("train", "lenet", "--set", f"train.{EVIL}=1"), ("train", "lenet", "--set", f"name={EVIL}"), ("train", "lenet", "--data", EVIL),
        ("train", "lenet", "--backend", f"conv2d={EVIL}"), ("train", "lenet", "--data-dir", EVIL, "--data", "mnist"),
        ("train", "lenet", "--plugin", f"{EVIL}.py"), ("train", "lenet", "--plugin", EVIL), ("train", "lenet", "--epochs", EVIL),
        ("data", "info", EVIL), ("data", "info", f"{tmp_path}/t{EVIL}.txt"), ("eval", "lenet", "--weights", f"{tmp_path}/t{EVIL}.txt"),
        ("--debug", "train", f"none{EVIL}"), ("kernels", "explain", EVIL), ("warmup", EVIL), ("bench", EVIL), ("plugin", "new", EVIL),
    ]  # fmt: skip
    for words in commands:
        call(*words, code=2)
    count("attacks refused", len(commands))


def test_yaml_keys_and_values(call: Call, tmp_path: Path, count: Count) -> None:
    quoted = json.dumps(EVIL)
    texts = [
        TINY.replace("tiny", quoted), TINY + f"{quoted}: 1\n", TINY.replace("relu", quoted), TINY.replace("relu", f"{{{quoted}: 1}}"),
        TINY.replace("kernel_size", quoted), TINY + f"data: {{name: {quoted}}}\n", TINY + f"data: {{folder: {quoted}}}\n",
        TINY + f"backends: {{conv2d: {quoted}}}\n", TINY + f"backends: {{{quoted}: x}}\n", TINY.replace("sgd", quoted),
        TINY.replace("channels: 1", f"channels: {quoted}"), TINY + f"{quoted}: &a 1\n", "a: *b\u202e\n", "a: &b\u202e 1\n", "a: !b\u202e 1\n",
        f"{quoted}: 1\n{quoted}: 2\n", TINY + "a: \x1b\n", TINY + "a: \u202e\n", "\u202e", TINY + 'a: "\\ud800"\n', TINY + "a: \x9b\n",
    ]  # fmt: skip
    for number, text in enumerate(texts):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text, encoding="utf-8")
        call("train", file, code=2)
    count("attacks refused", len(texts))


def test_names_of_classes_are_refused(call: Call, tmp_path: Path, count: Count) -> None:
    for number, name in enumerate((f"ant{EVIL}", "a\nb", "\u202eant", "ant\udcff")):
        folder = tmp_path / str(number)
        seeds.picture_folder(folder)
        os.rename(folder / "ant", os.path.join(folder, name))
        _, told = call("data", "info", folder, code=2)
        assert "a class is called as its folder is, and that name can't be shown; rename it" in told
    (tmp_path / "0" / "bee" / f"x{EVIL}.png").write_text("no picture")
    call("data", "info", tmp_path / "0", code=2)
    count("attacks refused", 5)


def test_names_in_checkpoints_and_run_folders(place: Path, call: Call, count: Count) -> None:
    run = place / "run"
    files, body = seeds.run_seeds(run), bytes(4)
    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    for header in (
        {f"0.weight{EVIL}": tensor},
        {EVIL: tensor},
        {EVIL: {**tensor, "dtype": "BF16"}},
        {EVIL: {**tensor, "dtype": EVIL}},
    ):
        (run / "best.safetensors").write_bytes(seeds.safetensors(json.dumps(header).encode(), body))
        call("eval", run, code=2)
    (run / "best.safetensors").write_bytes(files["best.safetensors"])
    info = json.loads(files["run.json"])
    plugin = {"name": EVIL, "file": f"/x{EVIL}.py", "package": EVIL, "registers": {"backend of conv2d": ["mine"]}}
    for change in (
        {"classes": [EVIL, "b"]},
        {"classes": EVIL},
        {"classes": [1, 2]},
        {"dark_background": EVIL},
        {"plugins": [plugin]},
    ):
        (run / "run.json").write_text(json.dumps(info | change))
        call("eval", run, "--backend", "conv2d=mine", code=2)
        call("predict", run, place / "images" / "ant" / "0.png", code=0 if "plugins" in change else 2)
    for line in (f'{{"epoch": "{EVIL}"}}', EVIL, '{"epoch": 1, "train_loss": "\\u001b[2J"}'):
        (run / "metrics.jsonl").write_text(line + "\n")
        with pytest.raises(NbcnnError) as caught:
            Run(run).metrics()
        assert_fit(str(caught.value))
    for name, content in files.items():
        (run / name).write_bytes(content)
    count("attacks refused", 12)


def test_a_config_goes_to_disk_and_back_with_such_a_folder(tmp_path: Path) -> None:
    from nbcnn.config import load_config

    folder = f"{tmp_path}/x{EVIL}"
    (tmp_path / "x.yaml").write_text(TINY + f"data: {{folder: {json.dumps(folder)}}}\n")
    config = load_config(tmp_path / "x.yaml")
    assert config.data.folder == folder
    assert_fit(config.to_yaml())
    (tmp_path / "y.yaml").write_text(config.to_yaml())
    assert load_config(tmp_path / "y.yaml") == config
