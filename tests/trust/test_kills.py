"""SIGKILL at random moments, saves included: every checkpoint can be read, nothing that was saved is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from exhaustive import exhaustive, parametrize

from trust.kills import survive

pytestmark = [pytest.mark.trust, pytest.mark.jit]


@parametrize("kills", [1, 2], quick=[1])
def test_a_training_survives_a_few_kills(kills: int, tmp_path: Path, count: Callable[..., None]) -> None:
    """The first of this seed is in a save."""
    count("kills survived", survive(tmp_path, kills, seed=7).kills)


@exhaustive
def test_a_training_survives_being_killed(tmp_path: Path, count: Callable[..., None], long: bool) -> None:
    survived = survive(tmp_path, 200 if long else 20, seed=7)
    assert survived.kills == (200 if long else 20)
    assert survived.in_saves >= survived.kills / 10  # else it was not tried at its worst
    count("kills survived", survived.kills)
