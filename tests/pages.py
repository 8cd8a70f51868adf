"""Pages of the documentation that can be followed: their fenced blocks, run in order, and what they show of the output.

    ```sh            commands, one a line: nbcnn and python; "sh fails" where the exit code is 2, "sh unfinished" where
                     it is 1, "sh example" where it is there to be read and not to be run
    ```python        Python, in one namespace for the whole page; a first line ``# file: my.yaml`` writes a file instead
    <!-- lines 1-3, 7 -->
    ```              what was printed by the block before, of which these lines are shown, others marked by "..."

The comment may be left out: then all is shown. ``<!-- numbers vary -->`` or ``<!-- lines 1-3; numbers vary -->`` is for
tables of measurements: their numbers and the order of their lines are not compared.
"""

from __future__ import annotations

import io
import os
import re
import runpy
import shlex
import shutil
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from nbcnn.cli import main

MODELS = Path(__file__).parents[1] / "models"
CODES = {"sh": 0, "sh unfinished": 1, "sh fails": 2}
"""Exit codes of the commands in a block."""

FILE = re.compile(r"# file: (\S+)\n")
TIMES = re.compile(r"\d[\d,.]*(?=\s?(?:s|ms|µs|ns|seconds?|minutes?|images/s|GFLOP/s|threads?)\b)")
COMPILING = re.compile(r"^compil(?:ing|ed) .*first run only.*\n|^warning: the machine is busy .*\n(?:  .*\n)*", re.M)


class Block(NamedTuple):
    """What stands between two fences: the words after the first one, the text, where it is in the page, the comment before."""

    kind: str
    text: str
    start: int
    end: int
    comment: str


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    pattern = r"^(?:<!-- ([^\n]*) -->\n)?```([^\n]*)\n(.*?)^```$"
    return [Block(m[2], m[3], m.start(3), m.end(3), m[1] or "") for m in re.finditer(pattern, page, re.S | re.M)]


def follow(page: str, folder: Path) -> Iterator[tuple[Block, str]]:
    """Do in an empty folder what a page says; each block of output with what was printed by the block before it.

    nbcnn's own models are copied to a path of the same length everywhere, since lines are folded by their lengths.
    """
    printed, names = "", {"__name__": "page"}
    own = shutil.copytree(MODELS, folder / "site" / "models", dirs_exist_ok=True)
    here = mock.patch("nbcnn.config.loader._models_folder", return_value=own)
    with chdir(folder), here, mock.patch.dict(os.environ, {"COLUMNS": "100"}):
        for block in blocks(page):
            file = FILE.match(block.text)
            if file:
                Path(file[1]).write_text(block.text[file.end() :], encoding="utf-8")
            elif block.kind in CODES:
                printed = "".join(command(line, CODES[block.kind]) for line in block.text.splitlines())
            elif block.kind == "python":
                printed = _caught(lambda text=block.text: exec(compile(text, "page", "exec"), names))
            elif block.kind == "":
                yield block, printed


def command(line: str, code: int = 0) -> str:
    """What ``nbcnn …`` or ``python FILE`` prints; AssertionError where the exit code is another one."""
    program, *words = shlex.split(line, comments=True)
    ended: list[Any] = []

    def run() -> None:
        try:
            if program == "nbcnn":
                main(words)
            else:
                assert program == "python" and len(words) == 1, f"a page can run nbcnn and python FILE, not {line}"
                runpy.run_path(words[0], run_name="__main__")
        except SystemExit as end:
            ended.append(end.code or 0)

    printed = _caught(run)
    assert (ended or [0]) == [code], f"{line}\n{printed}"
    return printed


def _caught(run: Any) -> str:
    """What a call prints, on either stream, without the lines about compiling and load."""
    stream = io.StringIO()
    with redirect_stdout(stream), redirect_stderr(stream):
        run()
    text = COMPILING.sub("", stream.getvalue()).replace(f"{Path.cwd()}/", "")
    text = re.sub(r"\S*/models/(?=[\w-]+\.yaml)", "…/models/", text)  # the folder of nbcnn's own
    return re.sub(r"\S*/nbcnn(?= )", "nbcnn", text)


def shown(block: Block, printed: str) -> str:
    """The lines of an output that a block shows; AssertionError where its comment names lines that are not there."""
    lines = printed.strip("\n").splitlines()
    wanted = re.match(r"lines ([\d, -]+)", block.comment)
    assert wanted or block.comment in ("", "numbers vary"), f"not understood: <!-- {block.comment} -->"
    ranges = [part.partition("-") for part in wanted[1].split(",")] if wanted else [("1", "-", str(len(lines)))]
    kept, after = [], 1
    for first, dash, last in ranges:
        begin, end = int(first), int(last if dash else first)
        assert after <= begin <= end <= len(lines), f"<!-- {block.comment} -->: {len(lines)} lines were printed"
        kept += (["..."] if begin > after else []) + lines[begin - 1 : end]
        after = end + 1
    return "\n".join([*kept, *(["..."] if after <= len(lines) else [])]) + "\n"


def comparable(text: str, vary: bool = False) -> list[str]:
    """Lines without what differs from one run to the next: times and speeds; if numbers ``vary``, no number, no order."""
    lines = [re.sub(r"\s+", " ", line) if line != was else line for was, line in _masked(text)]
    if not vary:
        return lines
    return sorted(re.sub(r"[\s>*]+", " ", re.sub(r"\d[\d,.]*", "#", line)).strip() for line in lines)


def _masked(text: str) -> list[tuple[str, str]]:
    return [(line, TIMES.sub("#", line)) for line in text.splitlines()]


def differences(page: str, folder: Path) -> Iterator[tuple[Block, str]]:
    """The blocks of a page whose output is another one now, with what they should show."""
    for block, printed in follow(page, folder):
        now, vary = shown(block, printed), "numbers vary" in block.comment
        if comparable(now, vary) != comparable(block.text, vary):
            yield block, now
