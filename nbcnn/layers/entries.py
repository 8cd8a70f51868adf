"""Entries of a config that name a layer or an optimizer, ``sigmoid`` or ``conv2d: {...}``, and lists of layers.

``choose`` turns one such value into a name and its validated config, through a registry and in no other way.
Problems stay pydantic's until the config is loaded, for only then is it known where in the file they are; a
``Complaint`` goes with each, so that the sentence can be made then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, NoReturn, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from nbcnn.errors import ConfigError, NbcnnError
from nbcnn.kernels.registry import choices
from nbcnn.layers.base import LAYERS, LayerConfig
from nbcnn.layers.entry_hints import one_level_deeper, unknown_entry
from nbcnn.plugins import remedy
from nbcnn.util.model_values import model_values

if TYPE_CHECKING:
    from nbcnn.util.registry import Registry

_LIST = "a list of layers, at least one"
MAX_LAYERS = 1000
"""Layers in one list; a file with more is a mistake or an attack."""

Loc = tuple[str | int, ...]

_replaced: ContextVar[frozenset[str]] = ContextVar("replaced", default=frozenset())


@dataclass(frozen=True)
class Complaint:
    """One validation problem: pydantic's kind, its model and place below that, or a whole sentence."""

    kind: str
    model: type[BaseModel] | None = None
    loc: Loc = ()
    sentence: str = ""


class Flaw(NamedTuple):
    """A problem that nbcnn finds itself: its place below the value at hand, the sentence, the value.

    ``about`` is where to point and how to end: at the value, at its key, or at the value with ", got ..."; ``alike``
    points at the value too, and is reported once however many places have the same sentence.
    """

    loc: Loc
    sentence: str
    value: Any = None
    about: Literal["value", "key", "got", "alike"] = "value"


class _HasConfig(Protocol):
    Config: ClassVar[Any]


T = TypeVar("T", bound=_HasConfig)


def refuse(*flaws: Flaw, besides: ValidationError | None = None, model: type[BaseModel] = BaseModel) -> NoReturn:
    """Raise flaws from inside a pydantic validator: pydantic adds the path down to it and goes on collecting.

    ``besides`` is what ``model`` itself had to say of the same value.
    """
    lines = _below((), model, besides) if besides else []
    raise ValidationError.from_exception_data("nbcnn", lines + [_line(flaw) for flaw in flaws])


@contextmanager
def replacing(ops: Iterable[str]) -> Iterator[None]:
    """While inside, what is written of these ops' backends will be replaced, so nobody need know the names."""
    before = _replaced.get()
    try:
        _replaced.set(frozenset(ops))
        yield
    finally:
        _replaced.set(before)


def backend_flaws(loc: Loc, op: str, name: str) -> list[Flaw]:
    """Errors in the name of an op's backend, unless it will be replaced."""
    if op in _replaced.get() or name in choices(op):
        return []
    return [Flaw(loc, f"unknown backend {name!r} for {op}; {remedy(name, choices(op))}", name, about="alike")]


def choose(
    registry: Registry[type[T]], value: object, check: Callable[[str, Mapping[str, Any]], list[Flaw]] | None = None
) -> tuple[str, Any]:
    """The name and config that ``value`` stands for: a name, or a mapping of one name to its arguments.

    ``check`` may find flaws in the arguments that their model can't see. Raises ValidationError with all problems.
    """
    kind, arguments = _split(registry, value)
    model: type[BaseModel] = registry.get(kind).Config
    if arguments is None:
        arguments = {}
    elif not isinstance(arguments, Mapping):
        positional = getattr(model, "positional", None)
        if positional is None:
            sentence = f"expected arguments as {{key: value, ...}} ({_known(model)})"
            refuse(Flaw((kind,), sentence, arguments, about="got"))
        arguments = {positional: arguments}
    lines = [_line(f._replace(loc=(kind, *f.loc))) for f in (check(kind, arguments) if check else [])]
    try:
        config = model.model_validate(arguments)
    except ValidationError as error:
        lines += _below((kind,), model, error)
    if lines:
        raise ValidationError.from_exception_data("nbcnn", lines)
    return kind, config


def kind_of(config: LayerConfig) -> str:
    """The YAML name of a layer's config: what it was loaded under, or the one layer that has configs of its class."""
    if config.where:
        return config.where.rpartition("].")[2]
    kinds = [kind for kind in LAYERS if LAYERS.get(kind).Config is type(config)]
    if len(kinds) != 1:
        raise ConfigError(
            f"{type(config).__name__} made in Python could be of {len(kinds)} layers "
            f"({', '.join(kinds) or 'none is registered with it'}); write it as {{name: arguments}}"
        )
    return kinds[0]


