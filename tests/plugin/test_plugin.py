"""What a plugin imports: every name is there, is the one of its module, is documented, and is all that plugins need."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from plugin_files import ROOT, TEMPLATES, empty_folder, write  # noqa: F401 (a fixture)

import nbcnn
from nbcnn import functional, lanes, load_plugin, plugin

PAGE = (ROOT / "docs" / "add-a-kernel.md").read_text(encoding="utf-8")


def test_every_name_is_that_of_its_module() -> None:
    """Not a copy: a kernel's fingerprint looks at what a name stands for."""
    assert set(lanes.__all__) <= set(plugin.__all__)
    for name in set(plugin.__all__) - {"register"}:
        home = import_module(plugin._HOME.get(name, "nbcnn.lanes"))
        assert getattr(plugin, name) is getattr(home, name), name
    assert plugin.register is nbcnn.register
    assert len(set(plugin.__all__)) == len(plugin.__all__) and set(plugin.__all__) <= set(dir(plugin))


def test_types_are_known_without_running_it() -> None:
    """What a type checker reads are the same names from the same modules."""
    (block,) = [node for node in ast.parse(Path(plugin.__file__).read_text()).body if isinstance(node, ast.If)]
    read = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    wanted = {name: plugin._HOME.get(name, "nbcnn.lanes") for name in plugin.__all__} | {"register": "nbcnn.plugin"}
    assert read == wanted


def test_another_name_is_not_there() -> None:
    with pytest.raises(ImportError, match=r"cannot import name 'loda' from 'nbcnn.plugin'"):
        from nbcnn.plugin import loda  # type: ignore[attr-defined] # noqa: F401


def test_the_page_has_every_name_once() -> None:
    section = PAGE.partition("## What a plugin imports")[2].partition("\n## ")[0]
    names = re.findall(r"^\| [^|]+ \| `(\w+)(?:\([^`]*\))?` \| [^|]+ \|$", section, re.M)
    assert sorted(names) == sorted(plugin.__all__)


@pytest.mark.parametrize("file", [*TEMPLATES.glob("[!_]*.py"), *(ROOT / "plugins").glob("*.py")], ids=lambda f: f.stem)
def test_plugins_import_from_there_what_is_there(file: Path) -> None:
    """Shipped ones also use parts of built-in convolutions, which are nowhere else."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("nbcnn"):
            assert node.module == "nbcnn.plugin" or str(node.module).startswith("nbcnn.kernels.conv2d."), node.module


def test_importing_it_imports_nothing_else() -> None:
    program = "import sys, nbcnn.plugin; from nbcnn.plugin import register; print('numpy' in sys.modules, 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False False\n", done.stderr


@pytest.mark.parametrize("line", ["from nbcnn.plugin import load, splat, store", "import nbcnn.plugin as p"])
def test_a_kernel_has_its_functions_from_there(line: str, folder: Path) -> None:
    """By their names, or as those of the module."""
    of = "p." if line.endswith("as p") else ""
    text = f"""{line}
from nbcnn.plugin import ParameterFreeKernels, SimpleBackend, kernel, register

@kernel
def forward(x, y, scratch):
    for f in range(x.shape[0]):
        {of}store(y, (f,), {of}load(x, (f,)) + {of}splat(x.dtype.type(3)))

@kernel
def grad_input(x, y, dy, dx, scratch):
    for f in range(x.shape[0]):
        {of}store(dx, (f,), {of}load(dy, (f,)))

@register.backend("relu")
class Backend(SimpleBackend):
    "x + 3"

    def build(self, problem):
        return ParameterFreeKernels(forward, grad_input)
"""
    import numpy as np

    load_plugin(write(folder / "three.py", text))
    assert functional.relu(np.array([[1, 2]], np.float32), backend="three").tolist() == [[4, 5]]
