"""The pixels are not scaled as the network needs them."""

from __future__ import annotations

from nbcnn.training.doctor.evidence import Evidence
from nbcnn.training.doctor.finding import Finding

EXPLAINS = (
    "batch_norm_statistics",
    "dead_relus",
    "exploding_gradients",
    "over_fitting",
    "saturation",
    "step_too_large",
    "step_too_small",
    "stuck_at_chance",
    "vanishing_gradients",
)
NARROW, WIDE = 0.1, 4.0
"""Standard deviations of the network's inputs between which trainings go well; their means are at most WIDE, too."""
CLEARLY = 3
"""How many times farther off they are where it is said of a training that learns all the same."""


def look(evidence: Evidence) -> Finding | None:
    """The mean and standard deviation of the scaled pixels, far from 0 and 1."""
    if evidence.facts is None or not (evidence.records or evidence.stopped):
        return None
    factor = CLEARLY if evidence.learned > 0.5 else 1
    settings, (means, spreads) = evidence.config.data, evidence.facts.pixels
    channels = len(means)
    mean, std = (v * channels if len(v) == 1 else v for v in (settings.mean, settings.std))
    scaled = [((m - a) / s, d / s) for m, d, a, s in zip(means, spreads, mean, std, strict=True)]
    far = max(max(abs(m) / WIDE, d / WIDE, NARROW / d if d else 0) for m, d in scaled)
    if far <= factor or not all(spreads):
        return None
    m, d = max(scaled, key=lambda one: max(abs(one[0]) / WIDE, one[1] / WIDE, NARROW / one[1]))
    said = [
        f"data.{key}=[{', '.join(f'{n:.3g}' for n in numbers)}]" for key, numbers in (("mean", means), ("std", spreads))
    ]
    return Finding(
        f"what the network gets has mean {m:.3g} and standard deviation {d:.3g}",
        f"data.mean {list(settings.mean)} and data.std {list(settings.std)} are not those of these images, counted "
        "from 0 (black) to 1 (white)",
        "give theirs, for mean 0 and deviation 1",
        tuple(said),
    )
