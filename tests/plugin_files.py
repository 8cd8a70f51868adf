"""What the tests of plugins share: files to load, and a process that forgets them afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbcnn.compiler.kernel_cache import cache_folder
from nbcnn.plugins import loading, unload_plugin
from nbcnn.plugins.modules import PREFIX, module_name

ROOT = Path(__file__).parent.parent
TEMPLATES = ROOT / "nbcnn" / "cli" / "plugin" / "_templates"

BACKEND = """\
from nbcnn import register
from nbcnn.plugin import WeightedKernels


def forward(x, w, b, y, scratch):
    y[:] = b[:, None, None, None]


def grad_input(dy, w, dx, scratch):
    dx[:] = 0


def grad_weight(x, dy, dw, db, scratch):
    dw[:], db[:] = 0, 0


@register.backend("conv2d")
class Backend:
    "the bias and nothing else"

    def supports(self, problem):
        return None

    def workspace(self, problem):
        return 0

    def build(self, problem):
        return WeightedKernels(forward, grad_input, grad_weight)
"""
"""A backend of Python functions: there is nothing to compile. (It is wrong, which loading does not look at.)"""

COMPILED = BACKEND.replace("import WeightedKernels", "import (\n    WeightedKernels, kernel)")
COMPILED = COMPILED.replace(
    "def forward(x, w, b, y, scratch):\n    y[:] = b[:, None, None, None]",
    """\
@kernel
def forward(x, w, b, y, scratch):
    for o in range(y.shape[0]):
        y[o] = b[o] * 2""",
)
"""The same with a compiled forward."""


@pytest.fixture(name="folder")
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, which is the current one; plugins that are loaded from now on are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NBCNN_PLUGINS", raising=False)
    known, modules = dict(loading._loaded), set(sys.modules)
    yield tmp_path
    for source, plugin in list(loading._loaded.items()):
        if source not in known:
            unload_plugin(plugin)
    loading._environment = ""
    for name in set(sys.modules) - modules:
        if name.startswith(PREFIX):
            del sys.modules[name]
    forget_compiled(tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir()))


def forget_compiled(*folders: Path) -> None:
    """Drop the compiled kernels of plugins in these folders, which will never be there again."""
    cache = cache_folder()
    assert cache is not None
    for one in folders:
        for file in cache.glob(f"{module_name(one.resolve() / 'x.py').partition('.')[0]}.*"):
            file.unlink()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def nbcnn(*words: str | Path, code: int = 0) -> str:
    """Output of the command line in a process of its own; the error output where it must fail."""
    done = subprocess.run([sys.executable, "-m", "nbcnn", *map(str, words)], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout
