"""The base of all sections of a config, and what an empty section means."""

from __future__ import annotations

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Section(BaseModel):
    """A section of the config: frozen, strict, without unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


NothingSet = BeforeValidator(lambda value: {} if value is None else value)
"""In the type of a section: an empty one (null) has all its defaults."""
