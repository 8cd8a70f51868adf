"""docs/add-a-kernel.md, followed to the letter in an empty folder: every file written, every command run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from exhaustive import exhaustive
from pages import CODES, blocks
from plugin_files import ROOT, TEMPLATES, empty_folder, forget_compiled, write  # noqa: F401 (a fixture)

from nbcnn import load_plugin
from nbcnn.errors import PluginError

PAGE = (ROOT / "docs" / "add-a-kernel.md").read_text(encoding="utf-8")


def run(command: str, code: int) -> str:
    words = shlex.split(command)
    program = {"nbcnn": [sys.executable, "-m", "nbcnn"], "python": [sys.executable]}[words[0]]
    done = subprocess.run([*program, *words[1:]], capture_output=True, text=True)
    assert done.returncode == code, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def apart_from_numbers(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\d[\d,.]*", "#", text).replace("threads", "thread")).strip()


def write_as_told(text: str) -> None:
    """``# FILE`` on the first line makes a file; ``# FILE, in place of NAME`` changes a function; else it is a quotation."""
    told = re.match(r"# (\w+\.py)(?:, in place of (\w+))?\n", text)
    if told is None:
        assert text in Path("my_conv.py").read_text(), f"the page quotes what my_conv.py does not have:\n{text}"
    elif told[2] is None:
        write(Path(told[1]), text)
    else:
        old, new = Path(told[1]).read_text(), text[told.end() :]
        changed, count = re.subn(rf"^@kernel\ndef {told[2]}\(.*?(?=^@)", lambda _: new + "\n\n", old, flags=re.S | re.M)
        assert count == 1
        write(Path(told[1]), changed)


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A place for the package that the page ends with, on the path of all processes."""
    folder = tmp_path_factory.mktemp("site")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(folder), str(ROOT), *([before] if before else [])])
    yield folder
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


def install(site: Path, text: str) -> None:
    """What pip does with the pyproject.toml of the page and a module that is the file made so far."""
    project = tomllib.loads(text)["project"]
    ((name, module),) = project["entry-points"]["nbcnn.plugins"].items()
    assert (
        f'where `{module}.py` is your file with the name in the decorator, `@register.backend("conv2d", "{name}")`'
        in PAGE
    )
    code = Path("my_conv.py").read_text().replace('.backend("conv2d")', f'.backend("conv2d", "{name}")')
    write(site / f"{module}.py", code)
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    write(info / "entry_points.txt", f"[nbcnn.plugins]\n{name} = {module}\n")


@exhaustive
def test_the_page_can_be_followed(folder: Path, site: Path) -> None:
    output, commands = "", 0
    for kind, text, *_ in blocks(PAGE):
        if kind in CODES:
            lines = text.splitlines()
            output = apart_from_numbers("\n".join(run(line, CODES[kind]) for line in lines))
            commands += len(lines)
        elif kind == "":
            for line in text.splitlines():
                assert apart_from_numbers(line) in output, f"the page says {line!r}, this was printed:\n{output}"
        elif kind == "py":
            write_as_told(text)
        else:
            assert kind == "toml"
            install(site, text)
    assert commands >= 16
    assert {path.name for path in folder.glob("*.py")} == {
        "my_conv.py",
        "my_loops.py",
        "bounded.py",
        "halves.py",
        "factor.py",
        "sign.py",
        "squares.py",
    }
    assert "installed, to be loaded by name:\n  my_conv  nbcnn-my-conv 1.0: nbcnn_my_conv\n" in run(
        "nbcnn plugin list", 0
    )
    assert "my_conv" in run("nbcnn summary lenet --plugin my_conv --backend conv2d=my_conv", 0)
    forget_compiled(site)


MISTAKES = {
    "`loda(x, …)`": ("load(x, (first + c, r, q)) * w", "loda(x, (first + c, r, q)) * w"),
    "`x[first + c, r, q] * …`": ("load(x, (first + c, r, q)) * w", "x[first + c, r, q] * w"),
    "`0.5 * load(x, …)`": ("load(x, (first + c, r, q)) * w", "0.5 * load(x, (first + c, r, q)) * w"),
    "`y[o, i, j, 0] = s`": ("store(y, (o, i, j), s)", "y[o, i, j, 0] = s"),
    "`def forward(x, w, y, scratch, attributes)`": (
        "def forward(x, w, b, y, scratch, attributes)",
        "def forward(x, w, y, scratch, attributes)",
    ),
    "a function without `@kernel` is called": (
        "@kernel\ndef forward",
        "def helper(v): ...\n@kernel\ndef forward",
        "load(x, (first + c, r, q)) * w",
        "helper(load(x, (first + c, r, q))) * w",
    ),
    "a global that is counted up": ("    stride, padding", "    global calls; calls += 1; stride, padding"),
    "`def forward(x, w, b, y, scratch, attributes=None)`": (
        "def forward(x, w, b, y, scratch, attributes)",
        "def forward(x, w, b, y, scratch, attributes=None)",
    ),
    "`workspace` without `return`": ("        return 0\n", ""),
    "the file is called `direct.py`": ("", ""),
}


def batched(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Old and new in turn, in pairs."""
    return list(zip(words[::2], words[1::2], strict=True))


@pytest.mark.jit
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_as_the_page_says(folder: Path, mistake: str) -> None:
    row = re.search(rf"^\| {re.escape(mistake)} \| `(.*)` \|$", PAGE, re.M)
    assert row
    wanted = "^" + ".*".join(re.escape(part) for part in row[1].split("…")) + "$"
    text = (TEMPLATES / "backend.py").read_text()
    for old, new in batched(MISTAKES[mistake]):
        text = text.replace(old, new)
    name = "direct.py" if "direct.py" in mistake else "my_conv.py"
    with pytest.raises(PluginError) as caught:
        load_plugin(write(folder / name, text))
    assert re.search(wanted.removeprefix("^"), str(caught.value)), str(caught.value)
