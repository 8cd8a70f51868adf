"""Comparison of a test accuracy with guessing, and what to try where it is no better."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, exp, lgamma, log
from typing import NamedTuple

import numpy as np

LUCK = 0.01
"""An accuracy that chance alone reaches with less than this probability is better than guessing."""

FEW = 100
"""With fewer test images than this, any accuracy above the guess counts as better: chance varies too much to judge."""


class Guess(NamedTuple):
    """The best constant guess: a class, and the share of test images that have it."""

    name: str
    share: float


def no_better_than_guessing(accuracy: float, labels: np.ndarray, classes: Sequence[str]) -> Guess | None:
    """The best guess, where ``accuracy`` on images of these ``labels`` (N,) is no more than it gives; else None."""
    counts = np.bincount(labels)
    images, most = len(labels), int(counts.argmax())
    guess = float(counts[most]) / images
    if guess == 1:  # there is nothing to tell apart
        return None
    right = round(accuracy * images)
    if right > counts[most] and (images < FEW or chance(right, images, guess) < LUCK):
        return None
    return Guess(classes[most], guess)


def chance(right: int, images: int, share: float) -> float:
    """How probable it is that of so many guesses, each right with the probability ``share``, at least ``right`` are."""
    if images <= 60:
        return sum(comb(images, k) * share**k * (1 - share) ** (images - k) for k in range(right, images + 1))
    whole = lgamma(images + 1)
    ways = (whole - lgamma(k + 1) - lgamma(images - k + 1) for k in range(right, images + 1))
    odds = (k * log(share) + (images - k) * log(1 - share) for k in range(right, images + 1))
    return sum(exp(one + other) for one, other in zip(ways, odds, strict=True))


def what_to_try(guess: Guess, train: float | None, optimizer: str, lr: float | None, epochs: int) -> str:
    """Where to look first; ``train`` is the accuracy on the training images, if it is known."""
    if train is not None and train > guess.share + 0.2:
        return (
            f"the training images are told apart ({train:.1%}): are the test images labelled and made in the same way, "
            "and are there enough to learn from?"
        )
    step = f"a step ten times smaller or larger (--set train.optimizer.{optimizer}.lr={lr / 10:g}), " if lr else ""
    return f"to try: {step}more epochs (--epochs {4 * epochs}), another init (--set train.init=...)"
