"""The style that all plots share, fitted text, and atomic writing of the picture file."""

from __future__ import annotations

import atexit
import io
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbcnn.errors import CheckpointError, DataError, NbcnnError
from nbcnn.util.files import write_atomic
from nbcnn.util.locks import module_lock

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#00795A", "#D55E00", "#666666"

DPI = 120

_drawing = module_lock()

_LOOK: Any = {
    "text.parse_math": False,  # a class called a_$b is a name, not a formula
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "figure.titleweight": "bold",
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.12,  # inches: at 0.04 the first digit of an axis may be cut
    "figure.constrained_layout.h_pad": 0.08,
}


@contextmanager
def look() -> Iterator[None]:
    """matplotlib's own defaults and ours on top, whatever the user's matplotlibrc says; undone at the end.

    They are the process's, so one thread draws at a time.
    """
    with _drawing:
        import_matplotlib()
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_LOOK)
            yield


def import_matplotlib() -> None:
    """Import matplotlib whatever MPLBACKEND says: pictures are files, and no backend for windows is needed.

    A notebook hands its MPLBACKEND on to the processes that it starts, which may lack that module; the import would
    fail then, and without a home folder as well. What the person's own pyplot finds afterwards is the same as ever.
    """
    if "matplotlib" in sys.modules:
        return
    if not os.environ.get("MPLCONFIGDIR") and not os.path.isabs(os.path.expanduser("~")):
        folder = os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp(prefix="nbcnn-matplotlib-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):  # it is for pyplot to complain, should anybody ask for that
            matplotlib.rcParams["backend"] = backend


@contextmanager
def attempted(*pictures: Path) -> Iterator[None]:
    """Inside, pictures are drawn; a failure is a warning that names them, for what they show is finished and kept.

    Old pictures of these names are removed then: they would show something else. What keeps a file from being written
    is raised as ever.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, NbcnnError) and not isinstance(error, DataError):
            raise
        for picture in pictures:
            with suppress(OSError):
                picture.unlink(missing_ok=True)
        names = " and ".join(picture.name for picture in pictures)
        reason = "not enough memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
        warnings.warn(
            f"{names} could not be drawn ({' '.join(reason.split())}); all else is in {pictures[0].parent}",
            RuntimeWarning,
            stacklevel=3,
        )


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, atomically; raises CheckpointError when it can't be written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    picture = io.BytesIO()
    with warnings.catch_warnings():
        # A class name in a script that the font lacks shows as boxes; that is no reason to stop a training's end.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        FigureCanvasAgg(figure).print_figure(picture, format="png", dpi=DPI)
    write_atomic(path, picture.getvalue(), CheckpointError)


def shorten(text: str, width: float, size: float) -> str:
    """``text``, cut with an ellipsis so that it is at most ``width`` inches wide at ``size`` points."""
    line = " ".join(text.split())
    if _width(line, size) <= width:
        return line
    low, high = 0, len(line)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _width(line[:middle] + "…", size) <= width else (low, middle - 1)
    return line[:low].rstrip() + "…"


def _width(text: str, size: float) -> float:
    """Inches, from the font's own measures."""
    import_matplotlib()
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties()))
    font.set_size(size, DPI)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        font.set_text(text)
    return float(font.get_width_height()[0]) / 64 / DPI
