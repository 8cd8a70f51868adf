"""docs/course: what the chapters show is what their commands print, and the teacher's page knows the exercises."""

from __future__ import annotations

import codeop
import re
from pathlib import Path

import pytest
from exhaustive import parametrize
from pages import blocks, differences
from plugin_files import empty_folder  # noqa: F401 (a fixture)

from nbcnn import exercises

COURSE = Path(__file__).parents[2] / "docs" / "course"
CHAPTERS = sorted(COURSE.glob("[1-9]-*.md"))
TEACHER = COURSE / "teacher.md"
MOST_SECONDS = 5
"""Chapters whose commands take longer are for the whole suite."""


def seconds(page: Path) -> int:
    """How long a chapter's commands take, as it says, on two cores with compiled kernels."""
    stated = re.search(r"the commands take about (\d+) seconds", page.read_text(encoding="utf-8"))
    assert stated, f"{page.name} does not say: the commands take about N seconds"
    return int(stated[1])


@pytest.mark.jit
@parametrize("page", CHAPTERS, quick=lambda page: seconds(page) <= MOST_SECONDS, ids=lambda page: page.stem)
def test_a_chapter_shows_what_is_printed(page: Path, folder: Path) -> None:
    found = list(differences(page.read_text(encoding="utf-8"), folder))
    assert not found, f"{page.name} shows\n{found[0][0].text}but now it is\n{found[0][1]}"


def typed(text: str) -> None:
    """Give Python line by line, as to an interactive session; SyntaxError where a paragraph needs an empty line after it."""
    held: list[str] = []
    for line in [*text.splitlines(), ""]:
        held.append(line)
        if codeop.compile_command("\n".join(held), symbol="single") is not None:
            held = []
    assert not any(held), f"unfinished: {held}"


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_python_of_a_chapter_can_be_typed_into_a_session(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.kind == "python" and not block.text.startswith("# file: "):
            typed(block.text)


def test_what_a_session_does_not_take_is_found() -> None:
    typed("for n in (1, 2):\n    print(n)\n\nprint(3)\n")
    with pytest.raises(SyntaxError):
        typed("for n in (1, 2):\n    print(n)\nprint(3)\n")


@pytest.mark.jit
def test_the_teachers_page_shows_what_is_printed(folder: Path) -> None:
    assert list(differences(TEACHER.read_text(encoding="utf-8"), folder)) == []


def test_the_teachers_page_gives_every_exercise_to_a_chapter() -> None:
    text = TEACHER.read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[.*?\]\(([\w-]+\.md)\) \| (\d+) \| ([\d, ]+) \|$", text, re.M)
    assert [name for name, _, _ in rows] == [page.name for page in CHAPTERS]
    given = {name: {int(number) for number in numbers.split(",")} for name, _, numbers in rows}
    assert set().union(*given.values()) == set(range(1, len(exercises.all_exercises()) + 1))
    for page in CHAPTERS:
        asked = {int(number) for number in re.findall(r"^nbcnn exercise (\d+)", page.read_text(encoding="utf-8"), re.M)}
        assert asked <= given[page.name], f"docs/course/teacher.md does not give {asked} to {page.name}"
        goals = re.search(rf"^\*\*{re.escape(title(page))}\*\*\n((?:- .*\n|  .*\n)+)", text, re.M)
        assert goals and goals[1].count("- ") >= 2, f"docs/course/teacher.md lacks goals of {page.name}"


def title(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def test_there_are_eight_chapters_in_order() -> None:
    assert [page.name[:2] for page in CHAPTERS] == [f"{n}-" for n in range(1, 9)]
    contents = (COURSE / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\(([1-9]-[\w-]+\.md)\)", contents) == [page.name for page in CHAPTERS]


@pytest.mark.parametrize("page", CHAPTERS, ids=lambda page: page.stem)
def test_a_chapter_names_the_command_that_makes_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert f"<!-- made by: python tests/benchmarks/course.py docs/course/{page.name} --write -->" in text
    assert all(block.text.strip() for block in blocks(text)), "an output that was never written"
