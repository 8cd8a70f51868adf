"""Files of weights in other formats: each is called what it is, with the way to a safetensors file."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nbcnn.errors import CheckpointError
from nbcnn.runs.checkpoint import load_tensors, save_tensors


def zipped(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 50)
    return data.getvalue()


def npz() -> bytes:
    data = io.BytesIO()
    np.savez(data, a=np.zeros(3))
    return data.getvalue()


HDF5 = b"\x89HDF\r\n\x1a\n" + b"\0" * 99
FILES = {
    "m.keras": (zipped("metadata.json", "config.json", "model.weights.h5"), r"a Keras model \(\.keras\); convert it in Keras: .*load_model\('.*m\.keras'\)"),
    "w.npz": (npz(), r"a NumPy archive \(\.npz\); convert it in Python: safetensors\.numpy\.save_file\(.*numpy\.load\('.*w\.npz'\)"),
    "w.npy": (b"\x93NUMPY\1\0", r"a NumPy array \(\.npy\) without a name; give each array its name"),
    "w.h5": (HDF5, r"HDF5, as Keras writes it \(\.h5\); convert it in Keras"),
    "w.hdf5": (HDF5, r"HDF5, as Keras writes it"),
    "other.safetensors": (HDF5, r"HDF5, as Keras writes it"),
    "net.onnx": (b"\x08\x08\x12\x07pytorch" + b"\0" * 99, r"an ONNX model; convert it in Python: .*onnx\.load\('.*net\.onnx'\)"),
    "script.pt": (zipped("s/data.pkl", "s/code/__torch__.py", "s/constants.pkl"), r"a TorchScript program, which nbcnn never runs; convert it in PyTorch: .*torch\.jit\.load\('.*script\.pt'\)\.state_dict\(\)"),
    "net.bin": (b"\x80\x02}q", r"looks like a pickle, which nbcnn never opens"),
    "cut.pth": (zipped("archive/data.pkl")[:-30], r"looks like a pickle, which nbcnn never opens"),
    "cut.npz": (npz()[:-30], r"a zip archive that is damaged or cut short; make or fetch it again"),
    "w.zip": (zipped("w.safetensors"), r"a zip archive; unpack it first"),
    "saved_model.pb": (b"\x08\x01\x12\x02\x0a\x00" + b"\0" * 99, r"a file of TensorFlow; convert it in Keras"),
    "m.ckpt.data-00000-of-00001": (b"\0" * 99, r"a file of TensorFlow"),
    "m.tflite": (b"\x1c\0\0\0TFL3" + b"\0" * 99, r"a TensorFlow Lite model"),
    "m.gguf": (b"GGUF\3\0\0\0" + b"\0" * 99, r"a GGUF file, for language models"),
    "m.msgpack": (b"\x82\xa6params" + b"\0" * 99, r"a file of Flax; convert it in Flax"),
    "m.weights": (b"\0\0\0\0\2\0\0\0" + b"\0" * 99, r"a file of Darknet"),
    "lfs.safetensors": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", r"a pointer of Git LFS to a file that was not fetched; fetch it: git lfs pull"),
    "page.safetensors": (b"<!DOCTYPE html>\n<html><head><title>Sign in</title>", r"a web page, perhaps of a download that failed; fetch the file itself again"),
    "w.safetensors.gz": (b"\x1f\x8b\x08\0" + b"\0" * 99, r"a packed file; unpack it first"),
    "w.tar": (b"w".ljust(257, b"\0") + b"ustar" + b"\0" * 99, r"a tar archive; unpack it first"),
    "index.json": (json.dumps({"weight_map": {}}).encode(), r"JSON text, which holds no weights"),
    "net.yaml": (b"name: lenet\ninput: 3\n", r"a YAML file, which holds no weights; give it as the model"),
    "cat.png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, r"a picture; nbcnn predict takes it"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_called_what_it_is(tmp_path: Path, name: str) -> None:
    content, sentence = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"{name} is not a safetensors file but {sentence}") as caught:
        load_tensors(tmp_path / name)
    if "pickle" not in sentence:
        assert "pickle" not in str(caught.value)
    if name in ("m.keras", "w.npz", "w.h5"):
        assert "PyTorch" not in str(caught.value)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "w").touch()
    with pytest.raises(CheckpointError, match=r"w is not a safetensors file: it is empty; make or fetch it again$"):
        load_tensors(tmp_path / "w")


def test_a_folder_of_files_names_the_one_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(CheckpointError, match=r"run is not a file; expected a safetensors file with weights$"):
        load_tensors(tmp_path / "run")
    for name in ("a", "best", "last"):
        save_tensors(tmp_path / f"run/{name}.safetensors", {}, {})
    with pytest.raises(CheckpointError, match=r"with weights; did you mean .*run/best\.safetensors\?$"):
        load_tensors(tmp_path / "run")


def test_the_line_for_a_numpy_archive_keeps_every_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy
    import safetensors.numpy

    monkeypatch.chdir(tmp_path)
    wanted = {"rows": np.arange(6.0).reshape(2, 3), "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3))}
    np.savez("w.npz", **wanted)
    with pytest.raises(CheckpointError, match=r"in Python: (.*)$") as caught:
        load_tensors("w.npz")
    exec(str(caught.value).partition("in Python: ")[2], {"safetensors": safetensors, "numpy": numpy})
    found, _ = load_tensors("weights.safetensors")
    assert {name: value.tolist() for name, value in found.items()} == {n: v.tolist() for n, v in wanted.items()}
