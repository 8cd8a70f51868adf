"""Exceptions raised by a plugin's code as one sentence: file, line, message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nbcnn.errors import NbcnnError, PluginError, shown
from nbcnn.plugins.loading import loaded_plugins
from nbcnn.util.tracebacks import frames


@contextmanager
def blamed() -> Iterator[None]:
    """Inside (or, as a decorator, in a function), what a loaded plugin raises becomes PluginError.

    ``sys.exit`` counts: a plugin doesn't end the program. Ctrl-C, and what nbcnn raises itself, pass as they are.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        files, places = {str(plugin.file) for plugin in loaded_plugins()}, frames(error)
        inside = [place for place in places if place[0] in files]
        ours = isinstance(error, (NbcnnError, SystemExit))
        if not inside or (ours and inside[-1] != places[-1]):
            raise
        file, line = inside[-1]
        what = "" if isinstance(error, NbcnnError) else type(error).__name__
        raise PluginError(f"{shown(file)}:{line}: {': '.join(filter(None, (what, str(error))))}") from error
