"""For all tests: the trust tests' long form and their counts, and how processes share the files of tests."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, MISSING
from exhaustive import exhaustive
from plain_python import SLOWLY
from stripes import write_stripes
from trust.counts import KINDS, write_table

DOCUMENT = Path(__file__).parent.parent / "docs" / "reliability.md"

LONG = {"test_suite.py", "test_checks.py", "test_conv2d.py", "test_resume.py", "test_warmup.py", "test_docs.py"}
"""Files that take long: they come first, so that no processor has one of them left when the others are done."""

NO_BROWSER = set() if CHROMIUM or os.environ.get("CI") else {"browser"}
"""The marker of tests that are left out where no browser is installed."""

os.environ.setdefault("NBCNN_COMPILE_PROCESSES", "1")  # the tests' own processes keep all processors busy

_COUNTS: Counter[str] = Counter()
_SEEN = {"tests": 0, "failed": 0, "started": time.time()}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="the trust tests' long form: more of each, half an hour and more"
    )
    parser.addoption("--reliability", action="store_true", help="write the trust tests' counts into the document")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long files come first; under NUMBA_DISABLE_JIT=1 there is no machine code and no cache to test.

    Without a browser its tests are left out, and the summary says so; continuous integration has one, or fails.
    """
    items.sort(key=lambda item: item.path.name not in LONG)
    out = ({"jit"} if SLOWLY else set()) | NO_BROWSER
    left_out = [item for item in items if any(item.get_closest_marker(marker) for marker in out)]
    if left_out:
        items[:] = [item for item in items if not any(item.get_closest_marker(marker) for marker in out)]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(params=["float32", pytest.param("float64", marks=exhaustive)])
def dtype(request: pytest.FixtureRequest) -> str:
    """Both precisions that kernels are compiled for; by default one of them, as each kernel takes its time to compile."""
    return str(request.param)


@pytest.fixture(scope="session", name="long")
def long_form(request: pytest.FixtureRequest) -> bool:
    """Whether the long form was asked for."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images that are easy to learn."""
    folder = tmp_path_factory.mktemp("stripes")
    write_stripes(folder)
    return folder


@pytest.fixture
def pictures() -> None:
    """For tests that look at pictures in a file whose other tests ask for none."""


@pytest.fixture
def no_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For files whose tests look at no picture of a training: to draw them takes ten times as long as a small training."""
    if "pictures" not in request.fixturenames:
        for module in ("loop", "comparison"):
            monkeypatch.setattr(f"nbcnn.training.{module}.draw_run", lambda *_: None)


@pytest.fixture
def count(record_property: Callable[[str, Any], None]) -> Callable[..., None]:
    """``count(kind, number)``: what this test has shown, if it passes; kinds are those of trust/counts.py."""

    def add(kind: str, number: int = 1) -> None:
        assert kind in KINDS, f"{kind} is not counted; kinds: {', '.join(KINDS)}"
        record_property("trust", [kind, number])

    return add


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "trust" in report.keywords:
        _SEEN["failed"] += report.failed
    if report.when == "call" and report.passed:
        _SEEN["tests"] += "trust" in report.keywords
        for name, value in report.user_properties:
            if name == "trust":
                _COUNTS[value[0]] += value[1]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints the counts where there are any, and writes them down where that is asked for; and what was left out."""
    if NO_BROWSER:
        terminalreporter.section("left out")
        terminalreporter.write_line(f"tests marked browser: {MISSING}")
    if not _COUNTS:
        return
    form = "long" if config.getoption("--long") else "short"
    terminalreporter.section(f"trust, {form} form")
    for kind, meaning in KINDS.items():
        if kind in _COUNTS:
            terminalreporter.write_line(f"{_COUNTS[kind]:>9,} {kind}: {meaning}")
    if config.getoption("--reliability") and _SEEN["failed"]:
        terminalreporter.write_line(f"{DOCUMENT} is left as it was: {_SEEN['failed']} failed")
    elif config.getoption("--reliability"):
        write_table(DOCUMENT, form, _COUNTS, int(_SEEN["tests"]), time.time() - _SEEN["started"])


class _ByFile:
    """With pytest-xdist, a file's tests stay in one process: they share what is made once for the file."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        from xdist.scheduler import LoadFileScheduling

        config.option.loadscopereorder = False  # as they are collected, not those of the most tests first
        return LoadFileScheduling(config, log) if config.getoption("dist") == "load" else None


def pytest_configure(config: pytest.Config) -> None:
    # A shell starts what stands before & with Ctrl-C ignored, and so do its children: trainings would not stop.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(_ByFile())
