"""What only the whole suite runs: the marker ``exhaustive``, and tables of which some cases run by default."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest

exhaustive = pytest.mark.exhaustive


def parametrize(names: str, cases: Iterable[Any], quick: Collection[Any] | Callable[[Any], bool], **more: Any) -> Any:
    """As ``pytest.mark.parametrize``; cases that are not ``quick`` (a collection, or a test of a case) are exhaustive."""
    several = "," in names
    known, chosen = list(cases), quick if callable(quick) else quick.__contains__
    assert any(map(chosen, known)), f"no case of {names} would run by default"
    made = [case if chosen(case) else pytest.param(*(case if several else (case,)), marks=exhaustive) for case in known]
    return pytest.mark.parametrize(names, made, **more)
