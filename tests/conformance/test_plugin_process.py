"""Wrong plugins, each a file of tests/conformance/wrong, through the command; and a race, which has to show every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from exhaustive import exhaustive, parametrize

from nbcnn.conformance.isolation import _Process, apart
from nbcnn.conformance.out_of_bounds import check_bounds
from nbcnn.conformance.report import Report
from nbcnn.conformance.selection import chosen
from nbcnn.conformance.threads import check_threads
from nbcnn.errors import KernelError
from nbcnn.kernels import registry
from nbcnn.kernels.ops import op as definition
from nbcnn.plugins import load_plugin, loading

pytestmark = pytest.mark.jit

WRONG = Path(__file__).parent / "wrong"
WORDS = {
    "bias_ignored": [
        r"FAILED whole numbers: y is wrong everywhere, first at .* bias \(3→5 channels.* equals the result without the bias",
        "whole numbers of y and rounding of y fail only where there is a bias",
        "jacobian +14 +7 ",
    ],
    "flipped_kernel": [
        r"FAILED whole numbers: y is wrong .* the result with the kernel flipped \(turned by 180 degrees: convolution",
        "fail only where there is a kernel larger than 1×1",
    ],
    "off_by_one": [
        "FAILED whole numbers: y is wrong .* column 8, image 0: got .* all wrong numbers lie in the last column"
    ],
    "race": [
        r"FAILED threads: y has other bits than in a serial run, in up to \d+ of \d+ calls by a thread while 4 threads "
        r"call at once, for 3×3 stride 1 .* a race: do calls share a buffer other than the scratch",
        "whole numbers +504 +0 ",
    ],
    "out_of_bounds": [
        "conv2d=out_of_bounds: 0 problems, the grid was left out check passed failed worst error seconds out of bounds",
        "all other checks were left out until `out of bounds` passes: they could end the program",
        "FAILED out of bounds: forward raised IndexError: index is out of bounds",
    ],
    "writes_outside": [
        "all other checks were left out until `out of bounds` passes: they could end the program",
        "FAILED out of bounds: forward raised IndexError: index is out of bounds, for ",
        r"checks of 1 backend passed, 0 refused with a reason, \d+ failed$",
    ],
    "never_returns": [
        "conv2d=never_returns: 0 problems, the grid was left out check passed failed worst error seconds contract",
        "FAILED contract: conv2d=never_returns: forward has not come back within 8 s, for 1×1 stride 1 padding 0 .* "
        r"is there a loop that never ends\? \(--patience, or NBCNN_PATIENCE, allows more seconds\)",
        "all other checks were left out until `contract` passes: they could end the program",
    ],
    "recursion": [
        "FAILED out of bounds: conv2d=recursion: its process ended with SIGSEGV in grad_input: halves calls itself "
        r"\(\S*recursion.py:15\) without an end, and the stack overflowed, for 1×1 stride 1 padding 0",
    ],
    "crash": [
        "FAILED out of bounds: conv2d=crash: its process ended with SIGABRT in forward: it writes out of its arrays, or aborts",
        r"linear=crash: 0 problems, refuses all of them .* refused 15: it has 1 features, it can only do none",
        r"checks of 2 backends passed, 15 refused with a reason, 1 failed$",
    ],
}
PATIENCE = {"never_returns": ("--patience", "8")}


QUICK = {"crash"}
"""By default, one that is wrong and one that ends its process."""


def checked(name: str) -> tuple[int, str]:
    """Exit code and output of the command for a file."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    command = [sys.executable, "-m", "nbcnn", "kernels", "check", "--quick", "--dtype", "float32"]
    words = [*command, *PATIENCE.get(name, ()), str(WRONG / f"{name}.py")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_a_plugin_that_takes_the_other_process_down_while_it_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "at_once.py"
    text = (WRONG / "crash.py").read_text(encoding="utf-8").replace(" and problem.kernel_size != (3, 3)", "")
    file.write_text(text.replace('"crash"', '"at_once"'), encoding="utf-8")
    plugin = load_plugin(file)
    reports = [Report(op, name, str(file)) for op, name in (*plugin.backends, ("relu", "direct"))]
    reports[-1].file = registry.__file__
    assert check_bounds(reports, 0, 100.0) == [reports[-1]]
    loading._take_back(loading._loaded.pop(plugin.file).things)
    for report in reports[:-1]:
        sentence = "out of bounds: its process ended with SIGABRT while the plugin was loaded"
        assert [str(failure) for failure in report.failures] == [sentence]
    assert reports[-1].tally("out of bounds").passed == 9


LOST = """\
import os, sys, time

from nbcnn import register
from nbcnn.kernels.conv2d.naive import Naive


def broken(name, grad_input):
    class Broken(Naive):
        def supports(self, problem):
            while name == "hangs" and problem.height > 7:  # not with the small problems of loading
                time.sleep(1)

        def build(self, problem):
            return super().build(problem)._replace(grad_input=grad_input)

    register.backend("conv2d", name)(Broken)


def prints(dy, w, dx, scratch):
    if dy.any():
        print("dx is", dx.shape)
    dx[:] = 0


def at_work(action):
    def grad_input(dy, w, dx, scratch):
        if dy.any():  # not with the zeros that it is tried with when it is loaded
            action()

    return grad_input


broken("exits", at_work(lambda: sys.exit(0)))
broken("ends", at_work(lambda: os._exit(0)))
broken("killed", at_work(lambda: os.kill(os.getpid(), 9)))
broken("hangs", at_work(lambda: None))
broken("prints", prints)
"""


@exhaustive
def test_what_a_backend_does_to_its_process(tmp_path: Path) -> None:
    """Each costs itself its checks, and no other; what is left out of the process afterwards is nothing."""
    file = tmp_path / "lost.py"
    file.write_text(LOST, encoding="utf-8")
    with pytest.warns(UserWarning, match="grad_input prints"):
        plugin = load_plugin(file)
    reports = [Report(op, name, str(file)) for op, name in plugin.backends]
    lines = list(apart("nbcnn.conformance.out_of_bounds", reports, {"seed": 0}, {}, 4.0))
    loading._take_back(loading._loaded.pop(plugin.file).things)
    told = {line["pair"][1]: line for line in lines if "failure" in line or "printed" in line}
    assert told["exits"]["failure"] == "grad_input raised SystemExit: 0"
    assert told["ends"]["failure"] == (
        "conv2d=ends: its process ended with exit code 0 in grad_input: it ends the program; a kernel only computes"
    )
    assert told["killed"]["failure"] == (
        "conv2d=killed: its process ended with SIGKILL in grad_input: the system does so when memory runs out; does it "
        "allocate without a bound?"
    )
    assert told["hangs"]["failure"] == "conv2d=hangs: supports has not come back within 4 s"
    assert told["prints"]["printed"] == 34 and told["prints"]["first"] == "dx is (3, 7, 9, 16)"
    assert {line["pair"][1] for line in lines if line.get("done")} == {"exits", "prints"}


def test_the_first_line_that_is_printed_may_come_in_pieces() -> None:
    process = _Process.__new__(_Process)
    process.forget()
    for piece in (b"\n", b"dx is", b" (3, 7)\nsecond", b" line\n"):
        process._print(piece)
    assert (process.printed, process.first) == (3, "dx is (3, 7)")


@pytest.mark.parametrize("what", ["toeplitz", "conv2d=toeplitz"])
def test_a_backend_of_a_plugin_that_is_not_loaded(what: str) -> None:
    with pytest.raises(KernelError, match=r"toeplitz.py may have it and is not loaded: add --plugin \S*toeplitz.py"):
        chosen(what)


def test_every_wrong_plugin_is_in_the_table() -> None:
    assert {file.stem for file in WRONG.glob("*.py")} == set(WORDS)


@parametrize("name", WORDS, quick=QUICK)
def test_a_wrong_plugin_is_caught(name: str) -> None:
    code, out = checked(name)
    assert code == 1, out
    text = " ".join(line for line in out.splitlines() if not line.startswith("checking "))
    text = " ".join(text.split())
    for words in WORDS[name]:
        assert re.search(words, text), out
    assert f"in {WRONG / name}.py" in text
    assert max(len(line) for line in out.splitlines()) <= max(100, len(str(WRONG)) + 30)


@exhaustive
def test_a_race_shows_every_time() -> None:
    plugin = load_plugin(WRONG / "race.py")
    [key] = plugin.backends
    backend = registry.backend(*key)
    loading._take_back(loading._loaded.pop(plugin.file).things)
    found = []
    for _ in range(20):
        report = Report(*key, "race.py")
        check_threads(backend, definition("conv2d").busy()[0], 4, report)
        found.append({failure.array for failure in report.failures})
    assert found == [{"y"}] * 20
