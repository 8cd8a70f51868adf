"""Hints for unknown keys of a config, such as arguments that only PyTorch's layers and optimizers have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from nbcnn.optim import OPTIMIZERS
from nbcnn.util.foreign_names import alias
from nbcnn.util.suggestions import closest, nearest

_INFERRED = "it follows from the input and the layers before; leave it out"
_ANSWERS = {
    "in_channels": _INFERRED,
    "in_features": _INFERRED,
    "num_channels": _INFERRED,
    "normalized_shape": _INFERRED,
    "inplace": "it never changes a result; leave it out",
    "device": "everything is computed on the CPU; leave it out",
    "dtype": "everything is computed in float32; leave it out",
    "dilation": "only conv2d and max_pool2d have dilation; leave it out",
    "groups": "only conv2d has groups of channels; leave it out",
    "padding_mode": "a layer pads with zeros; put reflect_pad2d before it, or leave it out",
    "fill": "what comes into a shifted image is black; leave it out",
    "flip": "write random_horizontal_flip, as in random_horizontal_flip: {p: 0.5}",
    "affine": "write random_affine, as in random_affine: {degrees: 10}",
    "rotation": "write random_affine, as in random_affine: {degrees: 10}",
    "erasing": "write random_erasing, as in random_erasing: {p: 0.5}",
    "cutout": "write random_erasing, as in random_erasing: {p: 0.5}",
    "pad_if_needed": "images are cropped back to the size that they had; leave it out",
    "ceil_mode": "only pooling rounds sizes up; leave it out",
    "output_size": "only adaptive_avg_pool2d has it: use that layer, or leave it out",
    "mode": "it follows from the metric: a loss falls, an accuracy rises; leave it out",
    "align_corners": "pixels are repeated, nothing is interpolated; leave it out",
    "return_indices": "the places of the largest pixels are not kept; leave it out",
    "start_dim": "a whole image is flattened; leave it out",
    "end_dim": "a whole image is flattened; leave it out",
    "activation": "it is a layer of its own: write - relu, - sigmoid or - tanh in the next line",
    "input_shape": _INFERRED,
    "kernel_initializer": "initial parameters are chosen for the whole network, by train.init; leave it out",
    "bias_initializer": "initial parameters are chosen for the whole network, by train.init; leave it out",
    "loss": "the loss is always cross-entropy; leave it out",
    "criterion": "the loss is always cross-entropy; leave it out",
    "loss_function": "the loss is always cross-entropy; leave it out",
    "metrics": "loss and accuracy are always measured; leave it out",
    "num_workers": "images are in memory, nothing loads them later; leave it out",
    "workers": "images are in memory, nothing loads them later; leave it out",
    "pin_memory": "everything is computed on the CPU; leave it out",
    "gpus": "everything is computed on the CPU; leave it out",
    "cuda": "everything is computed on the CPU; leave it out",
    "last_epoch": "a training that goes on knows its epoch; leave it out",
    "total_steps": "it is all steps of the training, train.epochs of them; leave it out",
    "steps_per_epoch": "it follows from the data and train.batch_size; leave it out",
    "verbose": "what is printed is chosen on the command line; leave it out",
}
_SCHEDULES = (
    "scheduler",
    "lr_scheduler",
    "lr_schedule",
    "schedule",
    "lr_policy",
    "lr_decay",
    "warmup",
    "warm_up",
    "warmup_epochs",
    "warmup_steps",
)
_SCHEDULE = "the learning rate's is train.schedule, as in train: {schedule: {cosine: {eta_min: 0.001}}}"
_WARMUP = "linear warm-up is train.warmup, as in train: {warmup: {epochs: 2}}"
_BELONGS = "it belongs to the optimizer: {path}, as in train: {{optimizer: {{{name}: {{{key}: {value}}}}}}}"
_OWN = ("input_shape",)
"""Answers for layers alone: at the top of a file, and where they are known, these names are near others."""


class Chosen(NamedTuple):
    """The optimizer that a config has, and the value at an unknown key that may be meant for it."""

    optimizer: str
    value: object

    @classmethod
    def of(cls, root: Any, value: object) -> Chosen:
        """The optimizer of a config as it is written; the default one where it has none."""
        train = root.get("train")
        choice = train.get("optimizer") if isinstance(train, Mapping) else None
        name = next(iter(choice), "") if isinstance(choice, Mapping) else choice
        return cls(name if isinstance(name, str) and name else "sgd", value)


def hint(key: str, known: Collection[str], below: Collection[str] = (), chosen: Chosen | None = None) -> str:
    """The hint for an unknown key; ``below`` are keys further down (``train.epochs``) that may be meant instead.

    ``chosen`` is given where the optimizer's arguments may be meant: in ``train`` and at the top.
    """
    base, colon, rest = key.partition(":")
    if colon and rest and base in known:
        return f"put a space after the colon, as in {base}: {rest}"
    if key == "mode" and "scale_factor" in known:
        return "images are enlarged by repeating pixels, PyTorch's mode nearest; leave it out"
    if key in _ANSWERS and not (key in _OWN and below):
        return _ANSWERS[key]
    if chosen is not None and key in _SCHEDULES and key not in known:
        return _WARMUP if key.startswith("warm") else _SCHEDULE
    last = {path.rpartition(".")[2]: path for path in sorted(below, reverse=True)}
    here = closest(key, known)
    near = key if key in last else None if here else closest(key, last)
    if near:
        return f"did you mean {last[near]}? (known here: {', '.join(sorted(known))})"
    if chosen is not None and here is None and (words := _of_the_optimizer(key, chosen)):
        return words
    return nearest(key, known) if known else "there is nothing to set here"


def _of_the_optimizer(key: str, chosen: Chosen) -> str | None:
    """Where an optimizer's argument belongs: that of the config's own, or else of the first that has such a one."""
    for name in dict.fromkeys((chosen.optimizer, "sgd", *OPTIMIZERS)):
        fields = OPTIMIZERS.get(name).Config.model_fields if name in OPTIMIZERS else {}
        if (meant := key if key in fields else alias(key, fields)) is not None:
            number = chosen.value if isinstance(chosen.value, (int, float)) else "..."
            path = f"train.optimizer.{name}.{meant}"
            return _BELONGS.format(path=path, name=name, key=meant, value=number)
    return None


def meant(key: str, known: Collection[str]) -> str | None:
    """The known key that ``hint`` suggests for an unknown one, if it does."""
    base = key.partition(":")[0]
    return base if base in known else None if key in _ANSWERS and key not in _OWN else closest(key, known)
