from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbcnn
from bench.fakes import registered, take_of
from nbcnn.bench import environment, startup
from nbcnn.bench.end_to_end import MEASURES, drops, measure, measures, task_of
from nbcnn.bench.peers import Child, Task, peers_of
from nbcnn.bench.startup import Beginning, first_steps, peak_memory, run_child
from nbcnn.errors import KernelError, PeerError, ShapeError

CONFIG = {
    "name": "n",
    "input": {"channels": 1, "height": 4, "width": 4},
    "layers": ["flatten", {"linear": {"out_features": 3}}],
    "data": {"name": "fashion-mnist-mini", "mean": [0.5], "std": [0.25]},
    "train": {"batch_size": 20, "optimizer": {"sgd": {"lr": 0.5}}},
}
SECONDS = {"nbcnn": 0.5, "fake plain": 2.0, "fake clever": 1.0}


def task(threads: int = 1) -> Task:
    return task_of(nbcnn.load(CONFIG, overrides=nbcnn.Overrides(threads=threads)), threads)


def test_the_task_is_bytes_and_the_same_as_scaled_floats() -> None:
    made = task()
    assert made.images.shape == (256, 1, 4, 4)
    np.testing.assert_allclose(made.x, (made.images / 255 - 0.5) / 0.25, atol=1e-6)
    assert sorted(np.concatenate(made.batches)) == list(range(160))
    assert {len(batch) for batch in made.batches} == {20}


def test_a_network_without_scores_can_not_be_measured() -> None:
    with pytest.raises(ShapeError, match=r"n: its output is \(1, 4, 4\), and training needs one score for each class"):
        task_of(nbcnn.load({**CONFIG, "layers": ["relu"]}), 1)


def test_all_that_is_measured_with_a_peer_beside() -> None:
    began = {"nbcnn": iter(range(1, 20)), "fake": iter(range(100, 120))}

    def run(child: Child) -> Beginning:
        return Beginning(float(next(began["fake" if child.command == ["fake"] else "nbcnn"])), 50.0)

    with registered("fake") as kind:
        peer, take = kind(), take_of(SECONDS)
        rows = measure(task(2), {"source": "n"}, {"fake": peer}, rounds=3, take=take, run=run)
    assert take.names == [["nbcnn", "fake plain"]] + [["nbcnn", "fake plain", "fake clever"]] * 2
    training, inference, latency, warm, cold, memory = rows
    assert [row.measure for row in rows] == ["training", "inference", "latency", "startup", "startup", "memory"]
    assert training.median("nbcnn") == pytest.approx(20 / 0.55)
    assert (training.ratio("fake").ratio, inference.ratio("fake").ratio) == (pytest.approx(4), pytest.approx(2))
    assert inference.ratio("fake").contender == "fake clever"
    assert inference.median("nbcnn") == pytest.approx(256 / 0.55)
    assert latency.median("nbcnn") == pytest.approx(0.55e6)
    # cache filled, then in each round cold, warm, the peer's
    assert cold.samples == {"nbcnn": [2, 4, 6], "fake": [100, 101, 102]}
    assert warm.samples == {"nbcnn": [3, 5, 7], "fake": [100, 101, 102]}
    assert memory.ratio("fake").ratio == 1
    assert set(peer.threads) == {2}


def test_training_with_dropout_is_compared_without_it_and_timed_with_it() -> None:
    """No two libraries draw the same numbers, so that gradients can only be compared where none are drawn."""
    layers: list[Any] = ["flatten", {"linear": {"out_features": 3}}, {"sequential": [{"dropout": {"p": 0.5}}]}]
    made = task_of(nbcnn.load({**CONFIG, "layers": layers}, overrides=nbcnn.Overrides(threads=1)), 1)
    assert drops(made.network)
    with registered("fake") as kind:
        take, peer = take_of(SECONDS), kind()
        (training,) = measure(made, {}, {"fake": peer}, ["training"], 1, take=take)
        assert training.ratio("fake") is not None
        assert [drops(network) for network in peer.trained] == [False, True]
    with registered("fake", error=0.01) as kind, pytest.raises(PeerError, match=r"the gradients of 1\.weight of fake"):
        measure(made, {}, {"fake": kind()}, ["training"], 1, take=take_of({}))
    layers[2] = {"dropout": {"p": 0}}
    never = task_of(nbcnn.load({**CONFIG, "layers": layers}, overrides=nbcnn.Overrides(threads=1)), 1)
    assert not drops(never.network)


