"""docs/explain-conv.md: what it shows is what the commands print."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import blocks, differences
from plugin_files import empty_folder  # noqa: F401 (a fixture)

PAGE = (Path(__file__).parents[2] / "docs" / "explain-conv.md").read_text(encoding="utf-8")


@pytest.mark.jit
def test_the_page_shows_what_is_printed(folder: Path) -> None:
    assert [block.kind for block in blocks(PAGE)].count("") == 5
    assert list(differences(PAGE, folder)) == []
