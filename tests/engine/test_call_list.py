"""Tapes: the same as making the calls one by one, Python callables in their place, errors as Python has them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from nbcnn.compiler import host
from nbcnn.compiler import native_call as native_calls
from nbcnn.compiler.jit import kernel
from nbcnn.compiler.native_call import native_call, words_of
from nbcnn.config import load_config
from nbcnn.engine import call_list, native_self_test
from nbcnn.engine.batch import Batch, BatchInputs
from nbcnn.engine.call_list import CallList
from nbcnn.engine.engine import Engine
from nbcnn.engine.replay import replay
from nbcnn.engine.worker import Worker
from nbcnn.kernels import register_blocks
from nbcnn.kernels.contract import KernelWithAttributes, array_type, unfolded
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.registry import backend
from nbcnn.training.model import Model


@kernel
def scale(x, y, factors):
    """y = x times a whole number, plus another."""
    factor, summand = factors
    for i in range(x.size):
        y[i] = x[i] * factor + summand


def double(a, b):
    b[:] = 2 * a


@pytest.mark.parametrize("function", [KernelWithAttributes(scale, (3, 1)), double], ids=["compiled", "Python"])
def test_a_call_can_be_replaced_by_its_like(function):
    x, y, z = np.arange(4.0), np.zeros(4), np.zeros(4)
    played = CallList([(double, (x, y)), (function, (x, z))])
    for other in (np.arange(4.0) + 5, np.arange(6.0)[:4], np.arange(4, dtype=np.float32), np.arange(8.0)[::2]):
        into = np.zeros_like(z)
        played.replace(1, (function, (other, into)))
        played()
        assert np.array_equal(into, 2 * other if function is double else 3 * other + 1)
    played.replace(1, (copy, (x, z)) if isinstance(function, KernelWithAttributes) else (function, (y, z)))
    played()
    assert np.array_equal(z, x if isinstance(function, KernelWithAttributes) else 2 * y)
    for shorter in (np.arange(3.0), np.arange(2.0)):
        if isinstance(function, KernelWithAttributes):
            into = np.zeros(4)
            played.replace(1, (copy, (shorter, into)))
            played()
            assert np.array_equal(into, [*shorter, *[0] * (4 - shorter.size)])


@kernel
def copy_rows(x, y):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[i, j] = x[i, j]


def laid_out() -> dict[str, np.ndarray]:
    """The numbers 0 to 11 as (3, 4) arrays that differ in one thing each; reading one as another gives others."""
    rows = np.arange(12.0).reshape(3, 4)
    wide, odd, locked = np.full((3, 8), -1.0), np.zeros(97, np.uint8), rows.copy()
    wide[:, ::2] = rows
    unaligned = odd[1:].view(np.float64).reshape(3, 4)
    unaligned[...] = rows
    locked.flags.writeable = False
    backwards = np.ascontiguousarray(rows[::-1])[::-1]
    return {
        "as usual": rows,
        "elsewhere": rows.copy(),
        "column by column": np.asfortranarray(rows),
        "with gaps": wide[:, ::2],
        "backwards": backwards,
        "not aligned": unaligned,
        "locked": locked,
        "float32": rows.astype(np.float32),
        "int64": rows.astype(np.int64),
    }


@pytest.mark.parametrize("before", laid_out())
def test_an_array_of_another_layout_or_type_is_not_read_as_the_one_before(before):
    arrays = laid_out()
    for name, array in arrays.items():
        y = np.zeros((3, 4))
        played = CallList([(copy_rows, (arrays[before], y))])
        played()
        assert np.array_equal(y, np.arange(12.0).reshape(3, 4))
        y[:] = 0
        played.replace(0, (copy_rows, (array, y)))
        played()
        assert np.array_equal(y, np.arange(12.0).reshape(3, 4)), name


def test_a_replaced_array_may_be_of_another_size():
    for before, after in ((12, 20), (20, 12)):
        x, y = np.arange(before * 1.0).reshape(-1, 4), np.zeros((before // 4, 4))
        played = CallList([(copy_rows, (x, y))])
        played()
        x, y = np.arange(after * 1.0).reshape(-1, 4)[::-1], np.full((5, 4), -1.0)
        played.replace(0, (copy_rows, (np.ascontiguousarray(x), y)))
        played()
        assert np.array_equal(y, [*x, *[[-1.0] * 4] * (5 - len(x))])


@kernel
def copy(x, y):
    for i in range(x.size):
        y[i] = x[i]


@kernel
def refuse_negative(x):
    if x[0] < 0:
        raise ValueError("negative")


def test_calls_are_made_in_order_with_python_ones_between():
    x, y, z = np.arange(4.0), np.zeros(4), np.zeros(4)
    played = CallList(
        [(KernelWithAttributes(scale, (3, 1)), (x, y)), (double, (y, z)), (KernelWithAttributes(scale, (1, 5)), (z, y))]
    )
    for _ in range(2):
        played()
        assert np.array_equal(z, 2 * (3 * x + 1))
        assert np.array_equal(y, z + 5)
    x[:] = 1
    played()
    assert np.array_equal(y, np.full(4, 13.0))


def test_an_error_in_a_kernel_is_pythons_error():
    x = np.ones(1)
    played = CallList([(refuse_negative, (x,))])
    played()
    x[:] = -1
    with pytest.raises(ValueError, match="negative"):
        played()


@pytest.mark.parametrize("backend", ["direct", "naive", "im2col", "fft"])
def test_a_training_step_from_tape_gives_the_bits_of_the_calls(backend):
    layers = [
        {"conv2d": {"out_channels": 3, "kernel_size": 3, "padding": 1, "backend": backend}},
        "tanh",
        {"avg_pool2d": {"kernel_size": 2, "padding": 1, "count_include_pad": False}},
        "relu",
        {"max_pool2d": {"kernel_size": 2}},
        "sigmoid",
        "flatten",
        {"linear": {"out_features": 4}},
    ]
    shape = {"channels": 2, "height": 8, "width": 6}
    network, rng = Model(load_config({"name": "t", "input": shape, "layers": layers})), np.random.default_rng(0)
    images, labels = rng.random((16, 2, 8, 6), dtype=np.float32), rng.integers(0, 4, 16)
    scaling = np.stack([np.ones(2, np.float32), np.zeros(2, np.float32)])
    worker, task = Worker(network, training=True), BatchInputs(images, scaling, labels)
    batch = Batch(16, 4, np.full(network.parameters.size, np.nan, np.float32))
    worker.begin("train", batch, task, 16)
    found = []
    for played in (False, True):
        batch.begin(np.arange(16), 1 / 16)
        if played:
            worker.run("train")
        else:
            for call in worker.calls("train", batch, task):
                call.kernel(*call.arrays)
        found.append((batch.total.copy(), batch.losses.copy(), batch.guesses.copy()))
        batch.total[:] = np.nan
    for once, again in zip(*found, strict=True):
        assert np.array_equal(once, again)
    assert np.abs(found[0][0]).max() > 0


@pytest.mark.jit
def test_all_of_lenet_is_one_stretch():
    engine, images = Engine(Model(load_config("lenet")), threads=1), np.zeros((16, 1, 28, 28), np.uint8)
    engine.train_step(images, np.zeros(16, np.int64), np.arange(16))
    assert len(engine.workers[0].stages("train")[0].list._parts) == 1


@kernel
def give_back(x):
    return x


@pytest.mark.jit
def test_a_kernel_that_gives_something_back_stays_with_python():
    assert native_call(*unfolded(give_back, (np.ones((1, 1, 1, 1)),))) is None


@pytest.mark.jit
def test_arguments_that_are_no_words_stay_with_python():
    x = np.ones(3)
    assert native_call(*unfolded(KernelWithAttributes(scale, (3, 1)), (x, x))) is not None
    for odd in ((1.5, 1), (True, 1), ("a", 1)):
        assert native_call(*unfolded(KernelWithAttributes(scale, odd), (x, x))) is None
    assert native_call(*unfolded(lambda a: None, (x,))) is None


@pytest.fixture(name="untested")
def before_the_self_test():
    """As in a process that has made no call list yet; afterwards the self-test is made again."""
    call_list.native_calls_hold.cache_clear()
    yield
    call_list.native_calls_hold.cache_clear()


def other_words(change):
    """A words_of that gives other words, wherever it is called from."""
    return [(module, "words_of", change) for module in (call_list, native_calls)]


def shortened(value):
    """Arrays of 5 dimensions lack their last stride."""
    return words_of(value)[:-1] if isinstance(value, np.ndarray) and value.ndim == 5 else words_of(value)


def shifted(value):
    """Each array's address is that of its second number."""
    if isinstance(value, tuple):
        return [word for item in value for word in shifted(item)]
    words = words_of(value)
    return [*words[:4], words[4] + words[3], *words[5:]] if isinstance(value, np.ndarray) else words


