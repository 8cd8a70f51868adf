"""The backends of each variant of ``nbcnn compare``, from its ``--backend`` options."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nbcnn.errors import ConfigError


def variant_choices(backends: Sequence[str]) -> list[tuple[str, ...]]:
    """Each variant's ``op=name``s; raises ConfigError for what is no list of at least two different variants."""
    if isinstance(backends, str) or not all(isinstance(text, str) for text in backends):
        raise ConfigError(f"backends must be a list such as ['conv2d=direct', 'conv2d=fft'], got {backends!r}")
    choices = [tuple(re.sub(r"\s*=\s*", "=", part.strip()) for part in text.split(",")) for text in backends]
    for choice, text in zip(choices, backends, strict=True):
        alone = [part for part in choice if part and "=" not in part]
        if "=" in choice[0] and alone:
            op = choice[0].partition("=")[0]
            raise ConfigError(
                f"--backend {text}: a comma joins ops of one variant, each as OP=NAME; give each variant a "
                f"--backend of its own: --backend {choice[0]} --backend {op}={alone[0]}"
            )
    if len(backends) < 2:
        found = f"there is one: {backends[0]}" if backends else "there is none"
        raise ConfigError(
            f"a comparison needs at least two variants, and {found}; "
            "give one --backend for each, for instance --backend conv2d=direct --backend conv2d=fft"
        )
    for choice, text in zip(choices, backends, strict=True):
        ops = [part.partition("=")[0].strip() for part in choice]
        if twice := [op for op in ops if ops.count(op) > 1]:
            raise ConfigError(
                f"--backend {text}: {twice[0]} stands there twice; what the commas part is one variant, so give each "
                "variant a --backend of its own"
            )
    for index, choice in enumerate(choices):
        if set(choice) in map(set, choices[:index]):
            raise ConfigError(
                f"--backend {backends[index]} is given twice; training it again gives the same bits, so every variant "
                "must be another"
            )
    return choices
