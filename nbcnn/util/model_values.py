"""The plain values of a pydantic model, with Ctrl-C told from an error.

pydantic turns whatever a field's own serializer raises into a PydanticSerializationError, a KeyboardInterrupt that
happens to strike there included: the user would read of an error, and nothing would stop.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError


def model_values(model: BaseModel, mode: Literal["json", "python"] = "json", **options: Any) -> dict[str, Any]:
    """``model.model_dump``, for use in serializers as well; raises what interrupted it as it was raised."""
    try:
        return model.model_dump(mode=mode, **options)
    except PydanticSerializationError as error:
        if error.__cause__ is not None and not isinstance(error.__cause__, Exception):
            raise error.__cause__ from None
        raise
