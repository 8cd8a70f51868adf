"""Where a step's time goes: the clock on the call list, the sums that are made of it, and what is printed."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn.bench import profile as module
from nbcnn.bench.end_to_end import task_of
from nbcnn.bench.profile import Profile, _profile, _Step, _Steps, profile
from nbcnn.cli import main
from nbcnn.compiler.jit import kernel
from nbcnn.engine import timed_replay
from nbcnn.engine.call_list import CallList
from nbcnn.engine.engine import Engine
from nbcnn.engine.timed_replay import TimedCallList
from nbcnn.errors import KernelError

pytestmark = pytest.mark.jit

CONFIG = {
    "name": "n",
    "input": {"channels": 1, "height": 8, "width": 8},
    "layers": [
        {"conv2d": {"out_channels": 2, "kernel_size": 3}},
        "sigmoid",
        {"avg_pool2d": {"kernel_size": 2}},
        "flatten",
        {"linear": {"out_features": 3}},
    ],
    "data": {"name": "fashion-mnist-mini", "mean": [0.5], "std": [0.25]},
    "train": {"batch_size": 40, "optimizer": {"sgd": {"lr": 0.1}}},
}
ORDER = [
    ("batch", "", "gather"),
    ("batch", "", "labels"),
    ("0", "conv2d im2col", "forward"),
    ("1+2", "sigmoid+avg_pool2d direct", "forward"),
    ("4", "linear direct", "forward"),
    ("loss", "", "forward"),
    ("batch", "", "report"),
    ("loss", "", "grad_input"),
    ("4", "linear direct", "grad_weight"),
    ("4", "linear direct", "grad_input"),
    ("1+2", "sigmoid+avg_pool2d direct", "grad_input"),
    ("0", "conv2d im2col", "grad_weight"),
    ("batch", "", "add"),
]


@kernel
def _count(x, to):  # type: ignore[no-untyped-def]
    for _ in range(to):
        x[0] = x[0] * 0.5 + 1


@kernel
def _fails(x):  # type: ignore[no-untyped-def]
    if x[0] < 0:
        raise ValueError("below 0")


def network(threads: int, backend: str = "im2col") -> nbcnn.Model:
    return nbcnn.load(CONFIG, overrides=nbcnn.Overrides(threads=threads, backends=(f"conv2d={backend}",)))


def test_calls_have_their_own_times() -> None:
    x, slept = np.zeros(1), []

    def sleeps(x: np.ndarray) -> None:
        time.sleep(0.02)
        slept.append(float(x[0]))

    one = (_count, (x, 1))
    call_list = TimedCallList([one, (_count, (x, 5_000_000)), one, (sleeps, (x,)), one], np.zeros(1))
    call_list()
    assert slept == [pytest.approx(2)]
    few, many, after, python, last = call_list.spent
    assert (
        many > 1_000_000 > max(few, after, last) and min(few, after, last) > 0
    )  # 5 million dependent sums take more than a millisecond
    assert 20_000_000 <= python
    call_list()
    assert call_list.spent[3] >= 40_000_000
    call_list.reset()
    assert not call_list.spent.any() and (call_list.last, call_list.late, call_list.ended_late) == (0, 0, False)


def test_what_fails_says_so_as_without_a_clock() -> None:
    x = np.zeros(1)
    call_list = TimedCallList([(_fails, (x,))], np.zeros(1))
    call_list()
    x[0] = -1
    with pytest.raises(ValueError, match="below 0"):
        call_list()


def test_time_between_packs_is_waiting_where_the_turn_had_not_come() -> None:
    late = np.ones(1, np.int64)
    call_list = TimedCallList([(_count, (np.zeros(1), 1))], late)
    call_list()
    time.sleep(0.01)
    late[0] = 0
    call_list()
    assert call_list.late >= 10_000_000 and not call_list.ended_late
    before = call_list.late
    time.sleep(0.01)
    call_list()
    assert call_list.late == before


def test_a_system_without_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: None) -> Any:
        raise OSError(name)

    monkeypatch.setattr(timed_replay.ctypes, "CDLL", none)
    with pytest.raises(
        KernelError, match="a profile needs the system's clock_gettime, and this system has none; nbcnn"
    ):
        TimedCallList([], np.zeros(1))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_clock_changes_no_bit(threads: int) -> None:
    task, found = task_of(network(threads), threads), []
    for clock in (False, True):
        engine = Engine(network(threads), threads=threads)
        steps = _Steps(engine, task, lambda parameters, gradient: None)
        steps.play(clock)
        steps.step()
        found.append(engine.gradient.copy())
        engine.close()
    assert found[0].any() and found[0].tobytes() == found[1].tobytes()


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_stand_in_the_order_of_the_step(threads: int) -> None:
    found = profile(task_of(network(threads), threads), 2, seconds=0.001)
    assert [(row.layer, row.what, row.direction) for row in found.rows] == ORDER
    assert (found.threads, found.packs, found.batch_size) == (threads, 3, 40)
    assert found.steps >= 6 and found.steps % 2 == 0
    assert all(row.seconds > 0 and 0 < row.share < 1 for row in found.rows)
    assert {row.layer for row in found.rows if row.gflops is not None} == {"0", "4"}
    for row in found.rows:
        if row.gflops is not None and row.of_peak is not None:
            macs = 2 * 6 * 6 * 9 if row.layer == "0" else 3 * 18
            assert row.gflops == pytest.approx(2 * 16 * macs / row.seconds / 1e9)
            assert row.of_peak == pytest.approx(row.gflops / found.peak_gflops)
    assert found.python_share > 0 and found.optimizer_share > 0 and found.waiting_share >= 0
    assert found.overhead == pytest.approx(found.images_per_second_without / found.images_per_second - 1)


def test_the_shares_of_one_step_are_all_of_it() -> None:
    """By hand: 2 threads for 1000 ns; calls 1 to 14 ns, of which the wait 13; waiting 100, the optimizer 50."""
    task = task_of(network(2), 2)
    engine = Engine(network(2), threads=2)
    calls = _Steps(engine, task, lambda parameters, gradient: None).calls
    engine.close()
    assert [call.direction for call in calls][-2:] == ["wait", "add"]
    outliers = [_Step(length, 0, np.zeros(14, np.int64), 7) for length in (1, 99_999)]
    step, plain = _Step(1000, 50, np.arange(1, 15), 100), _Step(900, 0, np.zeros(14, np.int64), 0)
    found = _profile(task, calls, [step, *outliers, step], [plain], 1e9)
    assert [round(row.share * 2000) for row in found.rows] == [*range(1, 13), 14]
    assert found.waiting_share == pytest.approx(113 / 2000)
    assert found.python_share == pytest.approx((2000 - 105 - 100 - 50) / 2000)
    assert found.optimizer_share == pytest.approx(50 / 2000)
    whole = sum(row.share for row in found.rows) + found.waiting_share + found.python_share + found.optimizer_share
    assert whole == pytest.approx(1)
    assert found.rows[2].seconds == pytest.approx(1e-9)  # 3 ns for 3 packs
    assert (found.images_per_second, found.overhead) == (pytest.approx(40 / 1e-6), pytest.approx(1 / 9))


def test_idle_helpers_wait_until_the_last_pack_is_done() -> None:
    task = task_of(network(2), 2)
    engine = Engine(network(2), threads=2)
    steps = _Steps(engine, task, lambda parameters, gradient: None)
    engine.close()
    (first,), (second,) = steps._timed
    first.last, first.late, second.last = 700, 30, 900
    assert steps._waiting(100, 1000) == 30 + 200
    second.ended_late = True  # and so waited after its last pack
    assert steps._waiting(100, 1000) == 30 + 300 + 100
    second.reset()  # it had no pack at all
    assert steps._waiting(100, 1000) == 30 + 0 + 600


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "SECONDS", 0.001)
    (tmp_path / "n.yaml").write_text(json.dumps(CONFIG))

    def run(*words: str) -> tuple[Any, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["bench", "--profile", *words])
        output = capsys.readouterr()
        return stop.value.code, output.out, output.err

    return run


def test_the_table(call: Any) -> None:
    code, out, _ = call("n.yaml", "--threads", "2", "--rounds", "1", "--backend", "conv2d=im2col")
    lines = out.splitlines()
    assert code == 0 and max(map(len, lines)) <= 100
    assert lines[0].startswith("n: 2 threads, batches of 40 (3 packs of 16), the middle half of ")
    assert lines[2].split() == ["#", "layer", "direction", "µs/pack", "share", "GFLOP/s", "of", "peak"]
    assert [line.split()[0] for line in lines[3:20]] == [
        *(row[0] for row in ORDER),
        *["optimizer", "waiting", "Python", "total"],
    ]
    assert (
        "a step takes " in out and "without the clock" in out and "the best that was measured" in " ".join(out.split())
    )


def test_json_and_other_batches(call: Any) -> None:
    code, out, _ = call("n.yaml", "--threads", "1", "--rounds", "1", "--set", "train.batch_size=17", "--json")
    found = json.loads(out)
    assert (code, found["packs"], found["threads"], found["name"]) == (0, 2, 1, "n")
    assert {"layer", "what", "direction", "seconds", "share", "gflops", "of_peak"} == set(found["rows"][0])
    assert set(found) > set(Profile.__dataclass_fields__) and "overhead" in found


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--sweep", "kernel"], "--sweep does not go with --profile, which is about one network's own steps"),
        (["--model", "lenet"], "--model does not go with --profile"),
        (["--against", "torch"], "--against does not go with --profile"),
        (["--op", "conv2d"], "--op does not go with --profile"),
        (["--only", "latency"], "--only goes with --model"),
        (["lenett"], "did you mean lenet?"),
        (["n.yaml", "--backend", "conv2d=dirct"], "did you mean direct?"),
    ],
)
def test_mistakes(call: Any, words: list[str], sentence: str) -> None:
    code, _, err = call(*words)
    assert code == 2 and sentence in err


def test_a_call_with_a_clock_is_a_call_without() -> None:
    x, y = np.zeros(1), np.zeros(1)
    TimedCallList([(_count, (x, 7))], np.zeros(1))()
    CallList([(_count, (y, 7))])()
    assert x[0] == y[0] > 1
