"""Writes tests/fuzz/corpus, with which fuzzing begins: small valid files of every format. Run it when formats change."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]


def main() -> None:
    """Replace the corpus."""
    from trust import seeds, targets

    corpus = HERE / "corpus"
    shutil.rmtree(corpus, ignore_errors=True)
    plain = seeds.idx_seeds()
    with tempfile.TemporaryDirectory() as place:
        run = seeds.run_seeds(seeds.tiny_run(Path(place).resolve()))
        run = {name: content.replace(place.encode(), b"/tmp") for name, content in run.items()}
    files = {
        "yaml": {f"{k}.yaml": text for k, text in enumerate(seeds.yaml_seeds())},
        "answers": {f"{k}.yaml": text for k, text in enumerate(seeds.answers_seeds())},
        "idx": {f"{k}.idx": data for k, data in enumerate([*plain, *map(seeds.gzipped, plain)])},
        "checkpoint": {f"{k}.safetensors": data for k, data in enumerate(seeds.checkpoint_seeds())},
        "image": {f"{k}.image": data for k, data in enumerate(seeds.image_seeds())},
        # The files themselves, and what the harness takes: a number and the content.
        "run": run | {f"input{k}": bytes([k]) + run[name] for k, name in enumerate(targets.FILES)},
    }
    for kind, contents in files.items():
        (corpus / kind).mkdir(parents=True)
        for name, content in contents.items():
            (corpus / kind / name).write_bytes(content)


if __name__ == "__main__":
    main()
