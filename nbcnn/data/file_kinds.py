"""The error sentence for a data path that is not a folder: an archive, an image, a missing path."""

from __future__ import annotations

import re
from pathlib import Path

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
WANTED = "a folder with a folder of images for each class, or with four IDX files"


def not_a_folder(path: Path) -> str:
    """The sentence for a path that is something else than a folder, or not there."""
    if not path.exists():
        link = " (a link that leads nowhere)" if path.is_symlink() else ""
        return f"{path}: no such folder{link}"
    suffix = path.suffix.lower()
    said = f"{path} is a file, not a folder; expected {WANTED}; "
    if re.search(r"idx[13]-ubyte", path.name):
        return f"{said}give the one that holds it, {path.parent}"
    if suffix in ARCHIVES:
        return f"{said}unpack it and give the folder that comes out"
    if suffix in IMAGES:
        return f"{said}put the images of each class into a folder of its own, and give the folder above these"
    return f"{said}save its images as PNG files, or its arrays with nbcnn.data.write_idx in Python"
