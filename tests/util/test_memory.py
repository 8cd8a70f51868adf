"""What does not fit into memory: found before it is asked for, and named; MemoryError never comes out as itself."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbcnn
from nbcnn import functional
from nbcnn.cli import main
from nbcnn.config import Overrides, load_config
from nbcnn.engine import memory_use, single_image
from nbcnn.engine.engine import Engine
from nbcnn.engine.serial import SerialExecutor
from nbcnn.errors import ConfigError, DataError, ShapeError
from nbcnn.kernels.registry import backend
from nbcnn.training.model import Model
from nbcnn.util import aligned
from nbcnn.util import memory as module
from nbcnn.util.memory import Memory, gigabytes, memory, no_memory_error

CONV: dict[str, Any] = {"out_channels": 2, "kernel_size": 3, "padding": 1, "backend": "direct"}
NET: dict[str, Any] = {
    "name": "net",
    "input": {"channels": 1, "height": 6, "width": 8},
    "layers": [{"conv2d": CONV}, "relu", "flatten", {"linear": {"out_features": 3}}],
}


def having(monkeypatch: pytest.MonkeyPatch, count: float) -> None:
    """From now on this machine has so many bytes."""
    monkeypatch.setattr(module, "_machine", lambda: Memory(count, "this machine has"))
    monkeypatch.setattr(module, "_containers", lambda: iter(()))
    monkeypatch.setattr(module, "_left_of_the_limit", lambda: Memory(float("inf"), "this process may take"))


def huge(padding: int, **more: Any) -> dict[str, Any]:
    conv = {"out_channels": 1, "kernel_size": 1, "padding": padding, "backend": "naive"}
    tail = ["global_avg_pool2d", "flatten", {"linear": {"out_features": 2}}]
    return {**NET, "layers": [{"conv2d": conv}, *tail], **more}


def test_the_least_of_what_there_is_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own, newer, older = tmp_path / "own", tmp_path / "a" / "memory.max", tmp_path / "memory/b/memory.limit_in_bytes"
    for file in (newer, older):
        file.parent.mkdir(parents=True)
    monkeypatch.setattr(module, "_GROUPS", tmp_path)
    monkeypatch.setattr(module, "_OWN", own)
    monkeypatch.setattr(module, "_left_of_the_limit", lambda: Memory(3e9, "this process may still take"))
    monkeypatch.setattr(module, "_machine", lambda: Memory(5e9, "this machine has"))
    assert str(memory()) == "this process may still take 3.0 GB"
    own.write_text("11:memory:/b/c\n3:pids:/x\n0::/a\n")
    newer.write_text("max\n")
    assert str(memory()) == "this process may still take 3.0 GB"
    newer.write_text("2000000000\n")
    assert str(memory()) == "this container may have 2.0 GB"
    older.write_text("1000000000\n")  # of the group above
    assert str(memory()) == "this container may have 1.0 GB"


def test_what_other_programs_have_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "meminfo"
    monkeypatch.setattr(module, "_MACHINE", file)
    total = module._machine()
    assert not total.more
    file.write_text("MemTotal:  1 kB\nMemAvailable:   900000 kB\nHugePages_Total:       0\nSwapFree:  100000 kB\n")
    assert str(module._machine()) == "this machine has 1.0 GB free"
    file.write_text(f"MemAvailable: {10**15} kB\n")
    assert module._machine() == total
    file.write_text("nothing known\n")
    assert module._machine() == total


def test_what_a_limit_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (10**12, 10**12))
    left, words, _ = module._left_of_the_limit()
    assert words == "this process may still take"
    assert 10**12 - 2**40 < left < 10**12


def test_gigabytes() -> None:
    assert gigabytes(25_100_000_000) == "25.1 GB"
    assert gigabytes(3_210_000) == "3.2 MB"
    assert gigabytes(10**40) == "1e+31 GB"


def test_what_a_thread_needs_by_hand() -> None:
    network = Model(load_config(NET))
    number, pack = 4, 16 * 4
    images, outputs, scratch = (
        48 * pack,
        96 * pack,
        backend("conv2d", "direct").workspace(next(network.layers()).problem),
    )
    parts = memory_use._parts(network, False)
    assert [part.bytes for part in parts] == [images, outputs, outputs, 3 * pack, scratch * number]
    parts = memory_use._parts(network, True)
    assert [part.bytes for part in parts] == [
        images, 2 * outputs, 2 * outputs, 6 * pack, scratch * number, number * network.parameters.size,
    ]  # fmt: skip


def test_what_every_pack_keeps_where_a_layer_needs_the_whole_batch_by_hand() -> None:
    """40 images are 3 packs: outputs are kept for all, and the gradients of batch norm and of a sum with it inside."""
    layers = [{"conv2d": CONV}, "batch_norm2d", {"residual": {"body": ["batch_norm2d"]}}, {"residual": {"body": [{"conv2d": CONV}]}}, "flatten", {"linear": {"out_features": 3}}]  # fmt: skip
    network = Model(load_config({**NET, "layers": layers, "train": {"batch_size": 40}}))
    pack, y, p = 16 * 4, 96 * 16 * 4, 4 * network.parameters.size
    scratch = 4 * backend("conv2d", "direct").workspace(list(network.layers())[-4].problem)
    join = 2 * y + y  # and a gradient of the input for the second branch
    parts = [(part.bytes, part.common) for part in memory_use._parts(network, True)]
    assert parts == [
        (3 * 48 * pack, True), (3 * y, True), (y, False), (3 * 2 * y, True), (0, False), (3 * 2 * y, True), (0, False),
        (3 * join, True), (0, False), (3 * y, True), (y, False), (3 * y, True), (2 * y, False), (3 * 3 * pack, True), (3 * pack, False), (scratch, False), (p, False),
    ]  # fmt: skip
    serial = sum(part.bytes for part in memory_use._parts(network, True, serial=True))
    assert serial == 3 * (48 * pack + 8 * y + 2 * (join + y) + 6 * pack + p) + scratch
    assert [part.bytes for part in memory_use._parts(network, False)] == [48 * pack, *[y] * 6, 3 * pack, scratch]


STAGED: dict[str, list[Any]] = {
    "a chain": [{"conv2d": CONV}, "batch_norm2d", "relu", {"conv2d": CONV}, "batch_norm2d", "tanh", {"dropout": {"p": 0.5}}],
    "residual": [
        {"residual": {"body": [{"conv2d": {**CONV, "out_channels": 4}}, "batch_norm2d", "relu"], "shortcut": [{"conv2d": {**CONV, "out_channels": 4}}, "batch_norm2d"]}},
        {"residual": {"body": ["batch_norm2d", {"conv2d": {**CONV, "out_channels": 4}}, "batch_norm2d"]}},
    ],
    "dense": [{"dense": [{"sequential": ["batch_norm2d", "relu", {"conv2d": CONV}]}] * 4}],
    "parallel": [
        {"parallel": {"merge": "concat", "branches": [[{"conv2d": CONV}, "batch_norm2d"], ["identity"], [{"conv2d": CONV}]]}},
        {"parallel": {"merge": "multiply", "branches": [["identity"], ["global_avg_pool2d", {"conv2d": {"out_channels": 5, "kernel_size": 1}}, "sigmoid"]]}},
    ],
}  # fmt: skip


@pytest.mark.parametrize("layers", STAGED.values(), ids=STAGED)
def test_the_buffers_of_a_training_step_are_not_more_than_was_counted(layers: list[Any]) -> None:
    """What the engine takes, as its memory plan has it: rows for all packs, and a thread's own."""
    layers = [*layers, "flatten", {"linear": {"out_features": 3}}]
    network = Model(load_config({**NET, "layers": layers, "train": {"batch_size": 100}}))
    engine = Engine(network, threads=1)
    images, labels = np.zeros((100, 1, 6, 8), np.float32), np.zeros(100, np.int64)
    engine.train_step(images, labels, np.arange(100))
    worker = engine.workers[0]
    taken = worker._rows.of(0, 0).nbytes + worker._own.nbytes
    engine.close()
    counted = sum(part.bytes for part in memory_use._parts(network, True))
    assert taken < counted < 3 * taken


