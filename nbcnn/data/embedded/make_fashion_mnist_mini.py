"""The script that made fashion-mnist-mini: the first 10,000 training and 2,000 test images of Fashion-MNIST.

``python -m nbcnn.data.embedded.make_fashion_mnist_mini WHOLE [TARGET]`` reads the four whole files in the folder
WHOLE and writes four short ones to TARGET (default: where nbcnn has them). The same input gives the same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from nbcnn.data.idx import content_sha256, read_idx, write_idx
from nbcnn.data.idx_files import NAMES, find_files
from nbcnn.errors import DataError

COUNTS = (10_000, 10_000, 2_000, 2_000)  # in the order of NAMES
FOLDER = Path(__file__).parent / "fashion-mnist-mini"


def make(whole: Path, target: Path) -> None:
    """Write the first images and labels of the data set in ``whole`` to ``target``; print the sums of the contents."""
    files = find_files(whole)
    if files is None:
        raise DataError(f"{whole} lacks one of {', '.join(NAMES)}")
    target.mkdir(parents=True, exist_ok=True)
    for name, path, count in zip(NAMES, files, COUNTS, strict=True):
        first = read_idx(path)[:count]
        write_idx(target / f"{name}.gz", first)
        print(content_sha256(first), len(first), name)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m nbcnn.data.embedded.make_fashion_mnist_mini WHOLE [TARGET]")
    make(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else FOLDER)
