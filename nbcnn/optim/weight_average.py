"""The exponential moving average of weights, PyTorch's AveragedModel with get_ema_multi_avg_fn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class WeightAverage:
    """The averages of flat float32 ``arrays`` (size,): all parameters, and whatever else a network keeps, by name.

    After the first step an average is the array itself, as in PyTorch; then decay · average + (1 - decay) · array.
    """

    def __init__(self, decay: float, arrays: Mapping[str, np.ndarray]) -> None:
        import numpy as np

        self._arrays, self._share = dict(arrays), np.float32(1 - decay)
        self._averages = {name: np.zeros_like(array) for name, array in arrays.items()}
        self._count = np.zeros(1, np.int64)

    def update(self) -> None:
        """Take the arrays after a step of the optimizer into the averages."""
        from nbcnn.optim._average_kernel import move_towards

        for name, array in self._arrays.items():
            if self._count[0]:
                move_towards(self._averages[name], array, self._share)
            else:
                self._averages[name][:] = array
        self._count += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While inside, the arrays hold their averages; afterwards what they held before."""
        before = {name: array.copy() for name, array in self._arrays.items()}
        try:
            for name, array in self._arrays.items():
                array[:] = self._averages[name]
            yield
        finally:
            for name, array in self._arrays.items():
                array[:] = before[name]

    @property
    def state(self) -> dict[str, np.ndarray]:
        """The arrays that a checkpoint must hold to go on exactly."""
        return {f"ema.{name}": array for name, array in self._averages.items()} | {"ema.count": self._count}