def failed_once(*arguments):
    replay(*arguments)
    return 0


FAULTS = {
    "a word is missing": (other_words(shortened), "takes 73 words, where 72 were expected"),
    "other addresses": (other_words(shifted), "every_kind gives other numbers"),
    "another order": ([(native_calls, "ARRAY", ("data", "shape"))], "arrays are handed over in another order"),
    "nothing is called": ([(call_list, "replay", lambda *arguments: -1)], "every_kind gives other numbers"),
    "each call fails": ([(call_list, "replay", failed_once)], "that fails and one that does not can't be told apart"),
    "no call fails": (
        [(call_list._NativeCalls, "add", lambda calls, *call: None), (call_list, "replay", lambda *arguments: -1)],
        "every_kind gives other numbers",
    ),
    "other processors": (
        [(native_self_test.struct, "calcsize", lambda code: 4)],
        "addresses have 32 bits here, not 64",
    ),
}


@pytest.mark.jit
@pytest.mark.parametrize("name", FAULTS)
def test_where_native_calls_do_not_hold_python_makes_them_to_the_same_bits(name, untested, monkeypatch):
    network, random = Model(load_config("lenet")), np.random.default_rng(1)
    x, labels = random.random((40, 1, 28, 28), dtype=np.float32), random.integers(0, 10, 40)
    found = []
    for faulty in (False, True):
        if faulty:
            call_list.native_calls_hold.cache_clear()
            for target in FAULTS[name][0]:
                monkeypatch.setattr(*target)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            engine = Engine(network, threads=2)
            losses = engine.train_step(x, labels, np.arange(40)).losses
            results = losses, engine.gradient, engine.predict(x), engine.predict(x[:1])
            assert [worker.native("train") for worker in engine.workers if "train" in worker._stages] == [
                not faulty
            ] * 2
            engine.close()
        found.append([result.tobytes() for result in results])
        assert len(told) == faulty
    assert found[0] == found[1]
    sentence = str(told[0].message)
    assert told[0].category is RuntimeWarning and sentence.startswith("on this machine native code can't call kernels")
    assert FAULTS[name][1] in sentence and "Python calls them one by one instead, which gives the same" in sentence


