"""The conclusions of a comparison in words: a sentence for each variant, and one for all."""

from __future__ import annotations

from nbcnn.report.bit_divergence import Comparison, Variant

ROUNDING = 1e-3
"""A gradient that is farther off than this, as a share of its length, is hardly the same formula rounded otherwise.

float32 rounds to 6e-8 of a number; sums of many, Fourier transforms and layers upon each other leave 1e-7 to 1e-5. A
ReLU or a maximum that a rounding flips changes single gradients wholly: 5e-4 was seen, of backends that are right.
"""


def verdicts(comparison: Comparison) -> list[str]:
    """The sentences, in the order of the variants."""
    reference = comparison.reference
    told = [_verdict(comparison, variant) for variant in comparison.variants[1:]]
    if reference.diverged:
        step = reference.diverged.step
        held = "weights are held against it up to the step before"
        told.insert(0, f"{reference.name}: diverged at step {step}; {held}.{_began(reference)}")
    if any(_rounds(variant) for variant in comparison.variants):
        told.append(
            "What it means: the same formula, summed in another order, is rounded otherwise in its last bits; every "
            "step starts from the weights that the one before has left, so the difference is carried on and may "
            "grow; how much of it reaches loss and accuracy is in the table."
        )
    return told


def _rounds(variant: Variant) -> bool:
    return variant.parted is not None and variant.parted.gradient <= ROUNDING


def _verdict(comparison: Comparison, variant: Variant) -> str:
    name, reference, parted = variant.name, comparison.reference, variant.parted
    diverged = f" {name} diverged at step {variant.diverged.step}.{_began(variant)}" if variant.diverged else ""
    if not variant.differences:
        return f"{name}: no step that both it and {reference.name} made, so no weights to compare.{diverged}"
    if parted is None:
        steps = len(variant.differences)
        return (
            f"{name}: the same bits as {reference.name} to the last step ({steps:,}): every sum was rounded alike, so "
            f"only the speed can differ.{diverged}"
        )
    start = f"{name}: parts from {reference.name} at step {parted.step}, farthest in {parted.tensor}, "
    off = f"from equal weights its gradient is off by {parted.gradient:.1e} of its length"
    if not _rounds(variant):
        return (
            f"{start}and probably not by rounding alone: {off}, where rounding mostly stays below {ROUNDING:g}; "
            f"{_checks(variant, reference)} tells whether a backend is wrong.{diverged}"
        )
    return f"{start}by rounding: {off}{_guesses(comparison, variant)}.{diverged}"


def _began(variant: Variant) -> str:
    """Where the first wrong number was, as the second line of the reason says it."""
    lines = variant.diverged.why.splitlines() if variant.diverged else []
    return f" {lines[1][0].upper()}{lines[1][1:]}." if len(lines) > 1 else ""


def _checks(variant: Variant, reference: Variant) -> str:
    """The commands that check the backends which the variant alone has, or all where these have no name."""
    own = [part for part in variant.name.split(",") if part not in reference.name.split(",")]
    named = [part for part in own if not part.endswith("=auto")]
    return " or ".join(f"nbcnn kernels check {part}" for part in named) or "nbcnn kernels check"


def _guesses(comparison: Comparison, variant: Variant) -> str:
    if variant.other_guesses is None:
        return ""
    few = variant.other_guesses or "none"
    held = comparison.validation_images
    images = f"{comparison.test_images:,} test" if held is None else f"{held:,} validation"
    return f"; at the end {few} of {images} images get{'s' * (few == 1)} another guess"
