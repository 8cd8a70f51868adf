"""Pydantic's validation errors in plain words: place, key, expected, given, remedy.

What a field expects is read off its JSON Schema, so that a plugin's config gets the same sentences for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError

from nbcnn.config.hints import Chosen, hint, meant
from nbcnn.config.problems import Problem, rank
from nbcnn.config.syntax import decimal_point, no_mapping
from nbcnn.config.tree import KeyPath, Tree
from nbcnn.config.yaml_tree import show
from nbcnn.layers.entries import Complaint, Loc, complaint_of

_ANYTHING = "another kind of value"


def explain(error: ValidationError, model: type[BaseModel], tree: Tree) -> list[Problem]:
    """The problems that ``model`` found in the tree."""
    # Every arm of a union complains about one value, so the complaints of one field are judged together.
    fields: dict[tuple[Loc, str], list[tuple[Loc, Complaint]]] = {}
    complaints = [(found["loc"], complaint_of(found, model)) for found in error.errors(include_url=False)]
    misspelt = {_misspelt(loc, complaint) for loc, complaint in complaints if complaint.kind == "extra_forbidden"}
    for loc, complaint in complaints:
        if complaint.kind == "missing" and loc in misspelt:  # its name is there, but wrong: that is one mistake
            continue
        above = loc[: len(loc) - len(complaint.loc)]
        kind = complaint.kind if complaint.kind == "extra_forbidden" else complaint.sentence
        _, name, rest = _field(complaint)
        in_model = complaint.loc[: len(complaint.loc) - len(rest)]
        key = (loc, kind) if name is None or complaint.sentence else ((*above, *in_model), "")
        fields.setdefault(key, []).append((loc, complaint))
    alike: dict[str, list[Problem]] = {}
    told = []
    for group in fields.values():
        if (complaint := group[0][1]).kind == "alike":
            alike.setdefault(complaint.sentence, []).extend(_problems(group, tree))
        else:
            told += _problems(group, tree)
    told += [_once(problems) for problems in alike.values()]
    return [problem.where_written(tree) for problem in told]


def _once(problems: list[Problem]) -> Problem:
    """The first of problems that have one sentence, with the number of the others."""
    first = min(problems, key=rank)
    if (others := len(problems) - 1) == 0:
        return first
    what, _, remedy = first.sentence.partition("; ")
    return first._replace(sentence=f"{what} (and in {others} more place{'s' * (others > 1)}); {remedy}")


def find(tree: Tree, loc: Loc) -> tuple[KeyPath, Any]:
    """The path that the tree has for a place in the models, and the value there.

    Models have places that files don't: the arms of a union, the key that a bare value stands for.
    """
    node: Any = tree.root
    path: KeyPath = ()
    for part in loc:
        keys = node if isinstance(node, Mapping) else range(len(node)) if isinstance(node, list) else ()
        if part in keys:
            node = node[part]
        elif isinstance(part, str) and node == part:  # a bare name: below it there is nothing
            node = None
        else:
            continue
        path = (*path, part)
    return path, node


def expected(model: type[BaseModel], name: str) -> str:
    """The values that a field of a model takes, in words: ``a whole number of at least 1``."""
    return describe(_schema(model, name))


def constraints(model: BaseModel, name: str, rest: Loc = ()) -> dict[str, Any]:
    """The JSON Schema of a field's value, or of the part of it that ``rest`` leads to."""
    return _inside(_schema(type(model), name), rest)


def _problems(group: list[tuple[Loc, Complaint]], tree: Tree) -> list[Problem]:
    loc, complaint = group[0]
    model, name, rest = _field(complaint)
    if complaint.sentence:
        path, value = find(tree, loc)
        got = f", got {show(value)}" if complaint.kind == "got" else ""
        return [Problem(tree.place(path, of_key=complaint.kind == "key"), path, complaint.sentence + got)]
    if complaint.kind == "extra_forbidden" and model is not None:
        path, key = find(tree, loc)[0], str(loc[-1])
        chosen = Chosen.of(tree.root, find(tree, loc)[1]) if path[:-1] in ((), ("train",)) else None
        remedy = hint(key, model.model_fields, _below(model, tree) if len(path) == 1 else (), chosen)
        return [Problem(tree.place(path, of_key=True), path, f"unknown key {show(key)}; {remedy}")]
    if complaint.kind == "missing" and not rest and name is not None and model is not None:
        path, _ = find(tree, loc[:-1])
        sentence = f"{name} is missing; expected {expected(model, name)}"
        return [Problem(tree.place(path, of_key=True), path, sentence)]
    here, _ = find(tree, loc[: len(loc) - len(rest)])
    values = dict(find(tree, loc) for loc, _ in group)
    # An arm that got as far as an item of a list is the one that was meant.
    shallow = {path[:length] for path in values for length in range(len(path))}
    schema = _schema(model, name) if model is not None and name is not None else {}
    told = []
    for path, value in values.items():
        if path not in shallow:
            words = describe(_inside(schema, path[len(here) :]))
            more = decimal_point(value) if "number" in words else no_mapping(value) if "mapping" in words else ""
            told.append(Problem(tree.place(path), path, f"expected {words}, got {show(value)}{more}"))
    return told


