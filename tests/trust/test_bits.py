"""The same bits on any number of threads, for every model, layer, optimizer and backend that the registries have."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml
from exhaustive import parametrize

import nbcnn
from nbcnn import functional
from nbcnn.config import Config, Overrides, load_config
from nbcnn.config import loader as config_loader
from nbcnn.data import Dataset, Split, load_dataset
from nbcnn.data.source import DATASETS, DataSource
from nbcnn.engine.engine import Engine
from nbcnn.kernels import registry
from nbcnn.kernels.ops import built_in
from nbcnn.kernels.registry import backend_names, op_names
from nbcnn.layers import LAYERS
from nbcnn.layers.base import LayerConfig
from nbcnn.layers.reshape import Flatten
from nbcnn.optim import OPTIMIZERS
from nbcnn.plugin import register
from nbcnn.runs.checkpoint import load_tensors
from nbcnn.training.model import Model
from trust import matrix
from trust.jolts import Jolts, jolted

pytestmark = [pytest.mark.trust, pytest.mark.jit]

THREADS = (1, 2, 3, 4)
PLACED = {"im2col"}
"""Backends that leave their sums to BLAS: an image's place among the 16 of its pack may decide the order of a sum."""
FEW = 150
"""Training images of the short form: batches of 101 have 7 packs, the last one of them and of 49 images are not full."""


SMALL, ENTRIES = matrix.SMALL, matrix.optimizer_entries()


@cache
def embedded() -> Dataset:
    return load_dataset(load_config("lenet").data)


class Images(DataSource):
    """Images of the shape that a network takes: of Fashion-MNIST where that has it, else random ones."""

    title, description, licence = "for tests", "", ""
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")
    counts: ClassVar[tuple[int, int]] = (FEW, 50)
    shape: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    labels: ClassVar[int] = 10

    def locate(self, data_dir: Path | None = None) -> Path | None:
        return None

    def fetch(self, data_dir: Path | None = None) -> Path:
        raise AssertionError("there is nothing to fetch")

    def load(self, data_dir: Path | None = None) -> Dataset:
        real, (train, test) = embedded(), self.counts
        if self.shape == real.shape and self.labels == 10:
            splits = [Split(s.images[:n], s.labels[:n]) for s, n in ((real.train, train), (real.test, test))]
        else:
            random = np.random.default_rng(0)
            splits = [
                Split(random.integers(0, 256, (n, *self.shape), dtype=np.uint8), random.integers(0, self.labels, n))
                for n in (train, test)
            ]
        return Dataset(self.name, *splits, self.classes[: self.labels], "")


@pytest.fixture(autouse=True)
def images(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Images]]:
    monkeypatch.setattr("nbcnn.training.loop.draw_run", lambda *_: None)  # matplotlib takes longer than the trainings,
    monkeypatch.setattr("os.fsync", lambda _: None)  # and so does the disk
    monkeypatch.setattr(Images, "counts", Images.counts)
    DATASETS.register("matrix-images")(Images)
    yield Images
    DATASETS.forget("matrix-images")


def digest(*arrays: np.ndarray) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def weights_after(config: Config, threads: int, out: Path) -> str:
    """SHA-256 of the final weights of a training, as the run folder has them, and of what the metrics say."""
    network = Model(config)
    Images.shape, Images.labels = network.in_shape, min(network.out_shape[0], 10)
    run = nbcnn.train(config, data="matrix-images", threads=threads, out=out)
    tensors, _ = load_tensors(run.weights_path("last"))
    timeless = [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in run.metrics()]
    return digest(*(tensors[name] for name in sorted(tensors))) + str(timeless)


def check(name: str, config: Config, out: Path, jolts: Jolts) -> int:
    """Train on 1, 2, 3 and 4 threads; gives how often that was, and fails where bits differ."""
    found, most = {}, {}
    for threads in THREADS:
        jolts.workers.clear()
        jolts.threads = threads
        found[threads] = weights_after(config, threads, out / f"{threads}")
        most[threads] = jolts.most()
    different = [threads for threads in THREADS if found[threads] != found[1]]
    assert not different, f"{name}: not the bits of one thread on {different} threads"
    assert most[1] == 1 and all(most[n] > 1 for n in THREADS[1:]), f"{name}: threads did not share the packs: {most}"
    return len(THREADS)


@parametrize("model", matrix.models(), quick=["lenet"])
def test_models_with_every_backend(model: str, tmp_path: Path, long: bool, count: Callable[..., None]) -> None:
    changes = Overrides(epochs=1) if long else Overrides(epochs=1, batch_size=101)
    config = load_config(load_config(model).to_mapping(), changes)
    if long:
        Images.counts = (10_000, 2_000)
    cells = 0
    with jolted() as jolts:
        for number, (name, variant) in enumerate(matrix.variants(config)):
            cells += check(f"{model}, {name}", variant, tmp_path / str(number), jolts)
    count("thread matrix cells", cells)


@parametrize("which", SMALL, quick=["motley"])
def test_small_networks_with_every_backend(which: str, tmp_path: Path, count: Callable[..., None]) -> None:
    cells = 0
    with jolted() as jolts:
        for number, (name, variant) in enumerate(matrix.variants(SMALL[which])):
            cells += check(f"{which}, {name}", variant, tmp_path / str(number), jolts)
    count("thread matrix cells", cells)