def test_a_batch_that_batch_norm_keeps_is_refused_before_memory_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [{"conv2d": CONV}, "batch_norm2d", "flatten", {"linear": {"out_features": 3}}]
    network = Model(load_config({**NET, "layers": layers, "train": {"batch_size": 6400}}))
    having(monkeypatch, 5e6)
    Engine(network, training=False, threads=1).close()
    words = (
        r"layers\[{}: batch norm needs the whole batch, and its outputs and their gradients \(2×6×8 for each "
        r"of 6,400 images\) take 4.9 MB, and all buffers .* smaller batches$"
    )
    with pytest.raises(ShapeError, match=words.format(r"1\].batch_norm2d")):
        Engine(network, threads=1)
    with pytest.raises(ShapeError, match=words.format(r"0\].conv2d")):
        SerialExecutor(network)


def test_activations_count_as_memory_and_the_layer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    having(monkeypatch, 4e9)
    file = tmp_path / "h.yaml"
    file.write_text(
        "name: h\ninput: {channels: 1, height: 6, width: 8}\nlayers:\n"
        "  - conv2d: {out_channels: 1, kernel_size: 1, padding: 10000, backend: naive}\n  - global_avg_pool2d\n"
    )
    with pytest.raises(ShapeError) as raised:
        nbcnn.load(file)(np.zeros((20, 1, 6, 8), np.float32))
    assert str(raised.value) == (
        f"{file}:4:5: layers[0].conv2d: its outputs (1×20,006×20,008 for each of 16 images) take 25.6 GB, and all buffers "
        "of this network 25.6 GB, but this machine has 4.0 GB: use less padding, fewer channels, larger strides, smaller "
        "images, another backend"
    )


