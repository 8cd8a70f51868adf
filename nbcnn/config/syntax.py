"""Hints for YAML syntax errors: the likely cause, its place, and what to write instead.

PyYAML names the place where it gave up, which is often a line after the mistake. Each cause here is a function of the
lines and of that place; the first that recognises its mistake answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import yaml


class Mistake(NamedTuple):
    """A likely cause: line and column (from 0), and a sentence."""

    line: int
    column: int
    sentence: str


class _Found(NamedTuple):
    """PyYAML's error: the lines, where it stopped, where the piece that it was reading begins, its message."""

    lines: Sequence[str]
    line: int
    column: int
    start: tuple[int, int]
    problem: str


def mistake(text: str, error: yaml.MarkedYAMLError) -> Mistake:
    """The likely cause of PyYAML's complaint about ``text``."""
    mark = error.problem_mark or error.context_mark
    at = (mark.line, mark.column) if mark else (0, 0)
    start = (error.context_mark.line, error.context_mark.column) if error.context_mark else at
    found = _Found(_lines(text), *at, start, error.problem or "it can't be parsed")
    if other := other_format(text) or _foreign_block(found) or _left_over(found):
        return other
    for cause in _CAUSES:
        if answer := cause(found):
            return answer._replace(sentence=f"not valid YAML: {answer.sentence}")
    words = next((words for sign, words in _SYNTAX if sign in found.problem), re.sub("[<>]", "", found.problem))
    return Mistake(*at, f"not valid YAML: {words}")


def other_format(text: str) -> Mistake | None:
    """The file's format if its first line shows one other than YAML; nothing for a file that may be YAML."""
    for number, line in enumerate(_lines(text)):
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        for sign, what in _FORMATS:
            if re.match(sign, line):
                return Mistake(number, 0, what)
        return None
    return None


_YAML = "a network is a YAML file with name:, input: and layers:, as in docs/yaml.md"
_FORMATS = (
    (r"\[[\w. -]+\]\s*$", f"this looks like an INI, TOML or Darknet file, not YAML; {_YAML}"),
    (r"\s*<[?!\w]", f"this looks like XML or HTML, not YAML; {_YAML}"),
    (r"(import|from)\s+\w|class\s+\w+.*:|def\s+\w+\(", f"this looks like Python, not YAML; {_YAML}"),
    (r"(<<<<<<<|>>>>>>>|=======)( |$)", "this line is left over from a merge conflict; keep one side and delete it"),
    (r"```", "this line (```) is Markdown's; copy only what is between these lines"),
)


def _foreign_block(found: _Found) -> Mistake | None:
    """A block in braces without a colon, as in Caffe's and other prototxt files: ``layer {``."""
    for number, line in enumerate(found.lines[: found.line + 1]):
        if re.match(r"\s*\w+\s*\{\s*$", line):
            return Mistake(number, 0, f"this looks like a Caffe (prototxt) file, not YAML; {_YAML}")
    return None


def _left_over(found: _Found) -> Mistake | None:
    """A marker of a merge conflict, or Markdown's fence, further down."""
    for number in range(min(found.start[0], max(0, found.line - 1)), min(found.line + 1, len(found.lines))):
        for sign, what in _FORMATS[-2:]:
            if re.match(sign, found.lines[number]):
                return Mistake(number, 0, what)
    return None


def _tab(found: _Found) -> Mistake | None:
    """A tab: as indentation, before a comment, or between other things; YAML takes spaces there."""
    line = found.lines[found.line] if found.line < len(found.lines) else ""
    if line[found.column : found.column + 1] != "\t":
        return None
    before, after = line[: found.column], line[found.column :].lstrip()
    if not before.strip():
        sentence = "a tab can't indent; use spaces"
    elif after.startswith("#"):
        sentence = "a tab stands before the comment; put a space before the #"
    elif not after:
        sentence = "a tab stands at the end of the line; delete it"
    else:
        sentence = "a tab stands between two words; use a space"
    return Mistake(found.line, found.column, sentence)


def _no_break_space(found: _Found) -> Mistake | None:
    """Indentation copied from a web page, with spaces that are none."""
    for number in (found.line, found.line - 1, found.start[0]):
        line = found.lines[number] if 0 <= number < len(found.lines) else ""
        if odd := re.match(r"[ -]*([\u00a0\u2000-\u200a\u202f\u3000])", line):
            place = odd.start(1)
            sentence = "this is a no-break or another special space, copied from a page; type a plain space"
            return Mistake(number, place, sentence)
    return None


def _escape(found: _Found) -> Mistake | None:
    r"""A backslash in double quotes: ``"C:\users"``."""
    if "escape" not in found.problem:
        return None
    sentence = (
        "in double quotes a backslash begins a special character; put the text in single quotes, "
        "or write a path with / instead"
    )
    return Mistake(found.line, found.column, sentence)


_NO_SPACE = re.compile(r"\s*(?:- +)?(?P<key>[A-Za-z_]\w*):(?P<value>[^\s:/\\].*)$")
_EQUALS = re.compile(r"\s*(?:- +)?(?P<key>[A-Za-z_][\w.]*)\s*=\s*(?P<value>[^=\s].*)$")


def _no_space_after_colon(found: _Found) -> Mistake | None:
    """``name:net`` is one text for YAML, so the next line is what it stumbles over."""
    if not any(sign in found.problem for sign in ("mapping values", "expected ':'", "block end", "',' or")):
        return None
    for number in (found.line, _before(found)):
        line = found.lines[number] if 0 <= number < len(found.lines) else ""
        if match := _NO_SPACE.match(line):
            key, value = match["key"], match["value"].strip()
            shown = value if len(value) <= 20 and not value.startswith("{") else "..."
            return Mistake(number, match.end("key"), f"put a space after the colon, as in {key}: {shown}")
    return None


