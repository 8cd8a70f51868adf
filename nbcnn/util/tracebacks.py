"""The files and lines of an exception's traceback."""

from __future__ import annotations


def frames(error: BaseException) -> list[tuple[str, int]]:
    """Files and lines of an exception's traceback, innermost last."""
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return places
