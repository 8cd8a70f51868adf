"""Shapes, windows and shares in the sentences of findings."""

from __future__ import annotations

from typing import Any


def one_or_two(pair: tuple[int, int]) -> Any:
    """A pair as YAML has it: one number where both are the same."""
    return pair[0] if pair[0] == pair[1] else list(pair)


def percent(share: float) -> str:
    """``78 %``; ``0.4 %`` for a small one, and never 100 % for less."""
    if share > 0.995 and share < 1:
        return f"{int(share * 1000) / 10:g} %"
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.2g} %"
