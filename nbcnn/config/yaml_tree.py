"""A YAML parser to plain values, with the line and column of every key and value.

A config needs mappings, lists, text, numbers, true/false and null; everything else that YAML can do is refused
where it stands. The tree is built from the parser's events one by one, so nothing is ever constructed by a tag,
nothing expands, and depth is counted before the next level is entered. Plain scalars mean what they mean in
YAML 1.2: ``1e-3`` is a number, ``yes`` and ``2026-01-01`` are text, ``010`` is ten.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from nbcnn.config.syntax import mistake, no_mapping, no_name, other_format
from nbcnn.config.tree import KeyPath, Place, Tree
from nbcnn.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_VALUES = 25_000
LARGEST = 2**63 - 1
"""The largest whole number: what an int64 holds."""

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = dict.fromkeys(("", "~", "null", "Null", "NULL")) | {
    word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")
}


NETWORK = "a network (name, input, layers)"
"""The content that a YAML file is expected to have, where its reader says nothing else."""


def read_yaml(data: bytes, source: str, expected: str = NETWORK, number_keys: bool = False) -> Tree:
    """The tree of one YAML file of at most MAX_BYTES; ``source`` is its name in messages.

    ``expected`` says in messages what the file holds; with ``number_keys`` a whole number may be a key, and becomes its
    text. Raises ConfigError, with file:line:column, for everything a config must not hold.
    """
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{source}: larger than {MAX_BYTES:,} bytes; a network takes a few lines, is this the file?")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _place_at(data[: error.start].decode("utf-8"), source)
        raise ConfigError(f"{place}: not UTF-8 text; save the file as UTF-8, or check that it is a YAML file") from None
    tree = _Reader(text, source, number_keys=number_keys).tree()
    if tree.root is None:
        raise ConfigError(f"{source}:1:1: the file is empty; expected {expected}")
    if not isinstance(tree.root, dict) and expected != NETWORK:
        raise ConfigError(f"{tree.values[()]}: expected {expected}, got {show(tree.root)}{no_mapping(tree.root)}")
    if not isinstance(tree.root, dict):
        if other := other_format(text):
            raise ConfigError(f"{source}:{other.line + 1}:1: {other.sentence}")
        raise ConfigError(
            f"{tree.values[()]}: expected keys such as name, input and layers at the top, got {show(tree.root)}"
            f"{no_mapping(tree.root)}"
        )
    return tree


def read_value(text: str, source: str) -> Any:
    """The value of an override: one piece of YAML, read by the same rules; ``source`` stands in messages."""
    return _Reader(text, source, located=False).tree().root


def show(value: Any) -> str:
    """A value as a message shows it: YAML's words, shortened."""
    text = _flow(value, 4)
    return text if len(text) <= 60 else f"{text[:57]}..."


