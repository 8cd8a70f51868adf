"""The records of a comparison of trainings: the first step at which weights differ in a bit, and later distances.

All numbers of a comparison are computed and kept here; training/comparison.py trains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nbcnn.util.html_table import table

Tensors = Mapping[str, np.ndarray]


class FirstDifference(NamedTuple):
    """The first step after which weights differ from the reference's, and by how much.

    ``largest`` is the largest abs(Δw), met in ``tensor``; ``relative`` the largest abs(Δw) as a share of the larger of
    the two weights; ``tensors`` counts the differing weights of each tensor that has any. ``gradient`` is the length of
    the gradient's difference as a share of the gradient's, of the tensor where that is largest: both gradients were
    taken at equal weights, so it is what the backends differ by, whatever the optimizer makes of it.
    """

    step: int
    differing: int
    largest: float
    relative: float
    tensor: str
    tensors: dict[str, int]
    gradient: float


class Divergence(NamedTuple):
    """The step at which a number became NaN or infinite, and the sentence that says so."""

    step: int
    why: str


@dataclass
class Variant:
    """One choice of backends and how its training went.

    ``losses``, ``seconds`` and ``differences`` (the largest abs(Δw) from the reference's weights) have a number for
    each step; ``differences`` end where the reference or this variant diverged. ``records`` are those of the run
    folder's epochs. ``other_guesses`` counts the images of the last evaluation that got another guess than the
    reference's gave.
    """

    name: str
    folder: Path
    backends: dict[str, str] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    differences: list[float] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    parted: FirstDifference | None = None
    diverged: Divergence | None = None
    other_guesses: int | None = None

    @property
    def same_bits(self) -> bool:
        """Whether every weight had the reference's bits after every step that both made."""
        return self.parted is None and bool(self.differences)

    @property
    def last(self) -> dict[str, Any]:
        """The last epoch's record; {} before the first epoch's end."""
        return self.records[-1] if self.records else {}


@dataclass
class Comparison:
    """Variants of one network, trained in lockstep from one seed; the first is the reference.

    ``batches`` has the images of each step, ``epoch_steps`` the steps of a whole epoch; ``steps_asked`` is None where
    all epochs were to be trained. ``validation_images`` are those that epochs are evaluated on; None where it is on the
    test images.
    """

    folder: Path
    model: str
    variants: list[Variant]
    seed: int
    epochs: int
    batch_size: int
    threads: int
    parameters: int
    data: str
    train_images: int
    test_images: int
    epoch_steps: int
    steps_asked: int | None = None
    batches: list[int] = field(default_factory=list)
    interrupted: bool = False
    validation_images: int | None = None

    def _repr_html_(self) -> str:
        """In a notebook: a row for each variant."""
        rows = []
        for one in self.variants:
            parted = "never" if one.parted is None else f"step {one.parted.step:,}"
            loss, accuracy = (one.last.get(f"{self.part}_{what}") for what in ("loss", "accuracy"))
            shown = ("" if loss is None else f"{loss:.4f}", "" if accuracy is None else f"{accuracy:.2%}")
            rows.append([one.name, "the reference" if one is self.reference else parted, *shown])
        head = ("variant", "bits part after", f"{self.part} loss", f"{self.part} accuracy")
        return table(head, rows, f"{self.model}, {self.steps:,} steps")

    @property
    def part(self) -> str:
        """What records call the split that epochs are evaluated on: ``test`` or ``val``."""
        return "test" if self.validation_images is None else "val"

    @property
    def reference(self) -> Variant:
        """The variant that the others are compared with."""
        return self.variants[0]

    @property
    def steps(self) -> int:
        """Steps done."""
        return len(self.batches)

    @property
    def json(self) -> Path:
        """The file with all numbers."""
        return self.folder / "compare.json"

    @property
    def picture(self) -> Path:
        """The loss curves over each other, and the differences."""
        return self.folder / "compare.png"

    def images_per_second(self, variant: Variant) -> float:
        """The median over the variant's steps; NaN where it made none."""
        return median([n / s for n, s in zip(self.batches, variant.seconds, strict=False)])

    def speed(self, variant: Variant) -> float:
        """How many times as fast as the reference: the median over the steps that both made, each side by side."""
        return median([a / b for a, b in zip(self.reference.seconds, variant.seconds, strict=False)])

    def to_mapping(self) -> dict[str, Any]:
        """All numbers as JSON has them: None where there is none, or none that is finite."""
        known = asdict(self)
        for variant, entry in zip(self.variants, known["variants"], strict=True):
            entry |= {
                "folder": variant.folder.name,
                "parted": variant.parted._asdict() if variant.parted else None,
                "diverged": variant.diverged._asdict() if variant.diverged else None,
                "same_bits": variant.same_bits,
                "images_per_second": self.images_per_second(variant),
                "speed": self.speed(variant),
            }
        result: dict[str, Any] = _plain(known | {"folder": str(self.folder), "steps": self.steps})
        return result


def differing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two float arrays of one shape and dtype differ in any bit; 0.0 and -0.0 do, equal NaNs don't."""
    bits = f"u{a.dtype.itemsize}"
    return np.asarray(a.view(bits) != b.view(bits))


def largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest |a - b| (a float array each), NaN where one of them holds a number that is none."""
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(a - b), initial=0))


def first_difference(
    step: int, ours: Tensors, theirs: Tensors, our_gradient: Tensors, their_gradient: Tensors
) -> FirstDifference | None:
    """The difference of the weights ``ours`` from the reference's after ``step``; None where all bits agree.

    The mappings have the same names and shapes.
    """
    counts = {name: int(np.count_nonzero(differing(ours[name], theirs[name]))) for name in theirs}
    counts = {name: count for name, count in counts.items() if count}
    if not counts:
        return None
    apart = {name: largest_difference(ours[name], theirs[name]) for name in counts}
    tensor = max(apart, key=lambda name: apart[name] if math.isfinite(apart[name]) else math.inf)
    shares = {name: _length_share(our_gradient[name], their_gradient[name]) for name in theirs}
    relative = max(_relative(ours[name], theirs[name]) for name in counts)
    return FirstDifference(step, sum(counts.values()), apart[tensor], relative, tensor, counts, max(shares.values()))


def median(numbers: list[float]) -> float:
    """The median; NaN of nothing."""
    return float(np.median(numbers)) if numbers else math.nan


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        shares = np.abs(a - b) / np.maximum(np.abs(a), np.abs(b))
    return float(np.max(shares, initial=0, where=~np.isnan(shares)))


def _length_share(a: np.ndarray, b: np.ndarray) -> float:
    """|a - b| / |b| of two arrays as vectors, in float64; 0 where both are nothing but zeros."""
    difference, length = np.linalg.norm((a.astype(float) - b).ravel()), np.linalg.norm(b.astype(float).ravel())
    return float(difference / length) if length else (math.inf if difference else 0.0)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
