"""Wrong plugins, each a file of tests/kernels/wrong, through the command; and a race, which has to show every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nbcnn.check.choice import chosen
from nbcnn.check.odd import busy
from nbcnn.check.outofbounds import check_bounds
from nbcnn.check.report import Report
from nbcnn.check.threads import check_threads
from nbcnn.errors import KernelError
from nbcnn.kernels import registry
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
    "crash": [
        "FAILED out of bounds: conv2d=crash: its process ended with SIGABRT in forward: it writes out of its arrays, or aborts",
        r"linear=crash: 0 problems, refuses all of them .* refused 15: it has 1 features, it can only do none",
        r"checks of 2 backends passed, 15 refused with a reason, 1 failed$",
    ],
}


@pytest.fixture(scope="module")
def outputs() -> dict[str, tuple[int, str]]:
    """Exit codes and outputs of a command for each file; all run at once."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    command = [sys.executable, "-m", "nbcnn", "kernels", "check", "--quick", "--dtype", "float32"]
    running = {
        name: subprocess.Popen(
            [*command, str(WRONG / f"{name}.py")],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in WORDS
    }
    found = {}
    for name, process in running.items():
        out, err = process.communicate()
        found[name] = (process.returncode, f"{out}{err}")
    return found


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


@pytest.mark.parametrize("what", ["winograd", "conv2d=winograd"])
def test_a_backend_of_a_plugin_that_is_not_loaded(what: str) -> None:
    with pytest.raises(KernelError, match=r"winograd.py may have it and is not loaded: add --plugin \S*winograd.py"):
        chosen(what)


def test_every_wrong_plugin_is_in_the_table() -> None:
    assert {file.stem for file in WRONG.glob("*.py")} == set(WORDS)


@pytest.mark.parametrize("name", WORDS)
def test_a_wrong_plugin_is_caught(name: str, outputs: dict[str, tuple[int, str]]) -> None:
    code, out = outputs[name]
    assert code == 1, out
    text = " ".join(out.split())
    for words in WORDS[name]:
        assert re.search(words, text), out
    assert f"in {WRONG / name}.py" in text
    assert max(len(line) for line in out.splitlines()) <= max(100, len(str(WRONG)) + 30)


def test_a_race_shows_every_time() -> None:
    plugin = load_plugin(WRONG / "race.py")
    [key] = plugin.backends
    backend = registry.backend(*key)
    loading._take_back(loading._loaded.pop(plugin.file).things)
    found = []
    for _ in range(20):
        report = Report(*key, "race.py")
        check_threads(backend, busy("conv2d")[0], 4, report)
        found.append({failure.array for failure in report.failures})
    assert found == [{"y"}] * 20
