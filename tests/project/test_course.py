"""docs/course: what the chapters show is what their commands print, and the teacher's page knows the exercises."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from exhaustive import parametrize
from pages import blocks, differences
from plugin_files import empty_folder  # noqa: F401 (a fixture)

COURSE = Path(__file__).parents[2] / "docs" / "course"
CHAPTERS = sorted(COURSE.glob("[1-9]-*.md"))
MOST_SECONDS = 10
"""Chapters whose commands take longer are for the whole suite."""


def seconds(page: Path) -> int:
    """How long a chapter's commands take, as it says, on two cores with compiled kernels."""
    stated = re.search(r"the commands take about (\d+) seconds", page.read_text(encoding="utf-8"))
    assert stated, f"{page.name} does not say: the commands take about N seconds"
    return int(stated[1])


@pytest.mark.jit
@parametrize("page", CHAPTERS, quick=lambda page: seconds(page) <= MOST_SECONDS, ids=lambda page: page.stem)
def test_a_chapter_shows_what_is_printed(page: Path, folder: Path) -> None:
    for block, now in differences(page.read_text(encoding="utf-8"), folder):
        pytest.fail(f"{page.name} shows\n{block.text}but now it is\n{now}")


def test_there_are_eight_chapters_in_order() -> None:
    assert [page.name[:2] for page in CHAPTERS] == [f"{n}-" for n in range(1, 9)]
    contents = (COURSE / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\(([1-9]-[\w-]+\.md)\)", contents) == [page.name for page in CHAPTERS]


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_a_chapter_names_the_command_that_makes_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert f"<!-- made by: python tests/benchmarks/course.py docs/course/{page.name} --write -->" in text
    assert all(block.text.strip() for block in blocks(text)), "an output that was never written"
