"""The base class of a config's sections, and the field types that several sections have."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A section of the config; an empty one (null) has all its defaults."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


NothingSet = BeforeValidator(lambda value: {} if value is None else value)
"""In the type of a section: an empty one (null) has all its defaults."""
Count = Annotated[int, Field(ge=1)]
