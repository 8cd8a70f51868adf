"""What is wrong with the text of a file, in words that say what to do."""

from __future__ import annotations

import re

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


def in_words(problem: str | None) -> str:
    """The parser's complaint, if it is a common one as a remedy."""
    problem = problem or "it can't be parsed"
    return next((words for sign, words in _SYNTAX if sign in problem), problem.replace("<", "").replace(">", ""))


def no_name(got: str, text: str, start: int, end: int) -> str:
    """Why the key at ``text[start:end]``, shown as ``got``, is none: ``{lr: 0,001}`` has a comma for the point."""
    before, key = re.search(r"[-+]?[0-9]+(?=,\Z)", text[:start]), text[start:end]
    if before and re.fullmatch(r"[0-9]+([eE][-+]?[0-9]+)?", key):
        return f"a comma ends the value; for a decimal number write a point: {before[0]}.{key}"
    return f"expected a name as the key, got {got}; if it is a name, put it in quotes"


def decimal_point(value: object) -> str:
    """What to add to a sentence about the text ``0,001`` in place of a number; nothing for any other value."""
    comma = isinstance(value, str) and re.fullmatch(r"[-+]?[0-9]+,[0-9]+([eE][-+]?[0-9]+)?", value)
    return f"; write a decimal point: {comma[0].replace(',', '.')}" if comma else ""
