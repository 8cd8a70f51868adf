from __future__ import annotations

import pytest

from bench.fakes import PROBLEM, contest, race_of, registered, take_of
from nbcnn.bench.layers import describe, race_layers
from nbcnn.bench.results import contenders, hold, left_behind
from nbcnn.config import load_config
from nbcnn.errors import KernelError, PeerError
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.pooling import Pool2dProblem
from nbcnn.kernels.registry import backend_names

EVEN = dict.fromkeys(backend_names("conv2d"), 0.001)


def test_who_can_not_do_a_problem_is_absent_with_the_reason() -> None:
    race = race_of(EVEN)
    found = hold(PROBLEM, backend_names("conv2d"), 1, 3, race)
    assert found.absent == {"pointwise": "the kernel is 3×3, it can only do 1×1"}
    assert "pointwise" not in found.seconds
    assert [rounds for _, rounds in race.calls] == [1, 3]


def test_who_is_much_slower_leaves_after_the_first_look() -> None:
    race = race_of({**EVEN, "naive": 0.023})
    found = hold(PROBLEM, ["direct", "naive"], 1, 3, race, patience=0.01)
    assert found.absent == {"naive": "left out after one round, 23× slower than the best"}
    assert race.calls == [(["direct", "naive"], 1), (["direct"], 3)]
    patient = hold(PROBLEM, ["direct", "naive"], 1, 3, race_of({**EVEN, "naive": 0.023}), patience=0.5)
    assert set(patient.seconds) == {"direct", "naive"}
    assert left_behind({"a": {"forward": 1.0}, "b": {"forward": 19.0}}) == {}


def test_one_look_is_enough_where_it_took_long() -> None:
    race = race_of({"direct": 0.1, "fft": 0.2})
    found = hold(PROBLEM, ["direct", "fft"], 1, 3, race)
    assert len(race.calls) == 1
    assert found.ranking("forward") == [("direct", 0.1), ("fft", 0.2)]


def test_records_have_times_rates_and_ratios() -> None:
    found = contest(direct=0.001, fft=0.004, pointwise=None)
    records = found.records()
    assert [record["contender"] for record in records] == ["direct", "fft"] * 3 + ["pointwise"]
    fft = records[1]
    assert fft["times_best"] == 4
    assert fft["seconds_per_image"] == 0.004 / 16
    assert fft["gflops"] == pytest.approx(2 * (3 * 64 * 2 * 9) * 16 / 0.004 / 1e9)
    assert records[-1]["absent"] == "it can't"
    assert "seconds_per_pack" not in records[-1]
    two = found.__class__(PROBLEM, 2, found.seconds)
    assert two.image(0.004) == 0.004 / 32


def test_ratios_of_rounds_come_before_ratios_of_medians() -> None:
    found = contest(direct=2.0, fft=4.0)
    found.samples["forward"] = {"direct": [1.0, 2.0, 4.0], "fft": [3.0, 4.0, 4.0]}
    assert found.behind("forward", "fft", "direct") == 2.0
    assert found.behind("grad_input", "fft", "direct") == 2.0
    found.samples["forward"]["fft"] = [3.0, 6.0, 4.0]
    assert found.behind("forward", "fft", "direct") == 3.0


def test_backends_are_chosen_by_op() -> None:
    assert contenders("conv2d", ["conv2d=fft", "linear=naive", "conv2d=direct", "conv2d=fft"]) == ["fft", "direct"]
    assert contenders("linear", ["conv2d=fft"]) == backend_names("linear")


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("fft", "--backend fft: expected OP=NAME, for instance"),
        ("conv3d=fft", r"--backend conv3d=fft: unknown op 'conv3d'; did you mean conv2d\?"),
        ("conv2d=ftf", r"--backend conv2d=ftf: unknown backend 'ftf' for conv2d; did you mean fft\?"),
    ],
)
def test_wrong_words_for_backends(word: str, sentence: str) -> None:
    with pytest.raises(KernelError, match=sentence):
        contenders("conv2d", [word])


def network(*layers: object) -> object:
    return load_config({"name": "n", "input": {"channels": 2, "height": 6, "width": 6}, "layers": list(layers)})


