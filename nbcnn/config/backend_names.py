"""The type of ``backends`` in a config: for each op the name of a backend that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from nbcnn.kernels.registry import op_names
from nbcnn.layers.entries import Flaw, backend_flaws, refuse
from nbcnn.util.suggestions import nearest


def _known_backends(backends: Any) -> Any:
    flaws = []
    for op, name in backends.items() if isinstance(backends, Mapping) else ():
        if not isinstance(name, str):
            flaws.append(Flaw((op,), "expected the name of a backend", name, about="got"))
        elif op not in op_names():
            flaws.append(Flaw((op,), f"unknown op {op!r}; {nearest(op, op_names())}", name, about="key"))
        else:
            flaws += backend_flaws((op,), op, name)
    if flaws:
        refuse(*flaws)
    return backends


BackendsField = Annotated[dict[str, str], BeforeValidator(_known_backends)]