@pytest.mark.parametrize("padding", [20_000, 10**6, 10**9, 2**31, 2**62])
def test_no_padding_is_a_crash(padding: int, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"layers\[0\].conv2d: .*(take|padding)"):
        nbcnn.load(huge(padding))(np.zeros((1, 1, 6, 8), np.float32))


def test_training_asks_for_gradients_too(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Model(load_config(NET, Overrides(backends=("conv2d=naive",))))
    needed = sum(part.bytes for part in memory_use._parts(network, False))
    having(monkeypatch, 1.2 * needed)
    Engine(network, training=False, threads=1).close()
    with pytest.raises(
        ShapeError, match=r"layers\[0\].conv2d: its outputs and their gradients \(2×6×8 for each of 16 im"
    ):
        Engine(network, training=True, threads=1)


def test_the_serial_executor_asks_for_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Model(load_config(NET, Overrides(backends=("conv2d=naive",))))
    having(monkeypatch, 1.2 * sum(part.bytes for part in memory_use._parts(network, False)))
    SerialExecutor(network, training=False)
    with pytest.raises(ShapeError, match=r"layers\[0\].conv2d: its outputs and their gradients \(2×6×8 for each of 16"):
        SerialExecutor(network)


def test_there_are_no_more_threads_than_fit_unless_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Model(load_config(NET))
    needed = sum(part.bytes for part in memory_use._parts(network, False))
    monkeypatch.setattr(memory_use, "available_threads", lambda: 8)
    having(monkeypatch, 3.5 * needed)
    assert memory_use.threads_that_fit(network, False, None) == 3
    assert memory_use.threads_that_fit(network, False, 2) == 2
    with pytest.raises(ShapeError, match=r"on each of 4 threads, and all buffers .* or fewer threads"):
        memory_use.threads_that_fit(network, False, 4)
    having(monkeypatch, 100 * needed)
    assert memory_use.threads_that_fit(network, False, None) == 8


def test_scratch_counts_and_its_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {**NET, "layers": [{"conv2d": {**CONV, "kernel_size": [5, 7], "padding": [2, 3], "backend": "im2col"}}]}
    network = Model(load_config(config))
    having(monkeypatch, 100_000)
    with pytest.raises(ShapeError, match=r"layers\[0\].conv2d: the scratch of backend im2col takes 0."):
        memory_use.threads_that_fit(network, False, None)


def test_a_memory_error_of_a_layer_names_the_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        if shape[:1] == (2,):
            raise MemoryError
        return aligned.zeros(shape, dtype)

    monkeypatch.setattr("nbcnn.engine.pack_buffers.zeros", failing)
    with pytest.raises(ShapeError, match=r"layers\[0\].conv2d: there is not enough memory for it \(this"):
        nbcnn.load(NET)(np.zeros((20, 1, 6, 8), np.float32))


def test_arrays_beyond_all_addresses_are_a_memory_error() -> None:
    with pytest.raises(MemoryError):
        aligned.zeros((2**40, 2**40), np.dtype("f4"))
    with (
        pytest.raises(ShapeError, match=r"the net: there is not enough memory for it .*: use less"),
        no_memory_error("the net", "use less"),
    ):
        aligned.zeros((2**62,), np.dtype("f4"))


def test_one_image_goes_in_a_pack_where_its_own_layout_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Model(load_config(NET))
    x = np.ones((1, 1, 6, 8), np.float32)
    wanted = network(x)
    assert single_image.can_go_alone(network)
    having(monkeypatch, 1e4)
    assert not single_image.can_go_alone(network)
    having(monkeypatch, 1e9)

    def failing(network: Model) -> None:
        raise MemoryError

    monkeypatch.setattr(single_image, "SingleImageExecutor", failing)
    other = Model(load_config(NET))
    assert other(x).tobytes() == wanted.tobytes()


X, W = np.ones((1, 1, 4, 4), np.float32), np.ones((1, 1, 2, 2), np.float32)
CALLS = {
    "conv2d": lambda: functional.conv2d(X, W, padding=10**6),
    "conv2d_grad_input": lambda: functional.conv2d_grad_input((1, 1, 2**30, 2**30), W, X, stride=2**29),
    "max_pool2d": lambda: functional.max_pool2d(X, 10**6, 1, (10**6 - 1,) * 4),
    "avg_pool2d": lambda: functional.avg_pool2d(X, 10**6, 1, (10**6 - 1,) * 4),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_on_arrays_refuse_what_does_not_fit(name: str) -> None:
    with pytest.raises(ShapeError, match=r"(takes .* GB, and this|must have shape)"):
        CALLS[name]()


def test_a_view_that_is_larger_than_memory_is_refused() -> None:
    with pytest.raises(ShapeError, match="relu: there is not enough memory for it"):
        functional.relu(np.broadcast_to(np.float32(1), (2**20, 2**20, 2**4)))


def test_images_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from nbcnn.data import images

    having(monkeypatch, 1e6)
    with pytest.raises(
        DataError, match=r"10 images of 400×500 pixels take 2.0 MB, and this .*: set a smaller data.size"
    ):
        images._empty((10, 1, 400, 500))
    with pytest.raises(DataError, match=r"10 images of 1,000,000×1,000 pixels are too large; data.size may be"):
        images._empty((10, 1, 10**6, 1000))


def test_the_command_line_has_a_sentence_for_any(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def failing(*given: Any, **more: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("nbcnn.introspect.summary.summarize", failing)
    with pytest.raises(SystemExit) as stopped:
        main(["summary", "lenet"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("error: there is not enough memory; use smaller images,")


@pytest.mark.parametrize("threads", [0, -1, 1025, 10**30, True, 2.0, "2"])
def test_so_many_threads_there_are_not(threads: Any) -> None:
    with pytest.raises(ConfigError, match="threads must be a whole number from 1 to 1,024, or None, got"):
        Engine(Model(load_config(NET)), threads=threads)
