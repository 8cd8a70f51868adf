"""Recognition of weight files that are not safetensors, by their first bytes, and how to convert them.

Nothing of them is opened but a zip's list of names: many of these formats run code when they are read.
"""

from __future__ import annotations

import re
from pathlib import Path

TORCH = "convert it in PyTorch: safetensors.torch.save_file(net.state_dict(), 'weights.safetensors')"
_PICKLE = "looks like a pickle, which nbcnn never opens because that can run code; " + TORCH
_KERAS = (
    "convert it in Keras: safetensors.numpy.save_file({{v.path: v.numpy() for v in "
    "keras.saving.load_model({path!r}).weights}}, 'weights.safetensors'), and nbcnn says how its names and axes fit"
)
_UNPACK = "unpack it first"
_AGAIN = "fetch the file itself again"

# First bytes (a regular expression), what that is, what to do.
_STARTS = (
    (rb"\x89HDF\r\n\x1a\n", "HDF5, as Keras writes it (.h5)", _KERAS),
    (
        rb"\x93NUMPY",
        "a NumPy array (.npy) without a name",
        "give each array its name: safetensors.numpy.save_file({{'0.weight': numpy.load({path!r})}}, "
        "'weights.safetensors')",
    ),
    (rb"GGUF|ggml|lmgg|tjgg", "a GGUF file, for language models", "nbcnn reads weights in safetensors files alone"),
    (rb".{4}TFL3", "a TensorFlow Lite model", "convert the Keras model that it was made from"),
    (rb"version https://git-lfs", "a pointer of Git LFS to a file that was not fetched", "fetch it: git lfs pull"),
    (rb"(?i)\s*<(!doctype|html|head|\?xml|!--)", "a web page, perhaps of a download that failed", _AGAIN),
    (rb"\x1f\x8b|BZh|\xfd7zXZ\0|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!", "a packed file", _UNPACK),
    (rb"(?s).{257}ustar", "a tar archive", _UNPACK),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|BM..\0\0", "a picture", "nbcnn predict takes it after the run folder"),
    (rb"MATLAB ", "a MATLAB file", "convert it in Python with scipy.io.loadmat and safetensors.numpy.save_file"),
    (rb"\s*[\[{]", "JSON text, which holds no weights", "give the .safetensors file that it goes with"),
)

# Suffixes, for formats that begin with nothing of their own.
_SUFFIXES = {
    (".onnx",): (
        "an ONNX model",
        "convert it in Python: safetensors.numpy.save_file({{t.name: onnx.numpy_helper.to_array(t) for t in "
        "onnx.load({path!r}).graph.initializer}}, 'weights.safetensors')",
    ),
    (".pb", ".index", ".meta"): ("a file of TensorFlow", _KERAS),
    (".msgpack", ".flax"): (
        "a file of Flax",
        "convert it in Flax: safetensors.flax.save_file(flax.traverse_util.flatten_dict(parameters, sep='.'), "
        "'weights.safetensors')",
    ),
    (".weights",): ("a file of Darknet", "convert it to PyTorch first"),
    (".caffemodel", ".mlmodel", ".params", ".pdparams"): ("a file of another library", "convert it to PyTorch first"),
    (".yaml", ".yml"): ("a YAML file, which holds no weights", "give it as the model, and weights as the .safetensors"),
}
_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")


DIRECTORY = 1 << 16
"""Bytes of a zip's end that are looked at for its directory."""


def what_it_is(path: Path, start: bytes) -> str:
    """The sentence for a file that is no safetensors file; ``start`` is its first bytes, some 300."""
    if not start:
        return f"{path} is not a safetensors file: it is empty; make or fetch it again"
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zip(path)
    if start[:1] == b"\x80":
        return f"{path} is not a safetensors file but {_PICKLE}"
    if len(start) > 8 and start[8:9] == b"{":
        return f"{path} is not a safetensors file, or was cut short; make or fetch it again"
    for begins, what, remedy in _STARTS:
        if re.match(begins, start):
            return _sentence(path, what, remedy)
    if re.search(r"\.data-\d+-of-\d+$", path.name):
        return _sentence(path, "a file of TensorFlow", _KERAS)
    for suffixes, (what, remedy) in _SUFFIXES.items():
        if path.suffix.lower() in suffixes:
            return _sentence(path, what, remedy)
    if path.suffix.lower() in _PICKLES:
        return f"{path} is not a safetensors file but {_PICKLE}"
    return f"{path} is not a safetensors file; nbcnn reads weights in no other form"


def _zip(path: Path) -> str:
    """Many formats are zips: what is in it tells them apart."""
    names = _names_in_zip(path)
    if names is None:
        if path.suffix.lower() in _PICKLES:
            return f"{path} is not a safetensors file but {_PICKLE}"
        return _sentence(path, "a zip archive that is damaged or cut short", "make or fetch it again")
    if any(name.endswith(".pkl") for name in names):
        if any("/code/" in name for name in names):
            script = TORCH.replace("net", f"torch.jit.load({str(path)!r})")
            return f"{path} is not a safetensors file but a TorchScript program, which nbcnn never runs; {script}"
        return f"{path} is not a safetensors file but {_PICKLE}"
    if names and all(name.endswith(".npy") for name in names):
        convert = (
            "convert it in Python: safetensors.numpy.save_file({{k: v.copy() for k, v in "
            "numpy.load({path!r}).items()}}, 'weights.safetensors')"
        )
        return _sentence(path, "a NumPy archive (.npz)", convert)
    if any(name.endswith((".weights.h5", "config.json")) for name in names):
        return _sentence(path, "a Keras model (.keras)", _KERAS)
    return _sentence(path, "a zip archive", _UNPACK)


def _sentence(path: Path, what: str, remedy: str) -> str:
    return f"{path} is not a safetensors file but {what}; {remedy.format(path=str(path)) if '{' in remedy else remedy}"


def _names_in_zip(path: Path) -> list[str] | None:
    """The names in a zip's directory, which is its end; None where that is cut off. No file in it is looked at."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - DIRECTORY))
        end = file.read()
    if b"PK\x05\x06" not in end:
        return None
    names = []
    for entry in re.finditer(rb"PK\x01\x02", end):
        length = int.from_bytes(end[entry.start() + 28 : entry.start() + 30], "little")
        names.append(end[entry.start() + 46 : entry.start() + 46 + length].decode("utf-8", "replace"))
    return names
