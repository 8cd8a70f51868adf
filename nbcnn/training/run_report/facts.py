"""``RunFacts``: all that a report says of a run, and the reason for each part that is missing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from nbcnn.autotune.layer_timing import LayerTime
from nbcnn.config import Config
from nbcnn.data import Dataset
from nbcnn.errors import NbcnnError
from nbcnn.introspect.activations import Activations
from nbcnn.report.page import Html, paragraph
from nbcnn.runs.metrics_row import Record
from nbcnn.training.doctor.doctor import Diagnosis
from nbcnn.training.evaluation import Evaluation
from nbcnn.training.model import Model


@dataclass
class RunFacts:
    """Parts of a run; each may be absent, and ``missing`` then has a sentence by the part's name.

    ``name`` is the folder's; ``best`` the epoch of the weights that ``network`` has;
    ``tested`` their evaluation on the test images with the ``confidences`` (N,) of the guesses; ``maps`` what the
    layers make of the first test image; ``looks`` how often the test images were looked at; ``times`` of each call of a
    step and the ``predicted`` seconds.
    """

    name: str
    folder: str = ""
    config_text: str = ""
    info: dict[str, Any] = field(default_factory=dict)
    records: Sequence[Record] = ()
    config: Config | None = None
    network: Model | None = None
    best: int | None = None
    has_weights: bool = False
    data: Dataset | None = None
    tested: Evaluation | None = None
    confidences: np.ndarray | None = None
    looks: int | None = None
    maps: Activations | None = None
    diagnosis: Diagnosis | None = None
    times: Sequence[LayerTime] = ()
    predicted: Sequence[float] = ()
    missing: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def attempt(self, part: str) -> Iterator[None]:
        """Inside, a part is read or computed; an error of nbcnn's is the reason why it is missing."""
        try:
            yield
        except NbcnnError as error:
            self.missing[part] = self.without_folder(str(error))
        except MemoryError:
            self.missing[part] = "there was not enough memory"

    def without_folder(self, text: str) -> str:
        """A sentence that names files of the run by their names alone: the folder may be called otherwise elsewhere."""
        for folder in self._names:
            place = rf"(?<![\w./-]){re.escape(folder)}(/|(?![\w.-]))"
            text = re.sub(place, lambda found: "" if found[1] else self.name, text)
        return text

    @cached_property
    def _names(self) -> list[str]:
        """What the folder may be called in sentences, the longest first."""
        if not self.folder:
            return []
        found = {self.folder, os.path.realpath(self.folder)}
        with suppress(OSError, ValueError):  # the current folder may be gone, or on another drive
            found.add(os.path.relpath(self.folder))
        return sorted(found - {"."}, key=len, reverse=True)

    def lacking(self, *parts: str) -> list[Html]:
        """A paragraph with the reason of the first of these parts that is missing, in the place of a section."""
        reasons = [self.missing[part] for part in parts if part in self.missing]
        return [paragraph(f"Not here: {reasons[0] if reasons else 'it is not known'}.")]
