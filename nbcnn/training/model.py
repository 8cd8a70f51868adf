"""``nbcnn.Model``: a network with its engine, which can be called on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbcnn.autotune.auto import resolve_auto
from nbcnn.config import Config
from nbcnn.engine.engine import Engine
from nbcnn.engine.input_check import check_input
from nbcnn.engine.network import Network
from nbcnn.errors import ShapeError
from nbcnn.introspect.summary_html import summary_html
from nbcnn.util.locks import module_lock
from nbcnn.util.memory import no_memory_error

_making = module_lock()


class Model(Network):
    """A network with the engine that runs it: calling it on (N, C, H, W) gives the last layer's output.

    The engine is made at the first call; layers with ``backend: auto`` get their backends before that.
    """

    def __init__(self, config: Config, dtype: str = "float32") -> None:
        super().__init__(config, dtype)
        self._engine: Engine | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Outputs (N, …) of float32 images x (N, C, H, W), scaled as in training (pixel / 255, less mean, by std).

        A float64 x is rounded to float32. Raises ShapeError for another shape, also where the channels come last, and
        for numbers that float32 can't hold.
        """
        self.check_input(x)
        if x.dtype == self.dtype:  # what is below would take a sixth of one image's time
            return self.scores(x)
        with no_memory_error(f"{len(x):,} images at once", "give fewer at a time"):
            with np.errstate(over="ignore"):
                images = np.ascontiguousarray(x, self.dtype)
            if x.dtype.itemsize > images.itemsize and not np.array_equal(np.isinf(images), np.isinf(x)):
                raise ShapeError(f"x holds numbers that {self.dtype} can't, beyond 3.4e38; scale pixels as in training")
            return self.scores(images)

    def _repr_html_(self) -> str:
        """In a notebook: the table of ``nbcnn summary``."""
        return summary_html(self.config.name, self.root)

    def scores(self, images: np.ndarray) -> np.ndarray:
        """As calling the model, for images (N, C, H, W) of any kind: bytes are scaled as in training.

        Threads may call at once: they take turns.
        """
        engine = self._engine or self._make_engine()
        with no_memory_error(f"{len(images):,} images at once", "give fewer at a time"):
            images = np.ascontiguousarray(images)
            # Numba would compile anew for an array that can't be written to, as pictures that were read can't.
            return engine.predict(images if images.flags.writeable else images.copy())

    def _make_engine(self) -> Engine:
        with _making:
            if self._engine is None:
                resolve_auto(self, training=False, threads=self.config.train.threads)
                self._engine = Engine(self, training=False, threads=self.config.train.threads)
            return self._engine

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: threads can't go along."""
        return {name: value for name, value in super().__getstate__().items() if name != "_engine"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._engine = None

    def check_input(self, x: np.ndarray) -> None:
        """Raise ShapeError with the likely cause unless x is a float array (N, *in_shape)."""
        check_input(self, x, ("f",))