@pytest.mark.jit
@pytest.mark.parametrize("registers", register_blocks.SUMS)
def test_all_of_directs_calls_fit_into_a_row(registers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call with more words than WORDS is made from Python, which nothing says and a step of LeNet is a fifth longer for."""
    monkeypatch.setattr(register_blocks, "vector_registers", lambda: registers)
    register_blocks.sums.cache_clear()
    problems = [Conv2dProblem(64, 64, 14, 14, (1, taps), padding=(0, 0, 1, 1)) for taps in range(1, 9)]
    problems += [
        Conv2dProblem(1, 6, 28, 28, (5, 5)),
        Conv2dProblem(16, 16, 28, 28, (3, 3), (1, 1), (1,) * 4, groups=16),
    ]
    for problem in [*problems, LinearProblem(400, 120)]:
        made = backend(problem.op, "direct").build(problem)
        for kernel_made, signature in zip(made, made.signatures(), strict=True):
            shapes = [array_type(problem, name).shape for name in signature.arguments if name != "scratch"]
            given = tuple(np.zeros((1,) * len(shape), np.float32) for shape in (*shapes, (1,)))
            assert len(words_of(unfolded(kernel_made, given)[1])) + 2 <= native_calls.WORDS
    register_blocks.sums.cache_clear()


def test_the_self_test_has_arguments_of_every_kind():
    """Of each kind that kernels take one at least, and about as many words as the longest row has."""
    given = [argument for _, arguments in native_self_test.self_test_calls() for argument in arguments]
    arrays = [argument for argument in given if isinstance(argument, np.ndarray)]
    assert {array.ndim for array in arrays} == {1, 2, 3, 4, 5}
    assert {array.dtype.name for array in arrays} == {"float32", "float64", "int64"}
    assert any(not array.flags.writeable for array in arrays)
    assert {type(argument) for argument in given} == {np.ndarray, int, tuple}
    lengths = [len(words_of(arguments)) + 2 for _, arguments in native_self_test.self_test_calls()]
    assert max(lengths) >= 72 and min(lengths) < 10


@pytest.mark.jit
def test_a_kernel_that_is_known_takes_no_lock_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception between taking Numba's lock and releasing it would leave it held for all other threads."""

    def locked(*_: object) -> None:
        raise AssertionError("compiled again")

    x = np.ones(3)
    first = native_call(*unfolded(KernelWithAttributes(scale, (3, 1)), (x, x)))
    monkeypatch.setattr(scale, "compile", locked)
    assert native_call(*unfolded(KernelWithAttributes(scale, (3, 1)), (x, x)))[2] == first[2]


@pytest.mark.jit
def test_the_cpu_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before, fused, registers = host.target(), host.fuses(), host.vector_registers()
    monkeypatch.setattr(host, "binding", None)  # llvmlite, which takes a lock for each call
    assert (host.target(), host.fuses(), host.vector_registers()) == (before, fused, registers)