@parametrize("entry", ENTRIES, quick=ENTRIES[:1], ids=str)
def test_optimizers(entry: Any, tmp_path: Path, count: Callable[..., None]) -> None:
    with jolted() as jolts:
        for batch_size in (37, 101, 150):
            config = matrix.config(matrix.NETWORKS["motley"], entry)
            sized = load_config(config.to_mapping(), Overrides(batch_size=batch_size))
            count("thread matrix cells", check(str(entry), sized, tmp_path / str(batch_size), jolts))


@parametrize("which", SMALL, quick=["motley"])
def test_floats_scores_and_images_alone(which: str) -> None:
    """Float images; losses, guesses and outputs as well as gradients; an image alone and in a batch of any size."""
    random = np.random.default_rng(1)
    for name, variant in matrix.variants(SMALL[which]):
        network = Model(variant)
        floats = random.standard_normal((53, *network.in_shape)).astype(np.float32)
        pixels = random.integers(0, 256, floats.shape, dtype=np.uint8)
        labels, order = random.integers(0, network.out_shape[0], 53), random.permutation(53)
        found, start = set(), network.state_dict()
        with jolted():
            for threads in THREADS:
                network.load_state_dict(start)  # running statistics are what they were
                engine = Engine(network, threads=threads)
                try:
                    steps = [
                        array
                        for x in (floats, pixels)
                        for array in (*engine.train_step(x, labels, order), engine.gradient.copy())
                    ]
                    tested = [engine.evaluate(x, labels, order).losses for x in (floats, pixels)]
                    outputs = [engine.predict(x) for x in (floats, pixels)]
                    if not matrix.depends_on_mode(variant):
                        assert digest(*tested) == digest(steps[0], steps[3]), name
                    anywhere = PLACED.isdisjoint(backend for _, backend in matrix.backends_of(variant))
                    for x, whole in zip((floats, pixels), outputs, strict=True):
                        for size in (1, 2, 6, 7, 16, 17) if anywhere else (16,):
                            parts = [engine.predict(x[k : k + size]) for k in range(0, 2 * size + 1, size)]
                            assert digest(*parts) == digest(whole[: sum(map(len, parts))]), f"{name}, {size} images"
                    found.add(digest(*steps, *tested, *outputs, *network.buffers.values()))
                finally:
                    engine.close()
        assert len(found) == 1, name


def test_no_backend_is_left_out(long: bool) -> None:
    assert matrix.missing(matrix.small_networks() | matrix.models()) == []


OTHER_OPS = sorted(set(built_in()) - {LAYERS.get(kind).op for kind in LAYERS})


@pytest.mark.parametrize("op", OTHER_OPS)
def test_ops_that_no_layer_has(op: str) -> None:
    """Losses and the like, called by four threads at once."""
    random = np.random.default_rng(2)
    given = [random.standard_normal((37, 7)).astype(np.float32) for _ in THREADS]
    more = (random.integers(0, 7, 37),) if op == "cross_entropy" else ()
    function = getattr(functional, op)
    for name in backend_names(op):
        alone = [function(x, *more, backend=name).tobytes() for x in given]
        wrong: list[int] = []

        def work(number: int, name: str = name, alone: list[bytes] = alone, wrong: list[int] = wrong) -> None:
            for _ in range(50):
                if function(given[number], *more, backend=name).tobytes() != alone[number]:
                    wrong.append(number)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(THREADS))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, name


# Whatever comes later is in the matrix without anybody's doing.


def test_a_new_backend_is_in_the_matrix(tmp_path: Path) -> None:
    kind = type(registry.backend("relu", "direct"))
    register.backend("relu", "again")(type("Again", (kind,), {}))
    try:
        listed = [name for name, _ in matrix.variants(matrix.small_networks()["motley"])]
        assert "relu=again" in listed and "conv2d=fft" in listed
        register.backend("conv2d", "never")(type("Never", (), {"supports": lambda *_: "never"}))
        assert matrix.missing(matrix.small_networks()) == [
            "no network of the matrix has a conv2d that never can do: add one to NETWORKS in tests/trust/matrix.py"
        ]
    finally:
        for known in (registry.backends("relu"), registry.backends("conv2d")):
            for name in known.added():
                known.forget(name)
    assert "relu" in op_names()


def test_a_new_model_is_in_the_matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = matrix.config(["flatten", {"linear": {"out_features": 2}}])
    (tmp_path / "newest.yaml").write_text(yaml.safe_dump({**config.to_mapping(), "name": "newest"}))
    monkeypatch.setattr(config_loader, "_models_folder", lambda: tmp_path)
    assert list(matrix.models()) == ["newest"]


def test_a_new_layer_is_in_the_matrix_or_asks_for_a_specimen() -> None:
    class Needy(LayerConfig):
        strength: int

    register.layer("flatter")(type("Flatter", (Flatten,), {}))
    try:
        assert "flatter 0" in matrix.small_networks()
        register.layer("needy")(type("Needy", (Flatten,), {"Config": Needy}))
        with pytest.raises(pytest.fail.Exception, match=r"layer needy: .*strength.* Add an Example .* docs/yaml\.md"):
            matrix.small_networks()
    finally:
        for name in LAYERS.added():
            LAYERS.forget(name)


def test_a_new_optimizer_is_in_the_matrix() -> None:
    register.optimizer("adam2")(type("Adam2", (OPTIMIZERS.get("adam"),), {}))
    try:
        assert "adam2" in matrix.optimizer_entries()
    finally:
        OPTIMIZERS.forget("adam2")