def _split(registry: Registry[type[T]], value: object) -> tuple[str, Any]:
    """The name, which is known to the registry, and its arguments as they stand."""
    kind, arguments = value, None
    if isinstance(value, Mapping):
        if len(value) != 1:
            names = ", ".join(str(key) for key in list(value)[:5]) or "none"
            deeper = one_level_deeper(registry.kind, value)
            refuse(Flaw((), f"expected one {registry.kind}, got {len(value)} keys ({names}); {deeper}", value))
        ((kind, arguments),) = value.items()
    if not isinstance(kind, str):
        sentence = f"expected the name of {_a(registry.kind)}, alone or with its arguments"
        refuse(Flaw((), sentence, value, about="got"))
    if kind not in registry:
        unknown = Flaw((), f"unknown {registry.kind} {kind!r}; {unknown_entry(registry, kind)}", value)
        refuse(unknown._replace(loc=(kind,), about="key") if isinstance(value, Mapping) else unknown)
    return kind, arguments


def _entry(value: object) -> LayerConfig:
    """One entry of a list of layers."""
    if isinstance(value, LayerConfig):
        try:
            return value.model_copy().placed(value.where or kind_of(value))
        except NbcnnError as error:
            refuse(Flaw((), str(error)))
    kind, config = choose(LAYERS, value, _check_backend)
    assert isinstance(config, LayerConfig)
    return config.placed(kind)


def _check_backend(kind: str, arguments: Mapping[str, Any]) -> list[Flaw]:
    """A backend that the layer's op does not have."""
    op, name = LAYERS.get(kind).op, arguments.get("backend")
    return backend_flaws(("backend",), op, name) if op is not None and isinstance(name, str) else []


def _written(config: LayerConfig) -> dict[str, Any]:
    """The entry that YAML would have for a config, every default shown."""
    return {kind_of(config): model_values(config)}


def _counted(value: object) -> object:
    """Here and not as pydantic's bounds: those count what is valid, and so find a list of wrong layers too short."""
    if value in ([], ()):
        refuse(Flaw((), f"expected {_LIST}", value, about="got"))
    if isinstance(value, (list, tuple)) and len(value) > MAX_LAYERS:
        refuse(Flaw((), f"{len(value):,} layers in one list; at most {MAX_LAYERS} are allowed"))
    return value


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _known(model: type[BaseModel]) -> str:
    return "known: " + ", ".join(sorted(model.model_fields)) if model.model_fields else "it has none"


def _line(flaw: Flaw) -> InitErrorDetails:
    return _complain(Complaint(flaw.about, sentence=flaw.sentence), flaw.sentence, flaw.loc, flaw.value)


def _below(prefix: Loc, model: type[BaseModel], error: ValidationError) -> list[InitErrorDetails]:
    """The problems of a config, as seen from the value above it; each remembers the model it arose in."""
    lines = []
    for found in error.errors(include_url=False):
        complaint = complaint_of(found, model)
        lines.append(_complain(complaint, found["msg"], (*prefix, *found["loc"]), found["input"]))
    return lines


def complaint_of(found: Mapping[str, Any], model: type[BaseModel]) -> Complaint:
    """A Complaint from one of pydantic's error dictionaries; ``model`` is the one that was validated."""
    context = found.get("ctx", {})
    if isinstance(inner := context.get("complaint"), Complaint):
        return inner
    sentence = str(context["error"]) if found["type"] in ("value_error", "assertion_error") else ""
    return Complaint(found["type"], model, found["loc"], sentence)


def _complain(complaint: Complaint, message: str, loc: Loc, value: Any) -> InitErrorDetails:
    kind = PydanticCustomError("nbcnn", "{message}", {"message": message, "complaint": complaint})
    return InitErrorDetails(type=kind, loc=loc, input=value)


LayerEntry = Annotated[LayerConfig, PlainValidator(_entry), PlainSerializer(_written)]

LayerList = Annotated[
    tuple[LayerEntry, ...],
    Field(strict=False),
    BeforeValidator(_counted),
    WithJsonSchema({"type": "array", "x-expected": _LIST}),
]
"""The type of a field that holds layers: ``layers`` of a network and of ``sequential``."""
