"""Kernel caches that are spoilt in every way: training goes on, with one warning and the same bits."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from exhaustive import exhaustive, parametrize

from nbcnn.compiler import kernel_cache
from nbcnn.config import load_config
from trust import matrix
from trust.processes import ROOT, Commands, bits, end, start

pytestmark = [pytest.mark.trust, pytest.mark.jit]


class Base(NamedTuple):
    """A cache that a training has filled, and that training's bits."""

    commands: Commands
    cache: Path
    bits: str

    def spoilt(self, folder: Path) -> Path:
        """A copy of the folder of kernels, to spoil."""
        shutil.copytree(self.cache, folder / "cache")
        return folder / "cache" / "kernels"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, long: bool) -> Iterator[Base]:
    folder = tmp_path_factory.mktemp("caches")
    commands = Commands(folder, really=long)
    bits, lines = commands.train(folder / "cache")
    assert [line for line in lines if "warning" in line] == []
    yield Base(commands, folder / "cache", bits)
    commands.close()


def one(kernels: Path) -> Path:
    """An entry that every training loads."""
    (found,) = kernels.glob("nbcnn.optim._sgd_kernel.sgd_step-*.nbk")
    return found


def truncate(entry: Path) -> None:
    os.truncate(entry, entry.stat().st_size // 2)


def every(damage: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda kernels: [damage(entry) for entry in kernels.glob("*.nbk")]


def of_one(damage: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda kernels: damage(one(kernels))


def flip(entry: Path) -> None:
    data = bytearray(entry.read_bytes())
    data[-100] ^= 1
    entry.write_bytes(data)


def link(entry: Path) -> None:
    entry.rename(entry.parent.parent / "elsewhere")
    entry.symlink_to(entry.parent.parent / "elsewhere")


def instead(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def replace(path: Path) -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        make(path)

    return replace


def give_away(kernels: Path) -> None:
    """To another user; who is not root and can't do so takes a folder of root's."""
    if os.getuid() == 0:
        os.chown(kernels, 12345, 12345)
    else:
        shutil.rmtree(kernels)
        kernels.symlink_to("/usr")


ANEW = r"compiling nbcnn\.\S+ anew, its cached code is damaged: \S+\.nbk: "
SILENT = "; what else is damaged there is compiled anew without a word"
NOT_KEPT = r"compiled kernels are not kept: \S+: "
OWN = r"\. Set NBCNN_CACHE_DIR to a folder of your own\."

SPOILS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped bit": (of_one(flip), ANEW + "its checksum is wrong" + SILENT),
    "all entries truncated": (every(truncate), ANEW + "its checksum is wrong" + SILENT),
    "all entries empty": (every(lambda entry: os.truncate(entry, 0)), ANEW + "its checksum is wrong" + SILENT),
    "an entry that can't be read": (of_one(lambda entry: entry.chmod(0)), ANEW + ".*Permission denied.*" + SILENT),
    "an entry that others may write": (of_one(lambda e: e.chmod(0o660)), ANEW + "others may write to it" + SILENT),
    "an entry that is a link": (of_one(link), ANEW + "it is a link" + SILENT),
    "an entry that is a folder": (of_one(instead(Path.mkdir)), ANEW + "it is not a file" + SILENT),
    "an entry that is a pipe": (of_one(instead(os.mkfifo)), ANEW + "it is not a file" + SILENT),
    "a folder that others may write": (lambda kernels: kernels.chmod(0o770), NOT_KEPT + "others may write there" + OWN),
    "a folder of another user": (give_away, NOT_KEPT + "it belongs to another user" + OWN),
    "a read-only folder": (lambda kernels: kernels.chmod(0o500), NOT_KEPT + "it is not writable" + OWN),
    "a file for the folder": (instead(Path.touch), NOT_KEPT + "File exists" + OWN),
    "a file for the cache": (lambda kernels: instead(Path.touch)(kernels.parent), NOT_KEPT + "Not a directory" + OWN),
    "a link that leads nowhere": (instead(lambda p: p.symlink_to("nowhere")), NOT_KEPT + "File exists" + OWN),
    "no folder": (shutil.rmtree, ""),
    "no cache": (lambda kernels: shutil.rmtree(kernels.parent), ""),
}


RARE = {"all entries empty", "an entry that others may write", "an entry that is a pipe", "a file for the cache"}
RARE |= {"a link that leads nowhere", "no cache"}
"""In the long form only: each is much like another."""

TELLING = {"a flipped bit"}
"""What runs by default."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "spoilt" in metafunc.fixturenames:
        known = [name for name in SPOILS if name not in RARE or metafunc.config.getoption("--long")]
        made = [name if name in TELLING else pytest.param(name, marks=exhaustive) for name in known]
        metafunc.parametrize("spoilt", made)


def test_training_goes_on_with_one_warning(spoilt: str, base: Base, tmp_path: Path, count: Callable[..., None]) -> None:
    spoil, told = SPOILS[spoilt]
    kernels = base.spoilt(tmp_path)
    spoil(kernels)
    found, lines = base.commands.train(kernels.parent)
    warnings = [line for line in lines if "warning: " in line]
    assert len(warnings) == bool(told), warnings
    assert all(re.fullmatch(f"warning: {told}", line) for line in warnings), warnings
    assert found == base.bits
    if spoilt.startswith("all"):  # all are whole again
        again, lines = base.commands.train(kernels.parent)
        assert (again, [line for line in lines if "warning" in line]) == (base.bits, [])
    count("caches spoilt")


FULL = """
import errno, os
write = os.write
def full(descriptor, data):
    place = os.readlink(f"/proc/self/fd/{descriptor}")
    if "/kernels/" not in place:
        return write(descriptor, data)
    write(descriptor, bytes(data)[:1000])
    END
os.write = full
"""
NO_SPACE = FULL.replace("END", "raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))")
KILLED = FULL.replace("END", "os.kill(os.getpid(), 9)")


@exhaustive
def test_a_disk_that_is_full(base: Base, tmp_path: Path, count: Callable[..., None]) -> None:
    found, lines = base.commands.train(tmp_path / "cache", NO_SPACE)
    kernels = tmp_path / "cache" / "kernels"
    assert [line for line in lines if "warning" in line] == [
        f"warning: compiled kernels are not kept: {kernels}: No space left on device"
    ]
    assert (found, list(kernels.iterdir())) == (base.bits, [])
    count("caches spoilt")


@exhaustive
def test_a_process_that_is_killed_while_writing(base: Base, tmp_path: Path, count: Callable[..., None]) -> None:
    kernels = base.spoilt(tmp_path)
    entry = one(kernels)
    entry.unlink()
    with pytest.raises(AssertionError):
        base.commands.train(kernels.parent, KILLED)
    (left,) = kernels.glob("*.tmp")
    assert left.stat().st_size == 1000 and not entry.exists()
    found, lines = base.commands.train(kernels.parent)
    assert found == base.bits and not any("warning" in line for line in lines)
    assert entry.exists() and left.exists()  # it may still be written
    os.utime(left, (time.time() - kernel_cache.FORGOTTEN - 60,) * 2)
    entry.unlink()
    base.commands.train(kernels.parent)
    assert entry.exists() and not left.exists()
    count("caches spoilt")


def test_entries_that_are_too_many_go_the_oldest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ages = {"old": 9, "older": 12, "oldest": 30, "new": 1}
    for name, days in ages.items():
        (tmp_path / f"{name}.nbk").write_bytes(bytes(1000))
        os.utime(tmp_path / f"{name}.nbk", (time.time() - 86400 * days,) * 2)
    monkeypatch.setattr(kernel_cache, "LARGEST", 2500)
    kernel_cache.write_entry(tmp_path / "newest.nbk", b"x")
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["new", "newest", "old"]


def test_an_entry_of_another_user_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel_cache.write_entry(tmp_path / "x.nbk", b"content")
    assert kernel_cache.read_entry(tmp_path / "x.nbk") == b"content"
    if os.getuid() == 0:
        os.chown(tmp_path / "x.nbk", 12345, 12345)
    else:
        mine = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    with pytest.raises(PermissionError, match="it belongs to another user"):
        kernel_cache.read_entry(tmp_path / "x.nbk")


def test_an_entry_is_never_written_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_cache.secrets, "token_hex", lambda _: "guessed")
    (tmp_path / "mine").write_text("precious")
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "x.nbk.guessed.tmp").symlink_to(tmp_path / "mine")
    with pytest.warns(RuntimeWarning, match="compiled kernels are not kept: .*: File exists"):
        kernel_cache.write_entry(tmp_path / "kernels" / "x.nbk", b"content")
    assert (tmp_path / "mine").read_text() == "precious"


@exhaustive
def test_compiled_afresh_and_loaded_are_the_same_bits(
    base: Base, tmp_path: Path, long: bool, count: Callable[..., None]
) -> None:
    """Processes that are really started; in the long form of every model with every backend."""
    commands = Commands(tmp_path, really=True)
    found, lines = commands.train(base.cache)
    assert (found, [line for line in lines if "compil" in line]) == (base.bits, [])
    names: list[str] = []
    for model in matrix.models() if long else ():
        for name, variant in matrix.variants(load_config(model)):
            mapping = variant.to_mapping() | {"data": {"name": "fashion-mnist-mini"}}
            mapping["train"] |= {"epochs": 1, "threads": 2}
            names.append(f"{model}-{re.sub('[^a-z0-9]', '-', name)}.yaml")
            (tmp_path / names[-1]).write_text(yaml.safe_dump(mapping | {"name": "cold"}))
    for number, name in enumerate(names):
        cold, warm = (commands.train(tmp_path / f"cache-{number}", model=name) for _ in range(2))
        assert "compil" not in "".join(warm[1])
        assert cold[0] == warm[0], name
    count("thread matrix cells", 2 + 2 * len(names))


# Two processes at once, and other versions.

FACTORY = """
from nbcnn.compiler.jit import kernel

def times(factor):
    @kernel
    def scale(x, y):
        for i in range(x.size):
            y[i] = factor * x[i]
    return scale

def twins(more):
    if more:
        @kernel
        def twin(x, y):
            y[0] = x[0] + 100
    else:
        @kernel
        def twin(x, y):
            y[0] = x[0] + 200
    return twin
"""

BOTH = """
import multiprocessing, os, random, signal, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from factory import times, twins
from nbcnn.engine.call_list import CallList

def check(function, wanted):
    x, y = np.ones(1), np.zeros(1)
    function(x, y)
    assert y[0] == wanted, (function, y[0], wanted)
    y[0] = 0
    CallList([(function, (x, y))])()  # finds machine code by its name
    assert y[0] == wanted, ("tape", function, y[0], wanted)

def play(number, barrier, rounds):
    for r in range(rounds):
        barrier.wait()
        check(times(2.0 * r + number), 2 * r + number)
        if r == 0:
            check(twins(number), 101 if number else 201)
        barrier.wait()
        # What the other has compiled meanwhile, beside mine of the same name; once more when all are loaded.
        made = [(times(2.0 * r + k), 2 * r + k) for k in (0, 1)] + [(twins(k), 101 if k else 201) for k in (0, 1)]
        for function, wanted in made + made:
            check(function, wanted)

context = multiprocessing.get_context("fork")
barrier = context.Barrier(2)
both = [context.Process(target=play, args=(number, barrier, int(sys.argv[2]))) for number in (0, 1)]
for process in both:
    process.start()
for process in both:
    process.join()
sys.exit(max(abs(process.exitcode) for process in both))
"""


@parametrize("rounds", [3, 8], quick=[3])
def test_processes_never_get_each_others_kernels(
    rounds: int, tmp_path: Path, long: bool, count: Callable[..., None]
) -> None:
    (tmp_path / "factory.py").write_text(FACTORY)
    rounds = 300 if long else rounds
    _, lines = end(start(tmp_path, tmp_path / "cache", "-c", BOTH, str(tmp_path), str(rounds)))
    assert lines == []
    assert not list(tmp_path.glob("cache/kernels/*.tmp"))
    assert len(list(tmp_path.glob("cache/kernels/*.nbk"))) == 2 * rounds + 5  # call_list.replay and its self-test
    count("caches spoilt")


DIGESTS = """
import nbcnn.engine.call_list, nbcnn.engine.ordered_sum, nbcnn.optim._sgd_kernel, nbcnn.engine.timed_replay
from nbcnn.compiler.fingerprint import fingerprint
from nbcnn.compiler.jit import OPTIONS
from nbcnn.engine import call_list, ordered_sum, timed_replay
from nbcnn.kernels import packs
from nbcnn.optim import _sgd_kernel
from nbcnn.kernels.avg_pool2d import direct
from nbcnn.kernels.conv2d.direct import forward as convolution
engine = [ordered_sum.add_in_turn, call_list.replay, call_list.replay_batches, timed_replay.replay_timed]
kernels = [packs.add, *engine, _sgd_kernel.sgd_step, direct.forward]
for function in kernels:
    print(function.py_func.__name__, fingerprint(function.py_func, OPTIONS).digest)
print("convolution", fingerprint(convolution.py_func, OPTIONS).digest)
"""

CHANGES = {
    "a kernel and what calls it": (
        "kernels/packs.py",
        "total[i] += part[i]",
        "total[i] += 2 * part[i]",
        {"add", "add_in_turn"},
    ),
    "a callee of a callee further down": (
        "kernels/conv2d/_shared.py",
        "store(frame, (c, i, j), zero)",
        "store(frame, (c, i, j), zero + 1)",
        {"convolution"},
    ),
    "an intrinsic": ("kernels/turns.py", '"monotonic"', '"seq_cst"', {"add_in_turn", "replay_batches"}),
    "a constant": ("compiler/native_call.py", "WORDS = 80", "WORDS = 96", {"replay", "replay_timed"}),
    "the language": ("lanes/math.py", "_single", "_one", None),
}


def digests(folder: Path, source: Path) -> dict[str, str]:
    out, _ = end(start(folder, folder / "none", "-c", DIGESTS, source=source))
    return dict(line.split() for line in out.splitlines())  # type: ignore[misc]


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return digests(tmp_path_factory.mktemp("now"), ROOT)


def upgraded(folder: Path, file: str, old: str, new: str) -> Path:
    """A copy of nbcnn with a change."""
    shutil.copytree(ROOT / "nbcnn", folder / "nbcnn", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "models", folder / "models") if (ROOT / "models").is_dir() else None
    path = folder / "nbcnn" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return folder


@parametrize("name", CHANGES, quick=["a kernel and what calls it"])
def test_another_version_has_other_entries(name: str, tmp_path: Path, now: dict[str, str]) -> None:
    file, old, new, wanted = CHANGES[name]
    after = digests(tmp_path, upgraded(tmp_path / "source", file, old, new))
    assert after.keys() == now.keys()
    changed = {function for function in now if now[function] != after[function]}
    assert changed >= (now.keys() if wanted is None else wanted)
    if wanted is not None:
        assert "sgd_step" not in changed  # else a digest that is always another would pass


@exhaustive
def test_an_upgrade_never_runs_stale_code(base: Base, tmp_path: Path) -> None:
    """A training with a changed kernel, on a cache that has the old one's and on an empty one: the new one's bits."""
    line = next(
        line for line in (ROOT / "nbcnn/kernels/packs.py").read_text().splitlines() if "* factor + offset" in line
    )
    source = upgraded(tmp_path / "source", "kernels/packs.py", line, line.replace("* factor", "* factor * 2"))
    kernels, found = base.spoilt(tmp_path), []
    for number, cache in enumerate((kernels.parent, tmp_path / "fresh")):
        words = ("train", str(base.commands.folder / "tiny.yaml"), "--out", f"run-{number}")
        end(start(tmp_path, cache, "-m", "nbcnn", *words, source=source))
        found.append(bits(tmp_path / f"run-{number}"))
    assert found[0] == found[1] != base.bits


@pytest.mark.parametrize("what", ["sys.version", "numba.__version__", "llvmlite.__version__", "numpy.__version__"])
def test_other_versions_of_what_compiles_have_other_entries(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbcnn.compiler.fingerprint import fingerprint
    from nbcnn.optim._sgd_kernel import sgd_step

    before = fingerprint(sgd_step.py_func, {})
    module, name = what.split(".")
    monkeypatch.setattr(sys.modules[module], name, "another")
    assert fingerprint(sgd_step.py_func, {}) != before