def _equals(found: _Found) -> Mistake | None:
    """``name = net``, as in TOML or Python."""
    for number in (found.line, _before(found), found.start[0]):
        line = found.lines[number] if 0 <= number < len(found.lines) else ""
        if match := _EQUALS.match(line):
            sentence = f"write a colon and a space for the =, as in {match['key']}: {match['value'].strip()[:20]}"
            return Mistake(number, match.end("key"), sentence)
    return None


def _dashes(found: _Found) -> Mistake | None:
    """Entries of one list that do not begin in one column, or an entry without its dash."""
    line, above = found.lines[found.line] if found.line < len(found.lines) else "", _before(found)
    if "':'" in found.problem and found.start[0] < found.line:
        number, first = found.start[0], found.lines[found.start[0]]
        if not first.lstrip().startswith("-") and _is_entry(found, number - 1):
            return Mistake(number, found.start[1], "a '- ' is missing before this entry of the list, or a ':' after it")
        return None
    if above < 0 or not any(sign in found.problem for sign in ("mapping values", "block end", "',' or")):
        return None
    indent, dash = _indent(line), line.lstrip().startswith("- ")
    last = _last_entry(found)
    if dash and last is not None and indent != _indent(found.lines[last]):
        steps = indent - _indent(found.lines[last])
        way = f"{abs(steps)} column{'s' * (abs(steps) > 1)} {'right' if steps > 0 else 'left'} of"
        return Mistake(
            found.line, indent, f"this '-' stands {way} that in line {last + 1}; entries of one list must line up"
        )
    if not dash and "mapping values" in found.problem and last == above and indent > _indent(found.lines[last]):
        return Mistake(found.line, indent, "a '- ' is missing before this entry of the list; indent it as those above")
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _before(found: _Found) -> int:
    """The last line above that holds more than a comment; -1 where there is none."""
    number = found.line - 1
    while number >= 0 and (not found.lines[number].strip() or found.lines[number].lstrip().startswith("#")):
        number -= 1
    return number


def _is_entry(found: _Found, number: int) -> bool:
    return 0 <= number < len(found.lines) and found.lines[number].lstrip().startswith("- ")


def _last_entry(found: _Found) -> int | None:
    """The nearest line above that begins an entry of a list."""
    return next((number for number in range(found.line - 1, -1, -1) if _is_entry(found, number)), None)


def _unclosed(found: _Found) -> Mistake | None:
    """A bracket that is never closed, noticed lines later."""
    closing = next((sign for sign in "]}" if f"',' or '{sign}'" in found.problem), None)
    if closing is None or found.start[0] >= found.line:
        return None
    opening = "[" if closing == "]" else "{"
    sentence = f"a ',' or the closing '{closing}' is missing; the '{opening}' stands in line {found.start[0] + 1}"
    return Mistake(found.line, found.column, sentence)


_CAUSES: tuple[Callable[[_Found], Mistake | None], ...] = (
    _tab,
    _no_break_space,
    _escape,
    _no_space_after_colon,
    _equals,
    _dashes,
    _unclosed,
)

# The parser's commonest complaints, in words that say what to do.
_SYNTAX = (
    ("mapping values are not allowed", "a ':' does not fit here; start a new line, or quote text that has ': ' in it"),
    ("expected <block end>", "this does not line up with the lines above; check the indentation"),
    ("expected ',' or ']'", "a ',' or the closing ']' is missing"),
    ("expected ',' or '}'", "a ',' or the closing '}' is missing"),
    ("found character '\\t'", "a tab can't indent; use spaces"),
    ("that cannot start any token", "text can't start with this character; put it in quotes"),
    ("could not find expected ':'", "a ':' is missing after the key"),
    ("found unexpected end of stream", "the closing quote is missing"),
    ("expected the node content", "a value is missing before this"),
    ("sequence entries are not allowed", "a '-' does not fit here; start the list on a line of its own"),
    ("<document start>", "nothing may follow the end of the document (...)"),
    ("found undefined tag handle", "tags (!...) are not allowed; write plain values"),
)


def no_name(got: str, text: str, start: int, end: int) -> str:
    """Why the key at ``text[start:end]``, shown as ``got``, is none: ``{lr: 0,001}`` has a comma for the point."""
    before, key = re.search(r"[-+]?[0-9]+(?=,\Z)", text[:start]), text[start:end]
    if before and re.fullmatch(r"[0-9]+([eE][-+]?[0-9]+)?", key):
        return f"a comma ends the value; for a decimal number write a point: {before[0]}.{key}"
    return f"expected a name as the key, got {got}; if it is a name, put it in quotes"


def decimal_point(value: object) -> str:
    """A hint for an error about the text ``0,001`` in place of a number; nothing for any other value."""
    comma = isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]+,[0-9]+([eE][-+]?[0-9]+)?", value)
    return f"; write a decimal point: {comma[0].replace(',', '.')}" if comma else ""


def no_mapping(value: object) -> str:
    """A hint for an error about the text ``epochs:3`` or ``epochs = 3`` in place of a mapping, if it is such."""
    pair = isinstance(value, str) and re.fullmatch(r"([A-Za-z_]\w*)(?::| ?= ?)([^\s:/\\=].*)", value)
    return f"; write a colon and a space, as in {pair[1]}: {pair[2][:20]}" if pair else ""


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text)
