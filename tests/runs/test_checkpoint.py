from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import convert_weights, fill_arrays, load_tensors, load_weights, match_tensors, save_tensors

SHAPES = {"0.weight": (6, 1, 5, 5), "0.bias": (6,), "2.0.weight": (4, 6), "2.0.bias": (4,)}


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def by_hand(header: dict[str, Any] | bytes, body: bytes = b"") -> bytes:
    """A safetensors file as the format's description has it: length, header, numbers."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    tensors: dict[str, np.ndarray] = {
        **weights(),
        "count": np.array([7], np.int64),
        "empty": np.zeros(0, np.float32),
        "scalar": np.array(2.5, np.float64),
        "half": np.array([1.5, -2], np.float16),
        "strided": np.arange(12, dtype=np.float32).reshape(3, 4).T,
    }
    save_tensors(path, tensors, {"epoch": "3", "ä": "ö"})
    found, metadata = load_tensors(path)
    assert metadata == {"epoch": "3", "ä": "ö"}
    assert set(found) == set(tensors)
    for name, value in tensors.items():
        assert found[name].dtype == value.dtype
        assert found[name].shape == value.shape
        assert np.array_equal(found[name], value), name
        assert found[name].flags.writeable
    assert os.listdir(tmp_path) == ["w.safetensors"]


def test_reads_what_the_library_writes(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file(weights(), tmp_path / "theirs", metadata={"format": "pt"})
    found, metadata = load_weights(tmp_path / "theirs", SHAPES)
    assert metadata == {"format": "pt"}
    assert list(found) == list(SHAPES)
    assert all(np.array_equal(found[name], value) for name, value in weights().items())
    save_file(weights(), tmp_path / "bare")
    assert load_tensors(tmp_path / "bare")[1] == {}


def test_the_library_reads_what_we_write(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    save_tensors(tmp_path / "ours", weights(), {})
    assert all(np.array_equal(load_file(tmp_path / "ours")[name], value) for name, value in weights().items())


def test_reads_the_format_byte_by_byte(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(
        by_hand({"a": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}}, struct.pack("<ff", 1.5, -3))
    )
    assert load_tensors(path)[0]["a"].tolist() == [[1.5, -3.0]]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, weights(1), {})

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(CheckpointError, match=r"cannot write .*w\.safetensors: No space left on device; free"):
            save_tensors(path, weights(2), {})
    assert np.array_equal(load_tensors(path)[0]["0.weight"], weights(1)["0.weight"])
    assert os.listdir(tmp_path) == ["w.safetensors"]


class Trap:
    """What a hostile pickle does when it is opened."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("sprung",)


