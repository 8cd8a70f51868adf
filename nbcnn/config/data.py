"""The config section ``data``: where images come from, how they are scaled, how many are held out for validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, WithJsonSchema, model_validator

from nbcnn.config.section import Section
from nbcnn.layers.entries import Flaw, refuse
from nbcnn.plugins import remedy

DEFAULT_DATA = "fashion-mnist-mini"

_Count = Annotated[int, Field(ge=1)]
_Text = Annotated[str, Field(min_length=1)]
_Deviation = Annotated[float, Field(gt=0)]


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _for_channels(number: str, **bounds: float) -> WithJsonSchema:
    """How one number, or a list of one for each channel, is described."""
    expected = f"{number}, or a list of one for each input channel"
    return WithJsonSchema({"type": "array", "items": {"type": "number", **bounds}, "x-expected": expected})


_OneOrMore = BeforeValidator(_one_or_more)
_Means = Annotated[tuple[float, ...], Field(min_length=1), _OneOrMore, _for_channels("a number")]
_Deviations = Annotated[
    tuple[_Deviation, ...], Field(min_length=1), _OneOrMore, _for_channels("a number above 0", exclusiveMinimum=0)
]


def _share(value: float | None) -> float | None:
    """A share of the training images; refused where it would leave no image to validate with, or none to train on."""
    if value is None or 0 < value < 1:
        return value
    if value == 0:
        why = "a share of 0 holds out 0 × N = 0 of N training images, and none could choose the best checkpoint"
    elif value == 1:
        why = "a share of 1 holds out all N of N training images, and N - N = 0 are left to train on"
    elif value < 0:
        why = f"a share of {value:g} would be a negative number of images"
    else:
        why = f"a share of {value:g} would be {value:g} × N of N training images, more than there are"
    percent = f", or {value / 100:g} for {value:g} %" if 1 < value < 100 else ""
    refuse(Flaw((), f"{why}; give a share above 0 and below 1, such as 0.1{percent}, or null for no validation images"))


_Share = Annotated[
    float | None,
    AfterValidator(_share),
    WithJsonSchema({"x-expected": "a share above 0 and below 1, as in 0.1 for a tenth, or null"}),
]


def _known_data_set(name: str) -> str:
    from nbcnn.data.source import DATASETS  # here, because it imports NumPy and the reading of files

    if name not in DATASETS:
        refuse(Flaw((), f"unknown data set {name!r}; {remedy(name, DATASETS)}", name))
    return name


class DataConfig(Section):
    """The source of the images: a data set by ``name``, or a ``folder`` of class folders of images.

    ``size`` (height, width), ``grayscale`` and ``white_level`` (in images of more than 8 bits) say how a folder's
    images are read. ``mean`` and ``std`` are those of pixels counted from 0 (black) to 1 (white): one number, or one
    for each channel. ``validation`` is the share of the training images that is held out: they are not trained on,
    and choose the best checkpoint (data/validation_split.py).
    """

    name: Annotated[_Text, AfterValidator(_known_data_set)] | None = None
    folder: _Text | None = None
    size: tuple[_Count, _Count] | None = None
    grayscale: bool = False
    white_level: _Count | None = None
    data_dir: _Text | None = None
    mean: _Means = (0.0,)
    std: _Deviations = (1.0,)
    validation: _Share = None

    @model_validator(mode="wrap")
    @classmethod
    def _one_source(cls, value: Any, validate: Callable[[Any], DataConfig]) -> DataConfig:
        if not isinstance(value, Mapping):
            return validate(value)
        flaws: list[Flaw] = []
        name, folder = value.get("name"), value.get("folder")
        if name is None and folder is None:
            name, value = DEFAULT_DATA, {**value, "name": DEFAULT_DATA}
        if name is not None and folder is not None:
            words = "name and folder exclude one another; give the name of a data set or a folder of images"
            flaws.append(Flaw((), words, value))
        for key, unset in (("size", None), ("grayscale", False), ("white_level", None)):
            if folder is None and value.get(key, unset) is not unset:
                words = f"{key} is for a folder of images; the data set {name} has its own"
                flaws.append(Flaw((key,), words, value[key]))
        if not flaws:
            return validate(value)
        try:
            validate(value)
        except ValidationError as error:
            refuse(*flaws, besides=error, model=cls)
        refuse(*flaws)
