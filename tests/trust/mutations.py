"""Generated input: hypothesis' strategies for bytes, YAML and JSON that begin as something valid."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

WEIRD: list[Any] = [
    None, True, -1, 0, 1, 7, 0.5, -0.0, 1e308, -1e-320, float("inf"), float("nan"), 2**31, 2**53 + 1, 2**63, 10**30, "", "x",
    "\x00", "\x1b[2J\x1b]0;owned\x07", "\u202etxt.exe", "\ud800", "\x9b31m", "ä" * 300, "../../../etc/passwd", "/etc/passwd",
    "os.system", "mine.py", "!!python/object/apply:os.system [id]", "%s%n{0}", "a\nb\r\nc", [], {}, [[]], [1, "a"], {"a": {}},
    [0] * 40, {"layers": ["relu"]}, {"conv2d": {"out_channels": 10**12, "kernel_size": 1}},
]  # fmt: skip
"""Values that a reader may not expect."""

PIECES = [
    b"\x00", b"\xff", b"\x80", b"\n", b"\t", b"'", b'"', b"{", b"}", b"[", b"]", b": ", b"- ", b"&a ", b"*a ", b"!!int ", b"#",
    b"---\n", b"? ", b"| ", b"<<: ", b"\x1b[31m", "\u202e".encode(), b"\xed\xa0\x80", b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x00\x00\x08\x03\xff\xff\xff\xff", b"\x1f\x8b\x08\x00", b"\x80\x04\x95", b"PK\x03\x04", b"1" * 400, b"[" * 200, b"e999",
    b"\\ud800", b"\\u001b", b"\x00" * 8, b"2147483648", b"-1", b"\x00\x00\x00\x00\x00\x00\x00\x80",
]  # fmt: skip
"""Bytes that mean something to one format or another."""

EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace", "delete", "double", "cut", "flip"]),
        st.integers(0, 2**16),
        st.integers(1, 24),
        st.sampled_from(PIECES) | st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=5,
)


def edited(data: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    """``data`` after some edits; a place is counted from the front in two of three, else anywhere."""
    for kind, place, length, piece in edits:
        at = place % (len(data) + 1) if place % 3 == 0 else place % (min(len(data), 400) + 1)
        if kind == "insert":
            data = data[:at] + piece + data[at:]
        elif kind == "replace":
            data = data[:at] + piece + data[at + len(piece) :]
        elif kind == "delete":
            data = data[:at] + data[at + length :]
        elif kind == "double":
            data = data[:at] + data[at : at + length] * 3 + data[at + length :]
        elif kind == "cut":
            data = data[:at]
        elif data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ (1 << length % 8)]) + data[at + 1 :]
    return data


def corrupted(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """One of the seeds after some edits, or plain noise."""
    return st.builds(edited, st.sampled_from(seeds), EDITS) | st.binary(max_size=200)


CHANGES = st.lists(
    st.tuples(st.sampled_from(["set", "set", "drop", "add", "rename"]), st.integers(0, 2**16), st.sampled_from(WEIRD)),
    min_size=1,
    max_size=3,
)


def changed(tree: Any, changes: list[tuple[str, int, Any]]) -> Any:
    """A copy of plain values in which some were set to weird ones, dropped, added or given another name."""
    tree = copy.deepcopy(tree)
    for kind, number, value in changes:
        places = list(_places(tree))
        if not places:
            return copy.deepcopy(value)
        holder, key = places[number % len(places)]
        if kind == "drop":
            del holder[key]
        elif kind == "add" and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(value))
        elif kind == "add":
            holder[str(value)] = copy.deepcopy(holder[key])
        elif kind == "rename" and isinstance(holder, dict):
            holder[str(value)] = holder.pop(key)
        else:
            holder[key] = copy.deepcopy(value)
    return tree


def json_bytes(tree: Any) -> bytes:
    """JSON as a careless program writes it: NaN and halves of surrogate pairs included."""
    return json.dumps(tree).encode()


def _places(tree: Any) -> Any:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def fuzz(strategy: st.SearchStrategy[Any], check: Callable[[Any], object], examples: int, long: bool) -> int:
    """Call ``check`` with examples, the same ones each time unless the long form asks for twenty times as many.

    Returns how many there were; a failing one is shown, in the long form made small.
    """
    seen = 0

    @settings(
        max_examples=examples * (20 if long else 1),
        derandomize=not long,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        phases=[Phase.generate, Phase.shrink] if long else [Phase.generate],
    )
    @given(strategy)
    def one(value: Any) -> None:
        nonlocal seen
        seen += 1
        check(value)

    one()
    return seen
