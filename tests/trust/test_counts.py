"""The counts of the trust tests: a kind has a meaning, and a table goes into its place in the document."""

from __future__ import annotations

from pathlib import Path

import pytest

from trust.counts import KINDS, table, write_table

pytestmark = pytest.mark.trust


def test_every_kind_is_in_the_table() -> None:
    lines = table({"kills survived": 1200}).splitlines()
    assert len(lines) == 2 + len(KINDS)
    assert "| kills survived | 1,200 |" in "\n".join(lines) and "| attacks refused | 0 |" in "\n".join(lines)


def test_a_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    document = tmp_path / "x.md"
    document.write_text("a\n<!-- short -->\nBEFORE\n<!-- end of short -->\nb\n<!-- long -->\n<!-- end of long -->\n")
    for number in (1, 20):
        write_table(document, "short", {"attacks refused": number}, tests=7, seconds=12.3)
    text = document.read_text()
    assert text.startswith("a\n<!-- short -->\n\n7 tests in 12 s with nbcnn ") and "BEFORE" not in text
    assert text.count("| attacks refused | 20 |") == 1 and "| attacks refused | 1 |" not in text
    assert text.endswith("<!-- end of short -->\nb\n<!-- long -->\n<!-- end of long -->\n")


def test_an_unknown_kind_is_not_counted(count) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(AssertionError, match="kittens is not counted; kinds: "):
        count("kittens")
