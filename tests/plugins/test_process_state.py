"""What a plugin does while it is loaded besides registering: it is refused, put back, and nothing waits for it."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from plugin_files import BACKEND, empty_folder, write  # noqa: F401 (a fixture)

from nbcnn import load_plugin
from nbcnn.errors import PluginError
from nbcnn.kernels.registry import backend_names

pytestmark = pytest.mark.usefixtures("folder")

DONE = "while it is loaded; a plugin only defines and registers"
CHANGES = {
    "chdir": ("import os\nos.chdir('/')\n", f"mine.py: it changes the current folder {DONE}"),
    "seterr": (
        "import numpy\nnumpy.seterr(all='raise')\n",
        f"mine.py: it changes NumPy's reaction to floating-point errors (np.seterr) {DONE}",
    ),
    "signals": (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n",
        f"mine.py: it changes what Ctrl-C or SIGTERM do {DONE}",
    ),
    "settings": (
        "import os\nos.environ['NUMBA_OPT'] = '0'\n",
        f"mine.py: it changes settings in the environment (NUMBA_…, NBCNN_…) {DONE}",
    ),
    "recursion": (
        "import sys\nsys.setrecursionlimit(10 ** 7)\n",
        f"mine.py: it changes how deep Python may recurse {DONE}",
    ),
    "output": (
        "import io, sys\nsys.stdout = io.StringIO()\n",
        f"mine.py: it changes sys.stdout or sys.stderr {DONE}",
    ),
    "fork": (
        "import os\nif os.fork() == 0:\n    os._exit(0)\nos.wait()\n",
        f"mine.py: it starts a copy of the process (fork) {DONE}",
    ),
}


def surroundings() -> list[object]:
    settings = {name: value for name, value in os.environ.items() if name.startswith("NUMBA_")}
    limits = (sys.getrecursionlimit(), np.geterr(), signal.getsignal(signal.SIGINT))
    return [os.getcwd(), settings, *limits, sys.stdin, sys.stdout]


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_changed_is_put_back_and_refused(what: str) -> None:
    text, sentence = CHANGES[what]
    before = surroundings()
    write(Path("mine.py"), text + BACKEND)
    with pytest.raises(PluginError) as caught:
        load_plugin("mine.py")
    assert str(caught.value) == sentence
    assert surroundings() == before
    assert "mine" not in backend_names("conv2d")


def test_a_change_in_a_function_that_is_called_at_loading_counts_too(folder: Path) -> None:
    text = BACKEND.replace("        return None", "        import os\n        os.chdir('/')\n        return None")
    write(folder / "mine.py", text)
    with pytest.raises(PluginError, match="it changes the current folder while it is loaded"):
        load_plugin("mine.py")
    assert Path.cwd() == folder


def test_the_copy_that_a_fork_makes_does_not_go_on(folder: Path) -> None:
    write(folder / "mine.py", "import os\nos.fork()\n" + BACKEND)
    with pytest.raises(PluginError, match=r"it starts a copy of the process \(fork\)"):
        load_plugin("mine.py")
    _, status = os.wait()
    assert os.waitstatus_to_exitcode(status) == 1


def test_nobody_is_asked_for_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("3\n"))
    for line in ("input()", "import sys\nsys.stdin.read()", "import sys\nnext(sys.stdin)"):
        write(Path("mine.py"), f"{line}\n{BACKEND}")
        with pytest.raises(PluginError, match=r"mine\.py:[12]: EOFError: nobody answers while a plugin is loaded"):
            load_plugin("mine.py")


def test_sys_exit_in_any_of_its_functions_is_an_error(folder: Path) -> None:
    for name in ("supports", "workspace", "build"):
        text = BACKEND.replace(
            f"    def {name}(self, problem):\n", f"    def {name}(self, problem):\n        exit(0)\n"
        )
        line = next(n for n, row in enumerate(text.splitlines(), 1) if "exit(0)" in row)
        write(folder / "mine.py", text)
        with pytest.raises(PluginError, match=rf"mine\.py:{line}: Backend: {name} failed: SystemExit: 0"):
            load_plugin("mine.py")


# Prints


def test_a_kernel_that_prints_is_warned_of_with_its_place(folder: Path) -> None:
    text = BACKEND.replace("    dx[:] = 0", "    say()\n    dx[:] = 0")
    write(folder / "mine.py", "def say():\n    print('x')\n\n\n" + text)
    with pytest.warns(UserWarning, match=r"^mine\.py:1: grad_input prints, at each of its calls, in a training at ev"):
        load_plugin("mine.py")


# Names


NAMES = {
    '"conv2"': "mine.py:17: there is no op 'conv2'; did you mean conv2d?",
    '"Conv2D"': "mine.py:17: there is no op 'Conv2D'; did you mean conv2d?",
    '"max_pool_2d"': "mine.py:17: there is no op 'max_pool_2d'; did you mean max_pool2d?",
    '"convolution"': "mine.py:17: there is no op 'convolution'; did you mean conv2d?",
    '"cube"': "mine.py: backend mine is of the op 'cube', by which no layer is computed; known: adaptive_avg_pool2d, avg_pool2d, ",
    '"conv2d=direct"': "mine.py:17: 'conv2d=direct' can't be the name of an op: letters, digits, _ and -, and no digit",
    '"conv2d", "a b"': "mine.py:17: 'a b' can't be the name of a backend: letters, digits, _ and -, and no digit first",
    '"conv2d", "a=b"': "mine.py:17: 'a=b' can't be the name of a backend: letters, digits, _ and -, and no digit first",
    '"conv2d", "a/b"': "mine.py:17: 'a/b' can't be the name of a backend: ",
    '"conv2d", "\\x1b[2J"': "mine.py:17: '\\x1b[2J' can't be the name of a backend: ",
    '"conv2d", 3': "mine.py:17: 3 can't be the name of a backend: ",
    '"conv2d", "off"': "mine.py:17: 'off' can't be the name of a backend: YAML takes off for something else than a name",
    "": "mine.py:17: TypeError: backend() missing 1 required positional argument: 'op'",
}


@pytest.mark.parametrize("arguments", NAMES)
def test_names_of_ops_and_backends(arguments: str) -> None:
    write(Path("mine.py"), BACKEND.replace('("conv2d")', f"({arguments})"))
    with pytest.raises(PluginError) as caught:
        load_plugin("mine.py")
    assert str(caught.value).startswith(NAMES[arguments])
    assert "mine" not in backend_names("conv2d")


def test_a_backend_decorated_without_parentheses() -> None:
    write(Path("mine.py"), BACKEND.replace('.backend("conv2d")', ".backend"))
    with pytest.raises(PluginError) as caught:
        load_plugin("mine.py")
    sentence = 'mine.py:17: of which op is Backend a backend? Write @register.backend("conv2d") above it'
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("decorator", "words"),
    [
        ("layer", r"mine\.py:4: the decorator above Mine needs parentheses: @register\.layer\(\)"),
        ("optimizer", r"mine\.py:4: the decorator above Mine needs parentheses: @register\.optimizer\(\)"),
        ("dataset", r"mine\.py:4: the decorator above Mine needs parentheses: @register\.dataset\(\)"),
        (
            "dataset('a b')",
            r"mine\.py:4: 'a b' can't be the name of a data set: letters, digits, _ and -, and no digit",
        ),
        ("layer('yes')", r"mine\.py:4: 'yes' can't be the name of a layer: YAML takes yes for something else"),
        (
            "layer(3)",
            r"mine\.py:4: a layer's name is a text, got 3: @register\.layer\(\) or @register\.layer\(\"name\"\)",
        ),
    ],
)
def test_names_of_layers_optimizers_and_data_sets(decorator: str, words: str) -> None:
    write(Path("mine.py"), f"from nbcnn import register\n\n\n@register.{decorator}\nclass Mine:\n    pass\n")
    with pytest.raises(PluginError, match=words):
        load_plugin("mine.py")
