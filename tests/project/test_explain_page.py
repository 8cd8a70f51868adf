"""docs/explain-conv.md: what it shows is what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from nbcnn.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "explain-conv.md"


def outputs() -> dict[str, list[str]]:
    """The blocks of output by the command before them."""
    found: dict[str, list[str]] = {}
    command = ""
    for block in re.findall(r"^```\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.S | re.M):
        if block.startswith("nbcnn "):
            command = block.strip()
        else:
            found.setdefault(command, []).append(block)
    return found


def holds(printed: list[str], shown: list[str]) -> bool:
    """Whether the lines shown are lines printed, without a gap but where they say ``...``."""
    place = next((n for n, line in enumerate(printed) if line == shown[0]), None)
    gap = False
    for line in shown:
        if line == "...":
            gap = True
            continue
        if place is None or (gap and line not in printed[place:]):
            return False
        place = printed.index(line, place) if gap else place
        if place >= len(printed) or printed[place] != line:
            return False
        place, gap = place + 1, False
    return True


def test_gaps_are_only_where_they_are_marked() -> None:
    printed = ["a", "b", "c", "d"]
    assert holds(printed, ["a", "b", "...", "d"]) and holds(printed, ["b", "c", "..."])
    assert not holds(printed, ["a", "c"]) and not holds(printed, ["a", "...", "e"]) and not holds(printed, ["b", "a"])


@pytest.mark.jit
def test_the_page_shows_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = outputs()
    assert len(shown) == 4 and sum(map(len, shown.values())) == 5
    for command, blocks in shown.items():
        with pytest.raises(SystemExit):
            main(shlex.split(command)[1:])
        printed = capsys.readouterr().out.splitlines()
        for block in blocks:
            assert holds(printed, block.splitlines()), f"{command}\n{block}"
