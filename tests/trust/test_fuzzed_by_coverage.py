"""The harnesses of tests/fuzz, which are guided by coverage: each is run for some seconds where the long form is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from exhaustive import parametrize

pytestmark = pytest.mark.trust

FUZZ = Path(__file__).parents[1] / "fuzz"
FORMATS = ("yaml", "idx", "checkpoint", "image", "run", "answers")
SECONDS = 60


@parametrize("kind", FORMATS, quick=["yaml"])
def test_harness(kind: str, tmp_path: Path, count: Callable[..., None], long: bool) -> None:
    """In the short form, its seeds alone, one by one; in the long form a minute of fuzzing."""
    seeds = sorted((FUZZ / "corpus" / kind).iterdir())
    if not long:
        for seed in seeds[:1]:
            run(kind, str(seed))
        count("inputs fuzzed", len(seeds[:1]))
        return
    assert find_spec("atheris"), "the long form takes atheris, which is not installed: pip install 'nbcnn[fuzz]'"
    told = run(kind, "--seconds", str(SECONDS), "--found", str(tmp_path))
    executed = re.search(r"stat::number_of_executed_units: (\d+)", told)
    assert executed, told[-3000:]
    assert int(executed[1]) > 50, "it hardly ran"
    count("inputs fuzzed", int(executed[1]))


def run(*words: str) -> str:
    done = subprocess.run([sys.executable, str(FUZZ / "run.py"), *words], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


def test_the_corpus_is_small_and_of_every_format() -> None:
    files = [file for file in (FUZZ / "corpus").rglob("*") if file.is_file()]
    assert {file.parent.name for file in files} == set(FORMATS)
    assert sum(file.stat().st_size for file in files) < 100_000