def test_only_what_is_asked_for_is_measured() -> None:
    take = take_of(SECONDS)
    rows = measure(task(), {}, {}, measures(["latency, inference"]), 2, take=take)
    assert [row.measure for row in rows] == ["inference", "latency"]
    assert measures([]) == MEASURES
    assert measures(["memory", "training,latency"]) == ("training", "latency", "memory")
    with pytest.raises(KernelError, match=r"--only trainng: there is no such measure; did you mean training\?"):
        measures(["trainng"])


@pytest.mark.parametrize(
    ("only", "sentence"),
    [
        ("training", "the gradients of 1.weight of fake plain and of nbcnn after one training step differ by 1.0e-02"),
        ("inference", "the outputs of fake plain and of nbcnn differ by 1.0e-02 of the largest number"),
        ("latency", r"the outputs .* \(at most 0.0001 may be\): they do not compute the same, so their times are not"),
    ],
)
def test_a_peer_that_computes_something_else_is_not_timed(only: str, sentence: str) -> None:
    with registered("fake", error=0.01) as kind:
        take = take_of({})
        with pytest.raises(PeerError, match=sentence):
            measure(task(), {}, {"fake": kind()}, [only], 1, take=take)
    assert take.names == []


def test_a_peer_that_steps_another_way_is_not_timed() -> None:
    with registered("fake") as kind:
        peer = kind()
        learner = peer.training(task())["plain"]
        other = type(learner)(
            learner.step, lambda: {n: v * 2 for n, v in learner.parameters().items()}, learner.gradients
        )
        peer.training = lambda task: {"plain": other}
        with pytest.raises(PeerError, match=r"the parameters of fake plain .* of the step apart \(at most 1% may be\)"):
            measure(task(), {}, {"fake": peer}, ["training"], 1, take=take_of({}))


def test_scores_of_another_shape_are_not_compared() -> None:
    with registered("fake") as kind:
        peer = kind()
        peer.inference = lambda task, x: {"plain": lambda: np.zeros((256, 4))}
        with pytest.raises(PeerError, match=r"have the shapes \(256, 4\) and \(256, 3\)"):
            measure(task(), {}, {"fake": peer}, ["inference"], 1, take=take_of({}))


def test_a_peer_without_what_is_asked_for_leaves_nothing_to_compare() -> None:
    with registered("fake", training=lambda self, task: {}, child=lambda self, task, images: None) as kind:
        with pytest.raises(PeerError, match="--against fake: there is nothing to compare, for it has no training, mem"):
            measure(task(), {}, {"fake": kind()}, ["training", "memory"], 1)
        measure(task(), {}, {"fake": kind()}, ["training", "latency"], 1, take=take_of(SECONDS))


def test_the_measured_network_keeps_its_parameters() -> None:
    made = task()
    before = made.network.parameters.copy()
    measure(made, {}, {}, ["training"], 1, take=take_of(SECONDS))
    np.testing.assert_array_equal(made.network.parameters, before)


# Peers by name


def test_peers_are_named_with_commas_or_by_several_options() -> None:
    with registered("fake"), registered("other"):
        assert list(peers_of(["fake,other", "fake"])) == ["fake", "other"]
        assert peers_of([]) == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["tosch"], r"--against tosch: unknown peer 'tosch'; did you mean torch\?"),
        (["fake"], "--against fake: no_such_module can't be imported here; to install: pip install nothing"),
        ([" , "], "--against: there is nothing to compare with; known: .*torch"),
    ],
)
def test_peers_that_can_not_be_had(words: list[str], sentence: str) -> None:
    with (
        registered("fake", modules=("math", "no_such_module"), install="pip install nothing"),
        pytest.raises(PeerError, match=sentence),
    ):
        peers_of(words)


