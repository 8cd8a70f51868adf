"""The values of a block's parameters (``$name``) at one use of the block, and the words for that use in messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from nbcnn.config.tree import KeyPath

_MANY_USES = 3
"""So many uses one in another are told in full; of more, the innermost and the outermost."""


@dataclass(frozen=True)
class Scope:
    """Where a text is written: in which block (None for the network), by which uses of blocks that came to be here.

    ``blocks`` are those that it is inside of, ``uses`` the places of their uses, the innermost first; ``note`` says
    for which parameter an argument stands.
    """

    arguments: Mapping[str, Argument] | None = None
    blocks: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    note: str = ""

    @property
    def used(self) -> str:
        """What ends a message about this text."""
        uses = self.uses if len(self.uses) <= _MANY_USES else (self.uses[0], "...", self.uses[-1])
        place = f"used at {', which is used at '.join(uses)}" if uses else ""
        return "; ".join(part for part in (self.note, place) if part)


class Argument(NamedTuple):
    """What a parameter stands for: the value as written, where, and in which scope."""

    value: Any
    path: KeyPath
    scope: Scope
