"""Loading plugins: who is asked for, what is run and when, what is kept of it, and what another process finds."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from plugin_files import BACKEND, COMPILED, ROOT, empty_folder, nbcnn, write  # noqa: F401 (a fixture)

import nbcnn as package
from nbcnn import functional, load_plugin
from nbcnn.autotune import choice
from nbcnn.errors import ConfigError, PluginError
from nbcnn.kernels.registry import backend as backend_of
from nbcnn.kernels.registry import backend_names, file_of
from nbcnn.layers import LAYERS
from nbcnn.plugins import installed_plugins, load_environment, loaded_plugins, plugin_paths

pytestmark = pytest.mark.usefixtures("folder")
X = np.zeros((1, 1, 3, 3), np.float32)
W = np.zeros((2, 1, 3, 3), np.float32)


def forward(backend: str, bias: tuple[float, float] = (1, 3)) -> list[float]:
    return list(functional.conv2d(X, W, np.array(bias, np.float32), backend=backend).ravel())


def test_a_file_is_loaded_by_its_path_and_known_by_its_name(folder: Path) -> None:
    plugin = load_plugin(write(folder / "mine.py", BACKEND))
    assert (plugin.name, plugin.file, len(plugin.digest)) == ("mine", folder / "mine.py", 64)
    assert plugin.things == (("backend of conv2d", "mine"),)
    assert plugin.backends == [("conv2d", "mine")]
    assert forward("mine") == [1, 3]
    assert file_of("conv2d", "mine") == str(folder / "mine.py")
    assert file_of("conv2d", "naive") is None
    assert load_plugin("mine.py") is plugin
    assert loaded_plugins().count(plugin) == 1
    assert plugin.record()["registers"] == {"backend of conv2d": ["mine"]}


def test_no_bytecode_is_left_beside_it(folder: Path) -> None:
    load_plugin(write(folder / "mine.py", BACKEND))
    assert [path.name for path in folder.iterdir()] == ["mine.py"]


def test_files_of_one_name_in_two_folders_are_two_modules(folder: Path) -> None:
    text = BACKEND.replace('"conv2d"', '"conv2d", NAME')
    for name, factor in (("one", "1"), ("two", "2")):
        write(folder / name / "mine.py", f'NAME = "{name}"\n' + text.replace("= b[", f"= {factor} * b["))
        load_plugin(f"{name}/mine.py")
    assert forward("one") == [1, 3]
    assert forward("two") == [2, 6]


def test_an_edited_file_loaded_again_replaces_what_it_registered(folder: Path) -> None:
    load_plugin(write(folder / "mine.py", COMPILED))
    assert forward("mine") == [2, 6]
    load_plugin(write(folder / "mine.py", COMPILED.replace("* 2", "* 5")))  # as long, and within the same second
    assert forward("mine") == [5, 15]
    load_plugin(write(folder / "mine.py", COMPILED.replace("* 2", "* 7").replace('"conv2d"', '"conv2d", "other"')))
    assert forward("other") == [7, 21]
    assert "mine" not in backend_names("conv2d")
    assert len(loaded_plugins()) == 1


def test_a_helper_beside_a_plugin_belongs_to_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    write(folder / "factors.py", "FACTOR = 2\n")
    text = COMPILED.replace("* 2", "* FACTOR").replace(
        "from nbcnn import", "from factors import FACTOR\nfrom nbcnn import"
    )
    plugin = load_plugin(write(folder / "mine.py", text))
    assert forward("mine") == [2, 6]
    question = choice._text_digests(type(backend_of("conv2d", "mine")))
    digest = hashlib.sha256((folder / "factors.py").read_bytes()).hexdigest()
    assert plugin.record()["helpers"] == {"factors": digest}
    assert digest in question
    assert load_plugin("mine.py") is plugin
    write(folder / "factors.py", "FACTOR = 5\n")
    assert load_plugin("mine.py") != plugin
    assert forward("mine") == [5, 15]
    assert choice._text_digests(type(backend_of("conv2d", "mine"))) != question
    assert len(loaded_plugins()) == 1
    sys.modules.pop("factors")


SCRIPT = """
import sys, numpy as np
import nbcnn.functional as F
from nbcnn import load_plugin
from nbcnn.compiler.compile_log import COMPILE_LOG
load_plugin(sys.argv[1])
y = F.conv2d(np.zeros((1, 1, 3, 3), np.float32), np.zeros((2, 1, 3, 3), np.float32), np.ones(2, np.float32), backend="mine")
print([entry.how for entry in COMPILE_LOG if "mine" in entry.kernel], y.ravel())
"""


@pytest.mark.jit
def test_another_process_finds_the_compiled_kernels_but_never_stale_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBCNN_CACHE_DIR", str(folder / "cache"))

    def run() -> str:
        done = subprocess.run([sys.executable, "-c", SCRIPT, "mine.py"], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    write(folder / "mine.py", COMPILED)
    assert run() == "['compiled'] [2. 2.]"
    assert run() == "['loaded'] [2. 2.]"
    times = os.stat("mine.py")
    write(folder / "mine.py", COMPILED.replace("* 2", "* 5"))
    os.utime("mine.py", ns=(times.st_atime_ns, times.st_mtime_ns))  # nothing but the content tells
    assert run() == "['compiled'] [5. 5.]"
    write(folder / "mine.py", COMPILED)
    assert run() == "['loaded'] [2. 2.]"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("min.py", r"^there is no plugin file min\.py; did you mean mine\.py\?$"),
        ("zzzzzz.py", r"^there is no plugin file zzzzzz\.py; nbcnn plugin new makes one$"),
        ("nowhere/at/all.py", r"^there is no plugin file nowhere/at/all\.py; nbcnn plugin new makes one$"),
        ("sub/", r"^sub/ is a folder; a plugin is one \.py file$"),
        ("./notes.txt", r"^\./notes\.txt is no \.py file; a plugin is one$"),
        ("my-conv.py", r"^my-conv\.py: the file's name is that of what .*; rename it to my_conv\.py$"),
        ("2.py", r"^2\.py: the file's name .*; rename it to my_plugin\.py$"),
        ("mine", r"^no installed plugin is called 'mine'; give the file as a path: mine\.py$"),
        ("other", r"^no installed plugin is called 'other'; give the file as a path: plugins/other\.py$"),
        ("zzz", r"^no installed plugin is called 'zzz' \(none is known\); give such a name or a path to a \.py file$"),
        ("../mine", r"^there is no plugin file \.\./mine; nbcnn plugin new makes one$"),
    ],
)
def test_what_is_no_plugin_is_said_to_be_none(folder: Path, what: str, words: str) -> None:
    for name in ("mine.py", "my-conv.py", "2.py", "notes.txt", "sub/x.py", "plugins/other.py"):
        write(folder / name, BACKEND)
    with pytest.raises(PluginError, match=words):
        load_plugin(what)
    assert "mine" not in backend_names("conv2d")


# The environment


def test_the_environment_names_plugins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / "a.py", BACKEND)
    write(folder / "sub" / "b.py", BACKEND)
    monkeypatch.setenv("NBCNN_PLUGINS", os.pathsep.join(["a.py", "", f" {folder / 'sub' / 'b.py'} "]))
    net = package.load("lenet", overrides=package.Overrides(backends=("conv2d=b",)))
    assert {layer.backend for layer in net.layers() if layer.op == "conv2d"} == {"b"}
    assert {"a", "b"} <= set(backend_names("conv2d"))


def test_a_mistake_in_the_environment_is_told_every_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBCNN_PLUGINS", "nothing.py")
    for _ in range(2):
        with pytest.raises(PluginError, match=r"^NBCNN_PLUGINS: there is no plugin file nothing\.py"):
            package.load("lenet")
    write(folder / "nothing.py", BACKEND)
    load_environment()
    assert "nothing" in backend_names("conv2d")


# Installed packages


def install(site: Path, monkeypatch: pytest.MonkeyPatch, package: str = "nbcnn-pack", module: str = "pack_one") -> Path:
    """A distribution with the entry point ``packed``, and the file of its module."""
    info = site / f"{package.replace('-', '_')}-1.2.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    write(info / "entry_points.txt", f"[nbcnn.plugins]\npacked = {module}\n")
    monkeypatch.syspath_prepend(str(site))
    text = 'print("running")\n' + BACKEND.replace('"conv2d"', '"conv2d", "packed"')
    return write(site / f"{module.replace('.', '/')}.py", text)


def test_an_installed_plugin_is_listed_and_loaded_only_by_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = install(folder / "site", monkeypatch, module="packed_up.kernels")
    write(folder / "site" / "packed_up" / "__init__.py", "")
    assert [tuple(plugin) for plugin in installed_plugins()] == [("packed", "packed_up.kernels", "nbcnn-pack 1.2")]
    with pytest.raises(ConfigError, match=r"unknown backend 'packed' for conv2d; nbcnn-pack 1\.2 offers a plugin of that "
                       r"name, which is not loaded: add --plugin packed "):  # fmt: skip
        package.load("lenet", overrides=package.Overrides(backends=("conv2d=packed",)))
    assert "running" not in capsys.readouterr().out
    assert not any(name.startswith("packed_up") for name in sys.modules)
    plugin = load_plugin("packed")
    assert "running" in capsys.readouterr().out
    assert (plugin.name, plugin.file, plugin.package) == ("packed", file, "nbcnn-pack 1.2")
    assert plugin.record()["package"] == "nbcnn-pack 1.2"
    assert forward("packed") == [1, 3]
    assert load_plugin("packed") is plugin
    for name in ("packed_up", "packed_up.kernels"):
        del sys.modules[name]


def test_an_installed_plugin_that_was_imported_before_counts_as_well(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder / "site", monkeypatch)
    import pack_one

    assert load_plugin("packed").backends == [("conv2d", "packed")]
    del sys.modules[pack_one.__name__]


def test_an_installed_plugin_that_fails_leaves_no_module_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = install(folder / "site", monkeypatch)
    right = file.read_text()
    write(file, right + "\nboom()\n")
    with pytest.raises(PluginError, match=rf"^site/pack_one\.py:{len(right.splitlines()) + 2}: NameError: name 'boom'"):
        load_plugin("packed")
    assert "pack_one" not in sys.modules
    assert "packed" not in backend_names("conv2d")
    write(file, right + "\n\n\n# longer, so that Python does not take its bytecode\n")
    assert load_plugin("packed").backends == [("conv2d", "packed")]
    del sys.modules["pack_one"]


def test_two_packages_with_one_name_and_a_missing_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder / "site", monkeypatch)
    install(folder / "site", monkeypatch, "other-pack", "nowhere").unlink()
    with pytest.raises(
        PluginError, match=r"^plugin 'packed' is offered by nbcnn-pack 1\.2 and other-pack 1\.2; uninstall"
    ):
        load_plugin("packed")
    monkeypatch.setattr(plugin_paths, "entry_points", lambda group: [EntryPoint("gone", "nowhere_at_all", group)])
    with pytest.raises(
        PluginError, match=r"^an unknown package: nowhere_at_all: no module nowhere_at_all is installed"
    ):
        load_plugin("gone")


# Never by a file


def test_no_yaml_checkpoint_or_run_folder_loads_a_plugin(folder: Path) -> None:
    spy = 'from pathlib import Path\nPath("was_run").touch()\n' + BACKEND
    for name in ("mine.py", "plugins/mine.py", "run/mine.py", "run/plugins/mine.py"):
        write(folder / name, spy)
    layers = "layers: [conv2d: {out_channels: 2, kernel_size: 3, backend: %s}, flatten, linear: {out_features: 2}]\n"
    head = "name: tiny\ninput: {channels: 1, height: 8, width: 8}\n"
    info = '{"plugins": [{"name": "mine", "file": "%s", "registers": {"backend of conv2d": ["mine"]}}]}'
    write(folder / "run" / "run.json", info % (folder / "mine.py"))
    for backend in ("mine", "mine.py", "./mine.py", "mine.Backend", "plugins.mine", "!!python/name:mine.Backend"):
        for file in ("x.yaml", "run/config.yaml"):
            write(folder / file, head + layers % backend)
            with pytest.raises(ConfigError):
                package.load(folder / file)
    for keys in ("plugins: [mine.py]\n", "plugin: mine.py\n"):
        write(folder / "x.yaml", head + layers % "direct" + keys)
        with pytest.raises(ConfigError, match="unknown key 'plugin"):
            package.load(folder / "x.yaml")
    for sets in ("backends.conv2d=mine", "plugins=[mine.py]"):
        with pytest.raises(ConfigError):
            package.load("lenet", overrides=package.Overrides(sets=(sets,)))
    assert not Path("was_run").exists()
    load_plugin("mine.py")
    assert Path("was_run").exists()


def test_listing_and_helping_run_nothing(folder: Path) -> None:
    write(folder / "plugins" / "mine.py", "raise SystemExit(7)\n")
    assert "plugins/mine.py" in nbcnn("plugin", "list")
    nbcnn("kernels")
    nbcnn("train", "--help")


# One plugin and another


def test_a_plugin_may_load_another_but_not_itself(folder: Path) -> None:
    write(folder / "inner.py", BACKEND)
    outer = load_plugin(write(folder / "outer.py", 'import nbcnn\nnbcnn.load_plugin("inner.py")\n' + BACKEND))
    assert outer.backends == [("conv2d", "outer")]
    assert {plugin.name: plugin.backends for plugin in loaded_plugins()}["inner"] == [("conv2d", "inner")]
    with pytest.raises(PluginError, match=r"self\.py:2: .*self\.py loads itself: .*self\.py → .*self\.py$"):
        load_plugin(write(folder / "self.py", 'import nbcnn\nnbcnn.load_plugin("self.py")\n' + BACKEND))


def test_a_plugin_that_fails_takes_everything_back_but_what_others_own(folder: Path) -> None:
    write(folder / "inner.py", BACKEND)
    layer = (ROOT / "nbcnn/cli/plugin/_templates/layer.py").read_text()
    text = layer + 'import nbcnn\nnbcnn.load_plugin("inner.py")\n' + BACKEND + "\n1 / 0\n"
    with pytest.raises(PluginError, match=r"^outer\.py:\d+: ZeroDivisionError: division by zero$"):
        load_plugin(write(folder / "outer.py", text))
    assert "outer" not in LAYERS
    assert "outer" not in backend_names("conv2d")
    assert "inner" in backend_names("conv2d")
    assert not any(name.endswith(".outer") for name in sys.modules)
    load_plugin(write(folder / "outer.py", text.replace("1 / 0", "")))
    assert "outer" in LAYERS