# Child processes


def test_a_child_is_told_when_it_was_started_and_tells_its_memory() -> None:
    program = (
        "import json, sys, os; task = json.load(sys.stdin);"
        "print('hello'); print(json.dumps({'seconds': task['started'] - task['base'], 'status': os.environ['STATUS']}))"
    )
    import time

    base = time.time()
    child = Child([sys.executable, "-c", program], {"base": base}, {"STATUS": "VmPeak:\t 9 kB\nVmHWM:\t 2048 kB\n"})
    begun = run_child(child)
    assert begun.megabytes == 2
    assert 0 <= begun.seconds < 60
    assert peak_memory("") is None


def test_a_child_that_fails_is_told_by_its_last_line() -> None:
    child = Child([sys.executable, "-c", "raise SystemExit('no such thing')"], {})
    with pytest.raises(PeerError, match=r"the process .* failed: no such thing"):
        run_child(child)
    with pytest.raises(PeerError, match="failed: exit code 3"):
        run_child(Child([sys.executable, "-c", "raise SystemExit(3)"], {}))


def test_where_the_system_does_not_tell_memory_there_is_no_row() -> None:
    rows = first_steps(task(), {"source": "n"}, {}, 1, run=lambda child: Beginning(1.0, None))
    assert [row.measure for row in rows] == ["startup", "startup"]


def test_caches_are_kept_or_empty() -> None:
    seen: list[tuple[str, bool]] = []

    def run(child: Child) -> Beginning:
        place = Path(child.environment["NBCNN_CACHE_DIR"])
        seen.append((str(place), any(place.iterdir())))
        (place / "kernel").touch()
        return Beginning(1.0, 1.0)

    first_steps(task(), {"source": "n"}, {}, 2, run=run)
    assert [filled for _, filled in seen] == [False, False, True, False, True]
    assert seen[0][0] == seen[2][0] == seen[4][0]
    assert seen[1][0] != seen[3][0]


def test_for_memory_alone_nothing_is_compiled_anew() -> None:
    seen: list[bool] = []

    def run(child: Child) -> Beginning:
        seen.append("NBCNN_CACHE_DIR" in child.environment)
        return Beginning(1.0, 1.0)

    (row,) = first_steps(task(), {"source": "n"}, {}, 2, run=run, measures=["memory"])
    assert (row.measure, row.samples) == ("memory", {"nbcnn": [1.0, 1.0]})
    assert seen == [False] * 3


def test_nbcnns_own_child_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "IMAGES", 50)
    (tmp_path / "n.yaml").write_text(json.dumps({key: value for key, value in CONFIG.items() if key != "data"}))
    source = {"source": str(tmp_path / "n.yaml"), "sets": ["train.batch_size=25"], "backends": [], "plugins": []}
    child = startup._own(task(), source, None, str(tmp_path))  # the tests' own cache
    begun = run_child(child)
    assert begun.seconds > 0
    assert begun.megabytes is None or 20 < begun.megabytes < 2000


def test_the_environment_says_what_was_measured_on() -> None:
    found: dict[str, Any] = environment.environment("pytest", "no-such-package")
    assert found["cpu"]
    assert found["processors"] >= 1
    assert set(found["versions"]) == {"nbcnn", "python", "numba", "llvmlite", "numpy", "pytest"}


@pytest.mark.parametrize("load", [None, 0.5, 1.5])
def test_a_quiet_machine_is_not_warned_of(load: float | None) -> None:
    assert environment.busy({"load": load, "processors": 2}) is None


def test_a_busy_machine_is() -> None:
    assert "the machine is busy (load 1.6 on 2 processors): trust" in str(
        environment.busy({"load": 1.6, "processors": 2})
    )