@pytest.mark.parametrize("protocol", [2, 5])
def test_pickles_are_refused_unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps(Trap(), protocol))
    with pytest.raises(CheckpointError, match=r"w\.safetensors is not a safetensors file but looks like a pickle"):
        load_tensors(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", ["pt", "pth", "ckpt", "safetensors"])
def test_pytorch_files_are_refused_with_the_way_to_convert(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net.{suffix}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * 100)
    with pytest.raises(
        CheckpointError,
        match=r"is not a safetensors file but looks like a pickle, which nbcnn never opens because that can run code; "
        r"convert it in PyTorch: safetensors\.torch\.save_file\(net\.state_dict\(\), 'weights\.safetensors'\)",
    ):
        load_tensors(path)


@pytest.mark.parametrize("content", [b"short", b"\x93" * 99, b"name: lenet\ninput: 3\n"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(
        CheckpointError, match=r"x\.safetensors is not a safetensors file; nbcnn reads weights in no other form"
    ):
        load_tensors(tmp_path / "x.safetensors")


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "content",
    [
        by_hand({"a": F32}, b"\0" * 7),
        by_hand({"a": F32}, b"\0" * 9),
        by_hand({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        by_hand({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 8]}}, b"\0" * 8),
        by_hand({"a": {"dtype": "F32", "shape": [2**63, 2**63], "data_offsets": [0, 0]}}),
        by_hand({"a": F32, "b": F32}, b"\0" * 8),
        by_hand({"a": {"dtype": "PY", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 8),
        by_hand({"__metadata__": {"x": 3}}),
        by_hand(b'{"a":' * 5000),
        by_hand(b'{"a": \xff}'),
        by_hand(b"{}{"),
    ],
)
def test_damaged_headers(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x is a damaged safetensors file \(.*\); make or fetch it again"):
        load_tensors(tmp_path / "x")


def test_a_file_cut_short_anywhere(tmp_path: Path) -> None:
    save_tensors(tmp_path / "whole", weights(), {"a": "b"})
    data = (tmp_path / "whole").read_bytes()
    for length in [0, 7, 8, 9, 100, len(data) // 2, len(data) - 1]:
        (tmp_path / "x").write_bytes(data[:length])
        with pytest.raises(CheckpointError, match=r"is not a safetensors file|is a damaged safetensors file"):
            load_tensors(tmp_path / "x")
    (tmp_path / "x").write_bytes(data[:100])
    with pytest.raises(CheckpointError, match="is not a safetensors file, or was cut short; make or fetch it again"):
        load_tensors(tmp_path / "x")


def test_missing_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match=r"none: no such file; expected a safetensors file with weights"):
        load_tensors(tmp_path / "none")
    with pytest.raises(CheckpointError, match=r"is not a file; expected a safetensors file with weights"):
        load_tensors(tmp_path)
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    with pytest.raises(CheckpointError, match=r"pipe is not a file"):
        load_tensors(tmp_path / "pipe")
    save_tensors(tmp_path / "w", weights(), {})

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(CheckpointError, match=r"cannot read .*w: Permission denied"):
        load_tensors(tmp_path / "w")


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3"])
def test_kinds_that_numpy_lacks(tmp_path: Path, kind: str) -> None:
    size = 2 if kind == "BF16" else 1
    (tmp_path / "x").write_bytes(
        by_hand({"0.weight": {"dtype": kind, "shape": [4], "data_offsets": [0, 4 * size]}}, b"\0" * 4 * size)
    )
    with pytest.raises(
        CheckpointError, match=rf"x: 0\.weight has numbers of kind {kind}, which nbcnn does not read; .*v\.float\(\)"
    ):
        load_tensors(tmp_path / "x")


def test_the_first_wrong_shape_is_named_in_the_networks_order() -> None:
    found = dict(reversed(weights().items()))
    found["2.0.weight"] = np.zeros((4, 7), np.float32)
    found["2.0.bias"] = np.zeros((9,), np.float32)
    with pytest.raises(
        CheckpointError,
        match=r"^w\.safetensors does not fit this network: 2\.0\.weight is \(4, 7\) in the file and \(4, 6\) in the "
        r"network; use the config that the file was trained with$",
    ):
        match_tensors(found, SHAPES, "w.safetensors")


def test_a_transposed_weight_is_not_reshaped() -> None:
    found = weights()
    found["2.0.weight"] = found["2.0.weight"].T
    with pytest.raises(CheckpointError, match=r"2\.0\.weight is \(6, 4\) in the file and \(4, 6\) in the network"):
        match_tensors(found, SHAPES, "w")


def test_missing_names() -> None:
    found = weights()
    del found["2.0.bias"]
    with pytest.raises(
        CheckpointError,
        match=r"^w does not fit this network: 2\.0\.bias \(4,\) is missing from the file; use the config",
    ):
        match_tensors(found, SHAPES, "w")
    found = {f"net.{name}": value for name, value in weights().items()}
    with pytest.raises(
        CheckpointError,
        match=r"0\.weight \(6, 1, 5, 5\) is missing from the file; of the names that are not the network's, "
        r"did you mean net\.0\.weight\? \(known: net\.0\.bias",
    ):
        match_tensors({name: value for name, value in found.items() if "2.0.weight" not in name}, SHAPES, "w")
    many = {f"layer{k}": np.zeros(1, np.float32) for k in range(13)}
    with pytest.raises(CheckpointError, match=r"13 names in the file are not the network's, layer0 the first$"):
        match_tensors(many, SHAPES, "w")


def test_unexpected_names_are_shown_harmlessly() -> None:
    with pytest.raises(
        CheckpointError,
        match=r"^w does not fit this network: 9\.bias \(2,\) is in the file and not in the network; use",
    ):
        match_tensors({**weights(), "9.bias": np.zeros(2, np.float32)}, SHAPES, "w")
    with pytest.raises(CheckpointError, match=r"'\\x1b\[2Jx' \(2,\) is in the file") as caught:
        match_tensors({**weights(), "\x1b[2Jx": np.zeros(2, np.float32)}, SHAPES, "w")
    assert "\x1b" not in str(caught.value)
    with pytest.raises(CheckpointError, match=r"x{79}… \(2,\) is in the file"):
        match_tensors({**weights(), "x" * 10000: np.zeros(2, np.float32)}, SHAPES, "w")


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.bool_, np.complex64])
def test_weights_must_be_floats(kind: type) -> None:
    found = {**weights(), "0.bias": np.zeros(6, kind)}
    with pytest.raises(
        CheckpointError,
        match=rf"0\.bias is {np.dtype(kind)} in the file; weights are float32 or float64 or float16$",
    ):
        match_tensors(found, SHAPES, "w")


def test_other_floats_become_float32(tmp_path: Path) -> None:
    found: dict[str, np.ndarray] = weights()
    found["0.bias"] = np.array([1, 2, 3, 4, 5, np.inf])
    found["2.0.bias"] = np.array([0.1, 1, 2, np.nan], np.float16)
    save_tensors(tmp_path / "w", found, {})
    loaded, _ = load_weights(tmp_path / "w", SHAPES)
    assert {value.dtype.name for value in loaded.values()} == {"float32"}
    assert loaded["0.bias"].tolist() == [1, 2, 3, 4, 5, np.inf]
    assert loaded["2.0.bias"][0] == np.float32(np.float16(0.1))
    assert np.isnan(loaded["2.0.bias"][3])


def test_numbers_beyond_float32_are_refused() -> None:
    found = {**weights(), "0.bias": np.array([1, 2, 3, 4, -1e39, np.inf])}
    with pytest.raises(CheckpointError, match=r"^w: 0\.bias holds 1e\+39, more than float32 can; train it again$"):
        convert_weights(found, SHAPES, "w")


def test_optimizer_arrays() -> None:
    state: dict[str, np.ndarray] = {"moments": np.zeros((2, 3), np.float32), "count": np.zeros(1, np.int64)}
    saved = {"moments": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.array([5])}
    fill_arrays(saved, state, "o")
    assert state["moments"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert state["count"].tolist() == [5]


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        ({"velocity": np.ones(3, np.float32)}, "the file has velocity and the optimizer count, moments; use the run's"),
        (
            {"moments": np.ones((2, 3), np.float32), "count": np.ones(1, np.int64), "z\n": np.ones(1)},
            r"the file has 'z\\n', count, moments and the optimizer count, moments",
        ),
        ({}, "the file has nothing and the optimizer count, moments"),
        (
            {"moments": np.ones((2, 3), np.float32), "count": np.ones(2, np.int64)},
            r"count is int64 \(2,\) in the file and int64 \(1,\) in the optimizer; use the run's own config",
        ),
        (
            {"moments": np.ones((2, 3), np.float32), "count": np.ones(1, np.float32)},
            r"count is float32 \(1,\) in the file and int64 \(1,\) in the optimizer",
        ),
    ],
)
def test_optimizer_arrays_that_do_not_fit(saved: dict[str, np.ndarray], words: str) -> None:
    state: dict[str, np.ndarray] = {"moments": np.zeros((2, 3), np.float32), "count": np.zeros(1, np.int64)}
    with pytest.raises(CheckpointError, match="^o does not fit this optimizer: " + words):
        fill_arrays(saved, state, "o")
    assert not state["moments"].any()
