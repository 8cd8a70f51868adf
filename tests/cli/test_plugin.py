"""Plugins on the command line: each kind from one file, what is said of names that are not known, ``nbcnn plugin``."""

from __future__ import annotations

import errno
import json
import os
import shlex
import warnings
from pathlib import Path

import numpy as np
import pytest
from exhaustive import exhaustive, parametrize
from plugin_files import BACKEND, ROOT, TEMPLATES, empty_folder, nbcnn, write  # noqa: F401 (a fixture)

import nbcnn as package
from nbcnn.cli import main
from nbcnn.cli.plugin.new import KINDS
from nbcnn.conformance import Options, check_backends
from nbcnn.errors import ConfigError, DataError, KernelError
from nbcnn.kernels.registry import prepare
from nbcnn.plugins import loaded_plugins, unload_plugin

pytestmark = pytest.mark.usefixtures("folder", "no_pictures")

SMALL = """\
name: small
input: {channels: 1, height: 28, width: 28}
layers:
  - conv2d: {out_channels: 3, kernel_size: 5, stride: 2}
  - relu
  - flatten
  - linear: {out_features: 10}
data: {name: mini}
train: {epochs: 1, optimizer: {adam: {lr: 0.003}}, threads: 1}
"""


def call(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    """Output of the command line in this process; the error output where it must fail."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    output = capsys.readouterr()
    assert stop.value.code == code, output.err
    return output.err if code else output.out


def add(kind: str, name: str) -> Path:
    return write(Path(f"{name}.py"), (TEMPLATES / f"{kind}.py").read_text())


# Each kind from one file


def test_a_plugin_of_each_kind_works_from_one_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("taps", "leaky", "lion", "decay", "mini")
    files = {kind: add(kind, name) for kind, name in zip(KINDS, names, strict=True)}
    sources = {path: path.stat().st_mtime_ns for path in (ROOT / "nbcnn").rglob("*.py")}
    text = SMALL.replace("- relu", "- leaky: {negative_slope: 0.2}").replace("adam: {lr: 0.003}", "lion: {lr: 0.001}")
    text = text.replace("threads: 1", "threads: 1, schedule: {decay: {power: 0.1}}")
    write(folder / "small.yaml", text + "backends: {conv2d: taps}\n")
    given = [word for file in files.values() for word in ("--plugin", file)]
    told = call(capsys, "train", "small.yaml", "--out", "run", *given)
    assert (
        "conv2d=taps" in told
        and "mini: 3,000 training and 600 test images" in told
        and "lion (lr 0.001), decay" in told
    )
    last = json.loads((folder / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["test_accuracy"] > 0.9
    assert last["lr"] == pytest.approx(0.001 * (1 / last["step"]) ** 0.1)
    info = json.loads((folder / "run" / "run.json").read_text())
    assert [(entry["name"], entry["file"], entry["registers"]) for entry in info["plugins"]] == [
        ("taps", str(folder / "taps.py"), {"backend of conv2d": ["taps"]}),
        ("leaky", str(folder / "leaky.py"), {"layer": ["leaky"]}),
        ("lion", str(folder / "lion.py"), {"optimizer": ["lion"]}),
        ("decay", str(folder / "decay.py"), {"schedule": ["decay"]}),
        ("mini", str(folder / "mini.py"), {"data set": ["mini"]}),
    ]
    assert all(len(entry["sha256"]) == 64 for entry in info["plugins"])
    assert "accuracy" in call(capsys, "eval", "run", *given)
    assert "leaky" in call(capsys, "summary", "run", *given)
    assert {path: path.stat().st_mtime_ns for path in (ROOT / "nbcnn").rglob("*.py")} == sources


def test_a_plugin_layers_arguments_are_checked_like_all_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add("layer", "leaky")
    write(folder / "small.yaml", SMALL.replace("- relu", "- leaky: {negative_slop: -1}").replace("mini", "mnist"))
    told = call(capsys, "summary", "small.yaml", "--plugin", "leaky.py", code=2)
    assert (
        "small.yaml:5:13: layers[1].leaky.negative_slop: unknown key 'negative_slop'; did you mean negative_slope?"
        in told
    )


@exhaustive
def test_the_templates_backend_keeps_all_that_the_contract_promises(folder: Path) -> None:
    backend = package.load_plugin(add("backend", "taps"))
    report = check_backends(backend.backends, Options(quick=True))[0]
    assert report.failed == 0 and report.passed > 3000 and not report.refused


@exhaustive
def test_the_templates_gradients_are_right(folder: Path) -> None:
    """Numerically, in float64, of the layer."""
    package.load_plugin(add("layer", "leaky"))
    from nbcnn.config import load_config
    from nbcnn.engine.engine import Engine
    from nbcnn.training.model import Model

    layers = [{"leaky": {"negative_slope": 0.3}}, "flatten", {"linear": {"out_features": 3}}]
    layers.insert(0, {"conv2d": {"out_channels": 2, "kernel_size": 3}})
    config = load_config({"name": "t", "input": {"channels": 1, "height": 5, "width": 5}, "layers": layers})
    network = Model(config, "float64")
    engine, random = Engine(network, threads=1), np.random.default_rng(0)
    images, labels, order = random.standard_normal((4, 1, 5, 5)), random.integers(0, 3, 4), np.arange(4)
    engine.train_step(images, labels, order)
    found, wanted = engine.gradient.copy(), np.zeros_like(engine.gradient)
    for k in range(wanted.size):
        for sign in (1, -1):
            network.parameters[k] += sign * 1e-6
            wanted[k] += sign * engine.evaluate(images, labels, order).losses.mean() / 2e-6
            network.parameters[k] -= sign * 1e-6
    engine.close()
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-6)


# Names that are not known


def told_of(name: str, place: Path | None = None) -> str:
    path = write((place or Path()) / "small.yaml", SMALL.replace("mini", "mnist") + f"backends: {{conv2d: {name}}}\n")
    with pytest.raises(ConfigError) as caught:
        package.load(path)
    return str(caught.value).partition(f"unknown backend '{name}' for conv2d; ")[2]


@pytest.mark.parametrize("place", ["near", "near/plugins", ".", "plugins"])
def test_a_file_that_may_have_it_is_named(folder: Path, place: str) -> None:
    file = write(folder / place / "taps.py", "import nbcnn\nraise SystemExit\n")
    path = file.relative_to(folder)
    assert told_of("taps", folder / "near") == (
        f"{path} may have it and is not loaded: add --plugin {path} (or set NBCNN_PLUGINS, or nbcnn.load_plugin in Python)"
    )


def test_what_ships_beside_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from nbcnn.plugins import plugin_paths

    write(Path("copy/pyproject.toml"), "")
    file = write(Path("copy/plugins/taps.py"), BACKEND)
    monkeypatch.setattr(plugin_paths, "__file__", str(Path("copy/nbcnn/plugins/plugin_paths.py").resolve()))
    assert told_of("taps").startswith(f"{file} may have it and is not loaded: add --plugin {file} ")


def test_a_file_that_has_nothing_to_do_with_it_is_not_named(folder: Path) -> None:
    write(folder / "taps.py", "print('something else')\n")
    assert told_of("taps").endswith(", or load the plugin that has it with --plugin FILE")
    assert told_of("dirct").startswith("did you mean direct? (known: ")
    write(folder / "evil.py", "import nbcnn\n")
    for name in ("../evil", "sub/../evil", "evil.py", "*"):
        assert "evil.py may" not in told_of(f'"{name}"')


def test_a_loaded_file_is_not_offered_again(folder: Path) -> None:
    package.load_plugin(write(folder / "taps.py", BACKEND.replace('"conv2d"', '"conv2d", "other"')))
    assert told_of("taps").endswith(", or load the plugin that has it with --plugin FILE")


def test_layers_optimizers_data_sets_and_options_say_it_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for kind, name in zip(KINDS, ("taps", "leaky", "lion", "decay", "mini_set"), strict=True):
        write(folder / "my plugins" / f"{name}.py", (TEMPLATES / f"{kind}.py").read_text())
    text = (
        SMALL.replace("- relu", "- leaky").replace("adam: {lr: 0.003}", "lion: {lr: 0.001}").replace("mini", "mini-set")
    ).replace("threads: 1", "threads: 1, schedule: decay")
    path = write(folder / "my plugins" / "small.yaml", text)
    told = call(capsys, "summary", path, "--backend", "conv2d=taps", code=2)
    for kind, name in (("layer", "leaky"), ("optimizer", "lion"), ("schedule", "decay"), ("data set", "mini-set")):
        file = f"my plugins/{name.replace('-', '_')}.py"
        assert (
            f"unknown {kind} {name!r}; {file} may have it and is not loaded: add --plugin {shlex.quote(file)} " in told
        )
    assert "--backend conv2d=taps: unknown backend 'taps' for conv2d; my plugins/taps.py may have it" in told
    told = call(capsys, "data", "info", "minst", code=2)
    assert "minst is neither a folder nor a named data set: did you mean mnist?" in told
    assert "or load the plugin that has it with --plugin FILE" in told
    with pytest.raises(
        DataError, match=r"unknown data set 'nothing': .*, or load the plugin that has it with --plugin FILE"
    ):
        package.data.data_source("nothing")
    with pytest.raises(
        KernelError,
        match=r"unknown backend 'x' for relu: .*; one of a plugin's is known once that is loaded: nbcnn\.load_plugin\(.FILE.\)$",
    ):
        prepare(package.kernels.elementwise.ElementwiseProblem("relu", 3), "x")


def run_folder(info: object) -> Path:
    write(Path("run/run.json"), info if isinstance(info, str) else json.dumps(info))
    return Path("run")


def test_a_run_folder_says_which_file_it_had_it_from(folder: Path) -> None:
    file = write(folder / "elsewhere" / "mine.py", "raise SystemExit\n")
    entry = {"name": "mine", "file": str(file), "registers": {"backend of conv2d": ["taps"]}}
    run = run_folder({"plugins": [entry]})
    assert told_of("taps", run).startswith(
        "by its run.json, this run had it from elsewhere/mine.py, which is not loaded: add --plugin elsewhere/mine.py (or"
    )
    file.unlink()
    assert told_of("taps", run) == (
        f"by its run.json, this run had it from {file}, which is not there now: give the file with --plugin FILE"
    )
    run_folder({"plugins": [{**entry, "package": "nbcnn-taps 1.0"}]})
    assert told_of("taps", run).startswith(
        "by its run.json, this run had it from nbcnn-taps 1.0: add --plugin mine (or"
    )
    assert "by its run.json" not in told_of("fat", run)


@pytest.mark.parametrize(
    "info",
    [
        "",
        "[]",
        "{",
        '{"plugins": 3}',
        '{"plugins": [3, {}]}',
        '{"plugins": [{"registers": {"x": 3}, "file": "a"}]}',
        "[" * 9999,
    ],
)
def test_a_broken_run_json_is_passed_over(info: str) -> None:
    assert told_of("taps", run_folder(info)).endswith(", or load the plugin that has it with --plugin FILE")


def test_a_run_json_can_not_write_to_the_terminal() -> None:
    things = {"backend of conv2d": ["taps"]}
    for file in ("a\x1b[2J.py", "a\nerror: all is well", "a" * 2000):
        run = run_folder({"plugins": [{"name": "a", "file": file, "registers": things}]})
        assert told_of("taps", run).endswith(", or load the plugin that has it with --plugin FILE")


def test_another_version_of_a_runs_plugin_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    write(folder / "taps_part.py", "PART = 1\n")
    file = write(folder / "taps.py", "import taps_part\n" + BACKEND)
    write(folder / "small.yaml", SMALL.replace("mini", "fashion-mnist-mini"))
    given = ("--plugin", file, "--backend", "conv2d=taps")
    call(capsys, "train", "small.yaml", *given, "--out", "run")
    call(capsys, "eval", "run", "--plugin", file)
    for changed, text in (("taps_part.py", "PART = 100\n"), ("taps.py", BACKEND)):
        write(folder / changed, text)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            with pytest.raises(SystemExit):
                main(["eval", "run", "--plugin", "taps.py"])
        told = capsys.readouterr().err
        assert "warning: run was made with another version of the plugin taps than taps.py\n" in told


def suggested(told: str) -> list[list[str]]:
    """The commands after "next:" or below "stopped", without the program's own name."""
    lines = [line for line in told.splitlines() if line.startswith("  ") and not line.startswith("    ")]
    words = [shlex.split(line)[1:] for line in lines]
    return [one[one.index("nbcnn") + 1 :] if "nbcnn" in one else one for one in words]


def test_what_follows_a_training_with_a_plugin_can_be_done(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "my own").mkdir()
    write(folder / "my own" / "taps.py", BACKEND)
    monkeypatch.setenv("NBCNN_PLUGINS", str(add("dataset", "mini").resolve()))
    write(folder / "small.yaml", SMALL + "backends: {conv2d: taps}\n")
    told = call(capsys, "train", "small.yaml", "--out", "run", "--plugin", "my own/taps.py")
    evaluate, again, predict = suggested(told[told.index("next:") :])
    assert evaluate == ["eval", "run", "--plugin", "my own/taps.py"]
    assert again == ["train", "run/config.yaml", "--backend", "conv2d=fft", "--plugin", "my own/taps.py"]
    assert predict == ["predict", "run", "PICTURE.png", "--plugin", "my own/taps.py"]
    for command in (evaluate, again):
        for plugin in loaded_plugins():
            if plugin.name == "taps":
                unload_plugin(plugin)
        call(capsys, *command)
    told = call(
        capsys, *("compare", "run", "--plugin", "my own/taps.py", "--steps", 2),
        *("--backend", "conv2d=direct", "--backend", "conv2d=taps", "--out", "both"),
    )  # fmt: skip
    ((*words, plugin),) = suggested(told[told.index("next:") :])
    assert words == ["eval", "both/conv2d=taps", "--plugin"] and plugin == "my own/taps.py"


def test_a_run_of_a_plugin_that_is_gone_can_be_trained_on_other_kernels(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (write(folder / "taps.py", BACKEND), add("dataset", "mini")):
        package.load_plugin(file)
    write(folder / "small.yaml", SMALL + "backends: {conv2d: taps}\n")
    call(capsys, "train", "small.yaml", "--out", "run")
    unload_plugin(next(plugin for plugin in loaded_plugins() if plugin.name == "taps"))
    told = call(capsys, "train", "run/config.yaml", code=2)
    assert told.count("unknown backend 'taps' for conv2d (and in 1 more place); by its run.json") == 1
    assert len(told.splitlines()) == 1
    (folder / "taps.py").unlink()
    assert "conv2d=fft" in call(capsys, "train", "run/config.yaml", "--backend", "conv2d=fft")


def test_a_training_that_is_stopped_suggests_the_plugin(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    write(folder / "taps.py", BACKEND)
    add("dataset", "mini")
    write(folder / "small.yaml", SMALL + "backends: {conv2d: taps}\n")
    monkeypatch.setattr("nbcnn.training.loop.draw_run", interrupted)
    with pytest.raises(SystemExit):
        main(["train", "small.yaml", "--out", "run", "--plugin", "taps.py", "--plugin", "mini.py"])
    told = capsys.readouterr().out
    told = told[told.index("stopped; saved in run ") :]
    assert suggested(told) == [["train", "--resume", "run", "--plugin", "taps.py", "--plugin", "mini.py"]]


# nbcnn plugin, nbcnn kernels


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_is_written_loads_and_is_never_overwritten(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = call(capsys, "plugin", "new", "fresh_one", "--kind", kind)
    path = Path("fresh_one.py")
    assert told.startswith("fresh_one.py: a") and "called fresh_one" in told.splitlines()[0]
    assert path.read_text() == (TEMPLATES / f"{kind}.py").read_text()
    told = call(capsys, "plugin", "new", "fresh_one", "--kind", kind, code=2)
    assert told == "error: fresh_one.py exists already and is never overwritten; choose another name\n"
    assert path.read_text() == (TEMPLATES / f"{kind}.py").read_text()
    assert [name for _, name in package.load_plugin(path).things] == ["fresh_one"]


def test_a_folder_that_nobody_may_write_to(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object, **more: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refused)
        patch.setattr(Path, "read_text", lambda path, encoding: "")
        told = call(capsys, "plugin", "new", "fresh_one", "--kind", "layer", code=2)
    sentence = "fresh_one.py can't be written: Permission denied; choose a folder that you may write to"
    assert told == f"error: {sentence}\n"


@parametrize("kind", ["layer", "optimizer", "schedule", "dataset"], quick=["layer", "schedule"])
def test_what_is_said_to_come_next_can_be_done(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """That of a backend is done by the test of docs/add-a-kernel.md."""
    lines = call(capsys, "plugin", "new", "fresh_one", "--kind", kind).splitlines()
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("  ") and not line.startswith("    ")]
    assert commands
    for words in commands:
        call(capsys, *(words[words.index("nbcnn") + 1 :] if "nbcnn" in words else words))


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        (
            "direct",
            "backend",
            "'direct' can't be the name of a plugin: there is one called direct already; choose another",
        ),
        ("auto", "backend", "'auto' can't be the name of a plugin: there is one called auto already"),
        ("relu", "layer", "there is one called relu already"),
        ("sgd", "optimizer", "there is one called sgd already"),
        ("mnist", "dataset", "there is one called mnist already"),
        ("my_conv.py", "backend", "it becomes the name of a Python file, so letters, digits and _, without .py"),
        ("../x", "layer", "it becomes the name of a Python file"),
        ("class", "layer", "it becomes the name of a Python file"),
        ("1st", "layer", "it becomes the name of a Python file"),
    ],
)
def test_a_name_that_can_not_be_given(name: str, kind: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in call(capsys, "plugin", "new", name, "--kind", kind, code=2)
    assert list(Path().iterdir()) == []


def test_plugins_and_their_backends_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "plugin", "list") == "loaded: none\ninstalled: none\n"
    write(folder / "plugins" / "taps.py", BACKEND)
    listed = call(capsys, "plugin", "list", "--plugin", "plugins/taps.py").splitlines()
    assert listed[:3] == ["loaded:", "  taps  plugins/taps.py", "      backend of conv2d: taps"]
    assert listed[-2:] == ["files in plugins/, to be loaded by path:", "  plugins/taps.py"]
    lines = call(capsys, "kernels").splitlines()
    assert any(" ".join(line.split()) == "conv2d taps the bias and nothing else (plugins/taps.py)" for line in lines)
    columns = {line.index(line.split(maxsplit=3 if "*" in line else 2)[-1]) for line in lines[2:]}
    assert len(columns) == 1


def test_a_plugin_that_fails_is_one_line_on_the_command_line() -> None:
    write(Path("taps.py"), BACKEND.replace("return 0", "return None"))
    told = nbcnn("summary", "lenet", "--plugin", "taps.py", code=2)
    line = BACKEND.splitlines().index("    def workspace(self, problem):") + 1
    assert told == f"error: taps.py:{line}: Backend: workspace must return a whole number of at least 0, got None\n"
    assert loaded_plugins() == []


OWN_OP = """\
import numpy as np
from nbcnn.plugin import register
from nbcnn.plugin import ParameterFreeKernels, SimpleBackend
from nbcnn.layers.activation import Activation


def forward(x, y, scratch):
    np.abs(x, out=y)


def grad_input(x, y, dy, dx, scratch):
    np.multiply(np.sign(x), dy, out=dx)


@register.layer("absolute")
class Absolute(Activation):
    op = "absolute"


@register.backend("absolute", "direct")
class Direct(SimpleBackend):
    "NumPy's absolute value"

    def build(self, problem):
        return ParameterFreeKernels(forward, grad_input)
"""


def test_a_plugin_may_bring_an_op_of_its_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = package.load_plugin(write(folder / "data/user_arrays.py", OWN_OP))
    assert set(plugin.things) == {("layer", "absolute"), ("backend of absolute", "direct")}
    net = package.load({"name": "t", "input": {"channels": 1, "height": 2, "width": 2}, "layers": ["absolute"]})
    x = np.array([[[[-1, 2], [3, -4]]]], np.float32)
    np.testing.assert_array_equal(net(x), abs(x))
    assert "absolute * direct NumPy's absolute value (data/user_arrays.py)" in " ".join(call(capsys, "kernels").split())
