"""Answers to arguments that PyTorch's layers and optimizers have and nbcnn's do not."""

from __future__ import annotations

from collections.abc import Collection

from nbcnn.errors import closest, nearest

_INFERRED = "it follows from the input and the layers before; leave it out"
_ANSWERS = {
    "in_channels": _INFERRED,
    "in_features": _INFERRED,
    "inplace": "it never changes a result; leave it out",
    "device": "everything is computed on the CPU; leave it out",
    "dtype": "everything is computed in float32; leave it out",
    "dilation": "only conv2d and max_pool2d have dilation; leave it out",
    "groups": "only conv2d has groups of channels; leave it out",
    "padding_mode": "padding is always with zeros; leave it out",
    "fill": "what comes into a shifted image is black; leave it out",
    "pad_if_needed": "images are cropped back to the size that they had; leave it out",
    "ceil_mode": "only pooling rounds sizes up; leave it out",
    "output_size": "nbcnn pools to one pixel a channel, as adaptive pooling to 1 does; leave it out",
    "return_indices": "the places of the largest pixels are not kept; leave it out",
    "start_dim": "a whole image is flattened; leave it out",
    "end_dim": "a whole image is flattened; leave it out",
}


def hint(key: str, known: Collection[str], below: Collection[str] = ()) -> str:
    """What to do about an unknown key; ``below`` are keys further down (``train.epochs``) that may be meant instead."""
    if key in _ANSWERS:
        return _ANSWERS[key]
    last = {path.rpartition(".")[2]: path for path in sorted(below, reverse=True)}
    near = key if key in last else None if closest(key, known) else closest(key, last, cutoff=0.7)
    if near:
        return f"did you mean {last[near]}? (known here: {', '.join(sorted(known))})"
    return nearest(key, known) if known else "there is nothing to set here"


def meant(key: str, known: Collection[str]) -> str | None:
    """The known key that ``hint`` suggests for an unknown one, if it does."""
    return None if key in _ANSWERS else closest(key, known)