def key_path(path: KeyPath) -> str:
    """``layers[3].conv2d.kernel_size``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{show_name(part)}" for part in path)
    return text.removeprefix(".")


class _Reader:
    """Builder of the tree from parser events; ``located`` is False for text of a command line."""

    def __init__(self, text: str, source: str, located: bool = True, number_keys: bool = False) -> None:
        self._text, self._source, self._located, self._number_keys = text, source, located, number_keys
        self._keys: dict[KeyPath, Place] = {}
        self._values: dict[KeyPath, Place] = {}
        self._events = self._checked_events()

    def tree(self) -> Tree:
        root = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                root = self._node(next(self._events), ())
                next(self._events)
            elif isinstance(event, yaml.StreamEndEvent):
                break
        return Tree(root, self._keys, self._values)

    def _checked_events(self) -> Iterator[yaml.Event]:
        """The parser's events; what no config may hold is refused before anyone acts on it."""
        documents = 0
        try:
            for event in yaml.parse(self._text, Loader=yaml.SafeLoader):
                documents += isinstance(event, yaml.DocumentStartEvent)
                if documents > 1:
                    raise self._refusal(event, "a second document starts here (---); one file is one network")
                if isinstance(event, yaml.AliasEvent):
                    raise self._refusal(
                        event, f"the alias *{show_name(str(event.anchor))} is not allowed; write the value out"
                    )
                if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)):
                    if event.anchor is not None:
                        raise self._refusal(event, f"the anchor &{show_name(event.anchor)} is not allowed; drop it")
                    if event.tag is not None:
                        raise self._refusal(
                            event, f"the tag {show_name(_tag(event.tag))} is not allowed; write the plain value"
                        )
                yield event
        except yaml.reader.ReaderError as error:
            place = _place_at(self._text[: error.position], self._source) if self._located else self._source
            raise ConfigError(
                f"{place}: a character that YAML does not allow ({error.character:#06x}); is this a text file?"
            ) from None
        except yaml.MarkedYAMLError as error:
            found = mistake(self._text, error)
            place = f"{self._source}:{found.line + 1}:{found.column + 1}" if self._located else self._source
            raise ConfigError(f"{place}: {found.sentence}") from None

    def _node(self, event: yaml.Event, path: KeyPath) -> Any:
        self._values[path] = self._place(event)
        if len(path) >= MAX_DEPTH and isinstance(event, yaml.CollectionStartEvent):
            raise self._refusal(event, f"nested deeper than {MAX_DEPTH} levels; a network needs a few")
        if len(self._values) > MAX_VALUES:
            raise self._refusal(event, f"more than {MAX_VALUES:,} values; a network needs a few hundred")
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(event, (*path, len(items))))
            return items
        if isinstance(event, yaml.MappingStartEvent):
            mapping: dict[str, Any] = {}
            while not isinstance(event := next(self._events), yaml.MappingEndEvent):
                key = self._key(event, path)
                mapping[key] = self._node(next(self._events), (*path, key))
            return mapping
        assert isinstance(event, yaml.ScalarEvent)
        return self._scalar(event)

    def _key(self, event: yaml.Event, path: KeyPath) -> str:
        key = self._scalar(event) if isinstance(event, yaml.ScalarEvent) else None
        if self._number_keys and isinstance(key, int) and not isinstance(key, bool):
            key = str(key)
        if not isinstance(key, str):
            got = show(key) if isinstance(event, yaml.ScalarEvent) else "a list or mapping"
            start, end = event.start_mark, event.end_mark
            assert start is not None
            assert end is not None
            raise self._refusal(event, no_name(got, self._text, start.index, end.index))
        if key == "<<":
            raise self._refusal(event, "the merge key << is not allowed; write the keys out")
        if (*path, key) in self._keys:
            first = self._keys[*path, key]
            at = f"line {first.line}" if self._located else "the same text"
            raise self._refusal(event, f"the key {show(key)} is given twice, first in {at}; keep one")
        self._keys[*path, key] = self._place(event)
        return key

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text: str = event.value
        if not event.implicit[0]:  # quoted, or a block of text
            return text
        if text in _WORDS:
            return _WORDS[text]
        whole, real = _INT.fullmatch(text), _FLOAT.fullmatch(text)
        if not (whole or real):
            return text
        if len(text) > 100:
            raise self._refusal(event, f"the number {text[:20]}... has {len(text)} characters; a hundred will do")
        if whole:
            number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
            if abs(number) > LARGEST:
                raise self._refusal(event, f"the whole number {text} is too large; the largest is {LARGEST}")
            return number
        if math.isinf(float(text)):
            raise self._refusal(event, f"the number {text} is too large for a float")
        return float(text)

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        assert mark is not None
        return Place(0, mark.line + 1, mark.column + 1, self._source) if self._located else Place(0, 0, 0, self._source)

    def _refusal(self, event: yaml.Event, words: str) -> ConfigError:
        return ConfigError(f"{self._place(event)}: {words}")


def show_name(name: str) -> str:
    """A name of the file's own making, cut to a length that fits a message."""
    return name if len(name) <= 40 else f"{name[:37]}..."


def _tag(tag: str) -> str:
    """A tag as it is written: the parser has spelled out its first part."""
    return tag.replace("tag:yaml.org,2002:", "!!", 1)


def _place_at(before: str, source: str) -> str:
    """file:line:column of the character after ``before``."""
    lines = re.split(r"\r\n|[\r\n\x85\u2028\u2029]", before)
    return f"{source}:{len(lines)}:{len(lines[-1]) + 1}"


def _flow(value: Any, depth: int) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(show_name(value))
    if isinstance(value, (list, tuple)):
        inside = ", ".join(_flow(v, depth - 1) for v in value[:20]) if depth else "..."
        return f"[{inside}]"
    if isinstance(value, dict):
        inside = ", ".join(f"{k}: {_flow(v, depth - 1)}" for k, v in list(value.items())[:20]) if depth else "..."
        return f"{{{inside}}}"
    return repr(value)
