"""Checkpoints between the ends of epochs: when ``checkpoint_every`` asks for one."""

from __future__ import annotations

import time

from nbcnn.config import CheckpointEvery


class CheckpointSchedule:
    """When the state is due to be saved between the ends of epochs, as ``checkpoint_every`` says."""

    def __init__(self, every: CheckpointEvery | None) -> None:
        self._every, self._last = every, time.monotonic()

    def due(self, step: int) -> bool:
        """Whether it is, after this step."""
        if self._every is None:
            return False
        by_steps = self._every.steps is not None and step % self._every.steps == 0
        by_time = self._every.seconds is not None and time.monotonic() - self._last >= self._every.seconds
        if by_steps or by_time:
            self._last = time.monotonic()
        return by_steps or by_time