def _below(model: type[BaseModel], tree: Tree) -> set[str]:
    """The keys below those of the whole config, as ``train.epochs``: what sections may have, and what this tree has."""
    sections = {name: field.annotation for name, field in model.model_fields.items()}
    models = {name: kind for name, kind in sections.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}
    found = {f"{name}.{key}" for name, kind in models.items() for key in kind.model_fields}
    return found | {".".join(map(str, path)) for path in tree.values if len(path) > 1 and path[0] in models}


def _misspelt(loc: Loc, complaint: Complaint) -> Loc:
    """The place of the key that an unknown key was meant to be."""
    model = _field(complaint)[0]
    return (*loc[:-1], (model and meant(str(loc[-1]), model.model_fields)) or "")


def _field(complaint: Complaint) -> tuple[type[BaseModel] | None, str | None, Loc]:
    """The innermost model, the name of its field (None if it has none such), and what is left of the place."""
    model, name = complaint.model, None
    for depth, part in enumerate(complaint.loc):
        field = model.model_fields.get(str(part)) if model else None
        if field is None or model is None:
            return model, None, complaint.loc[depth:]
        name = str(part)
        inner = _model(field.annotation)
        if depth + 1 == len(complaint.loc) or inner is None:
            return model, name, complaint.loc[depth + 1 :]
        model = inner
    return model, name, ()


def _model(annotation: Any) -> type[BaseModel] | None:
    """The section that a field's type is, or is where it is not None."""
    kinds = get_args(annotation) or (annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


@cache
def _schema(model: type[BaseModel], name: str) -> dict[str, Any]:
    """The JSON Schema of one field; nothing for a type that has none."""
    field = model.model_fields[name]
    try:
        annotation: Any = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        return TypeAdapter(annotation).json_schema()
    except (PydanticUserError, TypeError):
        return {}


def _inside(schema: dict[str, Any], rest: Loc) -> dict[str, Any]:
    """The schema of what ``rest`` leads to inside a list or mapping."""
    for part in rest:
        arms = schema.get("anyOf", [schema])
        if isinstance(part, int):
            schema = next((arm for arm in arms if "prefixItems" in arm or "items" in arm), {})
            items = schema.get("prefixItems", [])
            schema = items[part] if part < len(items) else schema.get("items", {})
        elif schema.get("type") == "object":
            schema = schema.get("properties", {}).get(part) or schema.get("additionalProperties") or {}
    return schema if isinstance(schema, dict) else {}


def describe(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in words."""
    if "x-expected" in schema:
        return str(schema["x-expected"])
    if "anyOf" in schema:
        arms = [arm for arm in schema["anyOf"] if arm.get("type") != "null"]
        words = ", or ".join(describe(arm) for arm in arms)
        return words if len(arms) == len(schema["anyOf"]) else f"{words}, or null"
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)
    if kind == "array":
        return _list(schema)
    if kind == "object":
        keys = schema.get("required") or list(schema.get("properties", {}))
        return f"a mapping with keys such as {', '.join(keys[:4])}" if keys else "a mapping, as in {key: value}"
    return {"boolean": "true or false", "null": "null", "string": "text"}.get(str(kind), _ANYTHING)


def _bounds(schema: Mapping[str, Any]) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}"
    words = [
        f"{word} {bound:g}"
        for word, bound in (("of at least", low), ("above", above), ("of at most", high), ("below", below))
        if bound is not None
    ]
    return f" {' and '.join(words)}" if words else ""


def _list(schema: Mapping[str, Any]) -> str:
    items = schema.get("prefixItems") or [schema.get("items") or {}]
    count = len(items) if "prefixItems" in schema else None
    if count is None and schema.get("minItems") == schema.get("maxItems"):
        count = schema.get("minItems")
    what = "values" if describe(items[0]) == _ANYTHING else _plural(describe(items[0]))
    if count is not None:
        return f"a list of {count} {what}"
    return f"a list of {what}{', at least one' if schema.get('minItems') else ''}"


def _plural(words: str) -> str:
    for one, many in (("a whole number", "whole numbers"), ("a number", "numbers"), ("text", "texts")):
        if words.startswith(one):
            return many + words.removeprefix(one)
    return f"items, each {words}"
