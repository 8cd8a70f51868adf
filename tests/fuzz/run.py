"""Fuzzing that is guided by coverage, with atheris: ``python tests/fuzz/run.py FORMAT --seconds 60``.

FORMAT is yaml, answers, idx, checkpoint, image or run. What it finds goes into ``tests/fuzz/found``, and the input that failed is
named; ``python tests/fuzz/run.py FORMAT FILE`` tries one again. It begins with the files of ``tests/fuzz/corpus/FORMAT``,
which ``python tests/fuzz/make_corpus.py`` writes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]
FORMATS = ("yaml", "answers", "idx", "checkpoint", "image", "run")
LARGEST = {"yaml": 4096, "answers": 2048, "idx": 512, "checkpoint": 2048, "image": 2048, "run": 2048}
"""Bytes of an input: short ones are many."""


def harness(kind: str, folder: Path) -> Callable[[bytes], object]:
    """The target of tests/trust/targets.py, everything that it may not do watched."""
    from trust import targets
    from trust.watch import watched

    if kind == "run":
        corpus = HERE / "corpus" / "run"
        files = {name: (corpus / name).read_bytes() for name in targets.FILES}

        def target(data: bytes, folder: Path) -> object:
            """The first byte says which file of the run folder the others are."""
            name = targets.FILES[data[0] % len(targets.FILES)] if data else targets.FILES[0]
            return targets.run_folder({**files, name: data[1:]}, folder)

    else:
        target = {
            "yaml": targets.yaml_file,
            "answers": targets.answers,
            "idx": targets.idx_file,
            "checkpoint": targets.checkpoint,
            "image": targets.image,
        }[kind]

    def one(data: bytes) -> None:
        with watched(folder):
            target(data, folder)

    for seed in sorted((HERE / "corpus" / kind).iterdir())[:20]:  # imports come now, and are not watched
        target(seed.read_bytes(), folder)
    return one


def main() -> None:
    """Fuzz, or try one input again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", metavar="FORMAT", choices=FORMATS)
    parser.add_argument("file", nargs="?", type=Path, help="try this input alone")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--found", type=Path, default=HERE / "found", help="folder for what is found")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="nbcnn-fuzz-")).resolve()
    if given.file:
        content = given.file.read_bytes()
        os.chdir(folder)
        harness(given.kind, folder)(content)
        return
    try:
        import atheris
    except ImportError:
        sys.exit("fuzzing takes atheris, which is not installed: pip install 'nbcnn[fuzz]'")
    kept = (given.found / given.kind).resolve()
    kept.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    parts = [
        "nbcnn.config",
        "nbcnn.data",
        "nbcnn.runs.checkpoint",
        "nbcnn.runs.run_folder",
        "nbcnn.training.loading",
        "nbcnn.training.doctor.statistics_file",
        "nbcnn.exercises.class_answers",
        "nbcnn.data.picture",
        "nbcnn.data.image_file",
        "yaml",
    ]
    with atheris.instrument_imports(include=parts), contextlib.suppress(ImportError):
        one = harness(given.kind, folder)
    options = [f"-max_total_time={given.seconds}", f"-max_len={LARGEST[given.kind]}", f"-artifact_prefix={kept}/", "-timeout=30",
               "-rss_limit_mb=3000", "-print_final_stats=1", "-verbosity=1"]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(kept), str(HERE / "corpus" / given.kind)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