SAME = {"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": 1}}


def test_layers_with_the_same_problem_share_a_race() -> None:
    told: list[str] = []
    other = {"conv2d": {"out_channels": 4, "kernel_size": 3}}
    raced = race_layers(network(SAME, "relu", SAME, other), race=race_of(EVEN), tell=told.append)
    assert [each.layers for each in raced] == [["0", "2"], ["3"]]
    assert told[0] == "layer 0, 2: conv2d 2 to 2 channels, 6×6, kernel 3×3, padding 1"
    assert raced[0].as_json()["problem"]["op"] == "conv2d"


def test_a_backend_that_can_do_only_some_layers_is_absent_in_the_others() -> None:
    point = {"conv2d": {"out_channels": 4, "kernel_size": 1}}
    wanted = ["conv2d=pointwise", "conv2d=direct"]
    raced = race_layers(network(SAME, point), wanted=wanted, race=race_of(EVEN))
    assert [sorted(each.contest.seconds) for each in raced] == [["direct"], ["direct", "pointwise"]]


@pytest.mark.parametrize(
    ("ops", "wanted", "sentence"),
    [
        (["conv2d"], ["conv2d=pointwise"], r"layers\[0\].*: pointwise can't do this conv2d: .*can: direct, fft, im2"),
        (["linear"], [], "--op linear: no layer of n uses it; it uses conv2d, relu"),
        (["relu6"], [], r"--op relu6: unknown op; did you mean relu\?"),
    ],
)
def test_what_can_not_be_raced(ops: list[str], wanted: list[str], sentence: str) -> None:
    with pytest.raises(KernelError, match=sentence):
        race_layers(network(SAME, "relu"), ops, wanted, race=race_of(EVEN))


def test_problems_in_words() -> None:
    strided = Conv2dProblem(4, 8, 9, 7, (3, 1), (2, 2), (1, 0, 2, 0), (2, 1), 2)
    words = "conv2d 4 to 8 channels, 9×7, kernel 3×1, stride 2×2, padding 1×0×2×0, dilation 2×1, 2 groups"
    assert describe(strided) == words
    assert describe(LinearProblem(4, 2)) == "linear 4 to 2"
    pool = Pool2dProblem("max_pool2d", 3, 6, 6, (2, 2), (2, 2))
    assert describe(pool) == "max_pool2d 3 to 3 channels, 6×6, kernel 2×2, stride 2×2"


def test_peers_race_the_layers_on_the_same_batch() -> None:
    with registered("fake") as kind:
        peer = kind()
        seconds = {"direct": 0.002, "naive": 0.008, "fake plain": 0.004}
        take = take_of(seconds)
        wanted = ["conv2d=direct", "conv2d=naive"]
        (raced,) = race_layers(network(SAME), wanted=wanted, threads=2, rounds=3, peers={"fake": peer}, take=take)
    assert take.names == [["direct", "naive", "fake plain"], ["direct", "naive"], ["direct", "naive"]]
    assert set(peer.threads) == {2}
    assert raced.contest.behind("forward", "fake plain", "direct") == 2
    # a pack of a batch of 256 on two threads: an eighth of the time
    assert raced.contest.seconds["direct"]["forward"] == pytest.approx(0.002 * 1.1 / 8)
    assert raced.contest.image(raced.contest.seconds["direct"]["forward"]) == pytest.approx(0.002 * 1.1 / 256)


def test_a_peer_with_other_numbers_is_not_timed() -> None:
    with registered("fake", error=0.001) as kind:
        take = take_of({})
        with pytest.raises(PeerError, match=r"the results of forward of fake plain and of direct differ by 1.0e-03 of"):
            race_layers(network(SAME), wanted=["conv2d=direct"], peers={"fake": kind()}, take=take)
    assert take.names == []


def test_peers_race_convolutions_alone() -> None:
    with (
        registered("fake") as kind,
        pytest.raises(PeerError, match="there is nothing to compare with for --op relu; peers race conv2d alone"),
    ):
        race_layers(network(SAME, "relu"), ["relu"], peers={"fake": kind()})
