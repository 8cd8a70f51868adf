"""Gradient clipping in a training, and the mean norm of an epoch's gradients for its record."""

from __future__ import annotations

import numpy as np

from nbcnn.optim.clip_grad_norm import clip_grad_norm


class GradientClipping:
    """Clips each step's gradient to ``max_norm`` (None: not at all); its ``state`` is what a checkpoint must hold."""

    def __init__(self, max_norm: float | None) -> None:
        self._max_norm = max_norm
        self._norms = np.zeros(2)  # the sum of this epoch's norms, and how many they are

    def clip(self, gradient: np.ndarray) -> None:
        """Shorten a gradient (size,) in place, where it is too long."""
        if self._max_norm is not None:
            self._norms += clip_grad_norm(gradient, self._max_norm), 1

    def end_epoch(self) -> float | None:
        """The mean of the norms before clipping in the epoch that is done; None without clipping."""
        total, count = self._norms.tolist()
        self._norms[:] = 0
        return total / count if count else None

    @property
    def state(self) -> dict[str, np.ndarray]:
        return {} if self._max_norm is None else {"clip_grad_norm": self._norms}
