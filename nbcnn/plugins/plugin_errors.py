"""Exceptions raised by a plugin's code as one sentence: file, line, message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nbcnn.errors import NbcnnError, PluginError, shown
from nbcnn.plugins.loading import loaded_plugins


@contextmanager
def blamed() -> Iterator[None]:
    """Inside (or, as a decorator, in a function), what a loaded plugin raises becomes PluginError.

    ``sys.exit`` counts: a plugin doesn't end the program. Ctrl-C, and what nbcnn raises itself, pass as they are.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        frames, trace = [], error.__traceback__
        while trace is not None:
            frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
            trace = trace.tb_next
        files = {str(plugin.file) for plugin in loaded_plugins()}
        inside = [place for place in frames if place[0] in files]
        ours = isinstance(error, (NbcnnError, SystemExit))
        if not inside or (ours and inside[-1] != frames[-1]):
            raise
        file, line = inside[-1]
        what = "" if isinstance(error, NbcnnError) else type(error).__name__
        raise PluginError(f"{shown(file)}:{line}: {': '.join(filter(None, (what, str(error))))}") from error
