"""Counters of one stage of a batch: the packs that threads have taken, and those that are done."""

from __future__ import annotations

from itertools import count

import numpy as np


class Progress:
    """How far a stage of a batch is: ``next_pack`` (1,), which no thread has taken; 1 in ``finished`` (packs,)."""

    def __init__(self, packs: int) -> None:
        self.next_pack, self.finished = np.zeros(1, np.int64), np.zeros(packs, np.int64)
        self.reset()

    def reset(self) -> None:
        """No pack is taken yet."""
        self.next_pack[0], self._numbers = 0, count()
        self.finished[:] = 0

    def take(self) -> int:
        """The next pack that no thread has taken."""
        return next(self._numbers)

    def end(self, packs: int) -> None:
        """Nobody takes another pack."""
        self.next_pack[0], self._numbers = packs, count(packs)
