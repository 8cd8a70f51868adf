"""The records of two trainings on one set of pictures, laid out rightly and wrongly (training/layout_lab.py)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from nbcnn.util.html_table import table

if TYPE_CHECKING:
    import numpy as np

Layout = Literal["transposed", "reshaped"]

LAYOUTS: tuple[Layout, Layout] = ("transposed", "reshaped")


@dataclass(frozen=True)
class LayoutRun:
    """What a training on one layout came to.

    ``accuracy`` is that on the test images; ``shifted``, for each of the lab's ``shifts``, on test images that were
    moved before they were laid out; ``kept`` the share of predictions that stay the same then. Both are means over four
    directions.
    """

    layout: Layout
    train_accuracy: float
    accuracy: float
    shifted: tuple[float, ...]
    kept: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class LayoutLab:
    """Both trainings, and one test image: the ``picture`` (H, W, C), and as each network has ``seen`` it (C, H, W).

    ``tinted`` says that grey images were given colours, one each; ``margin`` are the black pixels around each picture;
    ``guess`` is the share of the most frequent class among the test images.
    """

    name: str
    data: str
    tinted: bool
    epochs: int
    images: int
    test_images: int
    shifts: tuple[int, ...]
    runs: tuple[LayoutRun, ...]
    picture: np.ndarray
    seen: dict[Layout, np.ndarray]
    margin: int = 0
    guess: float = 0.0

    def _repr_html_(self) -> str:
        """In a notebook: accuracies on both layouts, and on shifted images what is left of them."""
        rows = [
            [one.layout, *(f"{share:.1%}" for share in (one.train_accuracy, one.accuracy, *one.shifted, *one.kept))]
            for one in self.runs
        ]
        moved, same = ([f"{what} {n}" for n in self.shifts] for what in ("moved", "same"))
        words = f"{self.name} on {self.images:,} images of {self.data}, laid out rightly and wrongly"
        return table(("layout", "training", "test", *moved, *same), rows, words)

    def as_json(self) -> dict[str, Any]:
        """What json.dumps takes, without the pixels."""
        fields = ("name", "data", "tinted", "epochs", "images", "test_images", "shifts", "margin", "guess")
        return {name: getattr(self, name) for name in fields} | {"runs": [asdict(run) for run in self.runs]}
