"""Choices in the user's cache: what they depend on, and that nothing about that folder can spoil a run."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numba
import pytest
from memory import own_memory

from nbcnn.autotune import choice as choices
from nbcnn.autotune import measurement_cache
from nbcnn.autotune.auto import resolve_auto
from nbcnn.autotune.choice import Choice, not_for_auto, question
from nbcnn.autotune.kernel_timing import Seconds
from nbcnn.autotune.measurement_cache import MeasurementCache
from nbcnn.autotune.roofline import Cpu
from nbcnn.compiler import kernel_cache
from nbcnn.config import load_config
from nbcnn.errors import NbcnnError
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.registry import backend, backend_names
from nbcnn.training.model import Model

NET: dict[str, Any] = {
    "name": "linear",
    "input": {"channels": 1, "height": 4, "width": 4},
    "layers": ["flatten", {"linear": {"out_features": 3, "backend": "auto"}}],
}
PROBLEM = Conv2dProblem(2, 3, 8, 8, (3, 3))


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    return own_memory(monkeypatch, tmp_path / "cache")


def chosen(winner: str) -> tuple[str, bool]:
    """What is chosen when ``winner`` would win a race, and whether that is from memory."""
    network = Model(load_config(NET))

    def timer(problem: Any, names: Any, *more: Any, **options: Any) -> Seconds:
        return {name: {"forward": 1.0 if name == winner else 2.0} for name in names}

    (choice,) = resolve_auto(network, False, 1, timer)
    return choice.name, choice.remembered


def note(cache: Path) -> Path:
    (file,) = (cache / "choices").iterdir()
    return file


def test_a_note_is_one_readable_file_that_only_its_owner_can_reach(cache: Path) -> None:
    assert chosen("naive") == ("naive", False)
    file = note(cache)
    assert re.fullmatch(r"linear-[0-9a-f]{20}\.json", file.name)
    assert (cache / "choices").stat().st_mode & 0o777 == 0o700
    content = json.loads(file.read_text())
    assert content["question"]["problem"] == {"op": "linear", "in_features": 16, "out_features": 3, "dtype": "float32"}
    assert content["answer"] == {"name": "naive", "seconds": {"direct": 2.0, "naive": 1.0}, "slow": [], "steps": {}}
    assert chosen("direct") == ("naive", True)
    file.unlink()  # forgotten
    assert chosen("direct") == ("direct", False)


DAMAGE = {
    "cut": (lambda text: text[:40], "Unterminated string|Expecting"),
    "empty": (lambda text: "", "Expecting value"),
    "a list": (lambda text: "[]", "list indices"),
    "no answer": (lambda text: text.replace('"answer"', '"other"'), "KeyError 'answer'"),
    "another question": (lambda text: text.replace('"out_features": 3', '"out_features": 4'), "another question"),
    "an unknown name": (lambda text: text.replace('"name": "naive"', '"name": "winnograd"'), "none of direct, naive"),
    "no number": (lambda text: text.replace("2.0", '"two"'), "could not convert string to float: 'two'"),
    "no text": (lambda text: "\udc80", "can't decode byte"),
    "deep": (lambda text: "[" * 200_000, "recursion|nested"),
    "huge": (lambda text: " " * (1 << 20) + text, "too large"),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_a_damaged_note_costs_one_warning_and_is_replaced(cache: Path, damage: str) -> None:
    chosen("naive")
    file, (spoil, words) = note(cache), DAMAGE[damage]
    file.write_bytes(spoil(file.read_text()).encode(errors="surrogateescape"))
    pattern = rf"choices of backends are found anew, what was kept is damaged: {re.escape(str(file))}: .*({words})"
    with pytest.warns(RuntimeWarning, match=pattern) as told:
        assert chosen("direct") == ("direct", False)
    assert len(told) == 1
    assert chosen("naive") == ("direct", True)


def test_a_note_of_another_user_is_not_believed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen("naive")
    own, file = Path.stat, note(cache)

    def stat(self: Path, **options: Any) -> os.stat_result:
        found = own(self, **options)
        return os.stat_result((*found[:4], found.st_uid + 1, *found[5:10])) if self == file else found

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.warns(RuntimeWarning, match="is damaged: .*: it belongs to another user"):
        assert chosen("direct") == ("direct", False)


def test_a_folder_that_others_can_write_to_is_not_used(cache: Path) -> None:
    (cache / "choices").mkdir()
    (cache / "choices").chmod(0o777)
    kernel_cache._safe_folder.cache_clear()
    with pytest.warns(
        RuntimeWarning, match=r"choices of backends are not kept: .*choices: others may write there\. Set NBCNN_"
    ):
        assert chosen("naive") == ("naive", False)
    assert chosen("direct") == ("direct", False)  # told once, and not kept
    assert not list((cache / "choices").iterdir())


def test_a_disk_that_is_full_costs_one_warning(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> None:
        raise NbcnnError("cannot write it: No space left on device")

    monkeypatch.setattr(measurement_cache, "write_atomic", full)
    notes = MeasurementCache("choices", "choices of backends")
    with pytest.warns(RuntimeWarning, match="choices of backends are not kept: cannot write it: No space") as told:
        notes.put("a", {}, 1)
    assert len(told) == 1
    notes.put("b", {}, 2)  # told once: here a second warning would be an error


PROGRAM = """
import sys, warnings
warnings.simplefilter("error")
from nbcnn.config import load_config
from nbcnn.autotune.auto import resolve_auto
from nbcnn.training.model import Model
layers = ["flatten", {"linear": {"out_features": 3, "backend": "auto"}}]
net = Model(load_config({"name": "l", "input": {"channels": 1, "height": 4, "width": 4}, "layers": layers}))
sys.stdin.readline()
(choice,) = resolve_auto(net, True, 1)
print(choice.name, choice.remembered)
"""


def test_two_processes_at_once_and_a_third_that_remembers(cache: Path) -> None:
    def started() -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, **pipes
        )

    both = [started(), started()]
    for process in both:  # as near to one another as can be had
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = []
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        answers.append(out.split()[0])
    kept = json.loads(note(cache).read_text())["answer"]["name"]
    assert kept in answers
    third = started()
    assert third.communicate("\n", timeout=120)[0].split() == [kept, "True"]


def asked(threads: int = 2, problem: Any = PROBLEM, directions: tuple[str, ...] = ("forward",)) -> dict[str, Any]:
    return question(Choice(problem, directions, ("0",), not_for_auto(problem)), threads)


def test_the_question_holds_all_that_an_answer_depends_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = asked()
    assert plain == asked()
    assert list(plain["candidates"]) == ["direct", "fft", "im2col", "naive", "winograd", "winograd_2x2"]
    different = [
        asked(threads=1),
        asked(problem=Conv2dProblem(2, 3, 8, 8, (3, 3), dtype="float64")),
        asked(problem=Conv2dProblem(2, 3, 8, 8, (3, 3), stride=(1, 2))),
        asked(directions=("forward", "grad_weight")),
        asked(problem=LinearProblem(2, 3)),
    ]
    for owner, name, value in (
        (choices, "cpu", lambda: Cpu("another", "target", "features", 2)),
        (numba, "__version__", "9.9"),
        (choices, "__version__", "9.9"),
        (choices, "_kernels_digest", lambda: "edited"),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(owner, name, value)
            different.append(asked())
    edited = tmp_path / "direct.py"
    edited.write_text("# changed")
    direct, getfile = type(backend("conv2d", "direct")), inspect.getfile
    with monkeypatch.context() as changed:
        changed.setattr(inspect, "getfile", lambda what: str(edited) if what is direct else getfile(what))
        different.append(asked())
    assert len({json.dumps(one, sort_keys=True) for one in [plain, *different]}) == 1 + len(different) == 11
    assert asked() == plain


def test_a_plugin_that_is_loaded_or_edited_asks_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbcnn.plugins import load_plugin, unload_plugin

    file = tmp_path / "other_linear.py"
    file.write_text(
        "from nbcnn.kernels.linear.naive import *\nfrom nbcnn.kernels.linear.naive import Naive\n"
        "from nbcnn.kernels.registry import register\n\n\n"
        '@register("linear")\nclass Other(Naive):\n    """the formula, under another name"""\n'
    )
    before = asked(problem=LinearProblem(2, 3))
    chosen("naive")
    plugin = load_plugin(file)
    assert "other_linear" in " ".join(backend_names("linear"))
    loaded = asked(problem=LinearProblem(2, 3))
    assert len(loaded["candidates"]) == len(before["candidates"]) + 1
    assert chosen("direct") == ("direct", False)
    file.write_text(file.read_text() + "\n# edited\n")
    choices._file_digest.cache_clear()
    assert asked(problem=LinearProblem(2, 3)) != loaded
    unload_plugin(plugin)


def test_nothing_is_warned_of_when_all_is_well() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [chosen("naive"), chosen("naive")] == [("naive", False), ("naive", True)]
