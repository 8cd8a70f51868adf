"""Files that mean harm or are broken: each is refused in one sentence with its place, quickly and without recursion."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from nbcnn.config import load_config
from nbcnn.config.yaml_tree import MAX_BYTES, read_value, read_yaml
from nbcnn.errors import ConfigError

ALIAS_BOMB = "a: &a [x, x]\n" + "\n".join(
    f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

REFUSED = {
    "alias bomb": (ALIAS_BOMB, "1:4: the anchor &a is not allowed; drop it"),
    "anchor on a mapping": ("a: &here {b: 1}", "1:4: the anchor &here is not allowed; drop it"),
    "anchor on a list": ("a: &here [1]", "1:4: the anchor &here is not allowed; drop it"),
    "alias": ("name: x\na: *b", "2:4: the alias *b is not allowed; write the value out"),
    "alias as a key": ("name: x\n*b : 1", "2:1: the alias *b is not allowed; write the value out"),
    "merge key": ("a:\n  <<: {b: 1}", "2:3: the merge key << is not allowed; write the keys out"),
    "python tag": (
        "a: !!python/object/apply:os.system [echo]",
        "1:4: the tag !!python/object/apply:os.system is not allowed; write the plain value",
    ),
    "harmless tag": ("a: !!int '5'", "1:4: the tag !!int is not allowed; write the plain value"),
    "tag on a mapping": ("!!map {a: 1}", "1:1: the tag !!map is not allowed; write the plain value"),
    "tag without a name": ("a: ! 5", "1:4: the tag ! is not allowed; write the plain value"),
    "tag of nobody": ("a: !e!x 5", "1:4: not valid YAML: tags (!...) are not allowed; write plain values"),
    "key twice": ("name: x\nb: 1\nname: y", "3:1: the key 'name' is given twice, first in line 1; keep one"),
    "key twice in braces": ("a: {b: 1, b: 1}", "1:11: the key 'b' is given twice, first in line 1; keep one"),
    "number as a key": ("5: 1", "1:1: expected a name as the key, got 5; if it is a name, put it in quotes"),
    "comma for a point": ("a: {b: 0,001}", "1:10: a comma ends the value; for a decimal number write a point: 0.001"),
    "comma with exponent": (
        "{a: -2,5e-3, c: 1}",
        "1:8: a comma ends the value; for a decimal number write a point: -2.5",
    ),
    "list as a key": ("? [a]\n: 1", "1:3: expected a name as the key, got a list or mapping"),
    "two documents": ("a: 1\n---\nb: 1", "2:1: a second document starts here (---); one file is one network"),
    "empty": ("", "1:1: the file is empty; expected a network (name, input, layers)"),
    "only a comment": ("# nothing\n", "1:1: the file is empty"),
    "list at the top": ("# x\n- relu", "2:1: expected keys such as name, input and layers at the top, got ['relu']"),
    "text at the top": ("hello", "1:1: expected keys such as name, input and layers at the top, got 'hello'"),
    "too large a number": ("a: 9223372036854775808", "1:4: the whole number 9223372036854775808 is too large"),
    "too large a float": ("a: 1e999", "1:4: the number 1e999 is too large for a float"),
    "endless number": ("a: " + "9" * 5000, "1:4: the number 99999999999999999999... has 5000 characters"),
    "control character": ("name: x\na: b\x01", "2:5: a character that YAML does not allow (0x0001)"),
    "open list": ("a: [1, 2", "1:9: not valid YAML: a ',' or the closing ']' is missing"),
    "open braces": ("a: {b: 1", "1:9: not valid YAML: a ',' or the closing '}' is missing"),
    "open quote": ("a: 'x", "1:6: not valid YAML: the closing quote is missing"),
    "tab": ("a:\n\tb: 1", "2:1: not valid YAML: a tab can't indent; use spaces"),
    "two colons": ("a: b: c", "1:5: not valid YAML: a ':' does not fit here"),
    "indentation": (
        "a:\n  - 1\n - 2",
        "3:2: not valid YAML: this '-' stands 1 column left of that in line 2; entries of one list must line up",
    ),
    "no colon": ("a: 1\nb\nc: 1", "3:1: not valid YAML: a ':' is missing after the key"),
    "at sign": ("a: @b", "1:4: not valid YAML: text can't start with this character; put it in quotes"),
    "no value": ("a: [}", "1:5: not valid YAML: a value is missing before this"),
    "list beside a key": ("a: - 1", "1:4: not valid YAML: a '-' does not fit here"),
    "after the end": ("a: 1\n...\nb", "3:1: not valid YAML: nothing may follow the end of the document"),
    "other syntax": (
        'a: "\\q"',
        "1:6: not valid YAML: in double quotes a backslash begins a special character; put the",
    ),
    "deep braces": ("{a: " * 10_000, "1:201: nested deeper than 50 levels"),
    "deep brackets": ("[" * 10_000, "1:51: nested deeper than 50 levels"),
    "deep dashes": ("- " * 10_000, "1:101: nested deeper than 50 levels"),
    "deep blocks": ("\n".join(" " * i + "a:" for i in range(1_000)), "51:51: nested deeper than 50 levels"),
    "deep keys": ("? " * 10_000, "1:3: expected a name as the key, got a list or mapping"),
    "too many values": ("a: [" + "1," * 30_000 + "]", "more than 25,000 values; a network needs a few hundred"),
    "two megabytes": ("a: " + "x" * 2_000_000, "x.yaml: larger than 1,000,000 bytes"),
    "too many layers": ("layers: [" + "relu," * 1001 + "]", "1:9: layers: 1,001 layers in one list; at most 1000"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused_at_its_place(case: str, tmp_path: Path) -> None:
    text, sentence = REFUSED[case]
    file = tmp_path / "x.yaml"
    file.write_text(text)
    begin = time.monotonic()
    with pytest.raises(ConfigError, match=re.escape(sentence)) as caught:
        load_config(file)
    assert time.monotonic() - begin < 5
    assert any(line.startswith(f"{file}:") for line in str(caught.value).splitlines())
    assert len(str(caught.value)) < 2_000
    assert not re.search(r"yaml\.|<block|MarkedYAML|Traceback", str(caught.value))


@pytest.mark.parametrize(
    ("data", "place"),
    [(b"name: x\nb: \xff\xfe", "2:4"), ("a: 1".encode("utf-16"), "1:1"), (bytes(range(128, 256)) * 50, "1:1")],
)
def test_bytes_that_are_no_text(data: bytes, place: str) -> None:
    with pytest.raises(ConfigError, match=f"^x.yaml:{place}: not UTF-8 text; save the file as UTF-8"):
        read_yaml(data, "x.yaml")


def test_a_file_of_exactly_the_limit_is_read() -> None:
    head = b"a: 1\n#"
    assert read_yaml(head + b"x" * (MAX_BYTES - len(head)), "x.yaml").root == {"a": 1}


def test_fifty_levels_are_read() -> None:
    value = read_value("[" * 50 + "5" + "]" * 50, "x")
    for _ in range(50):
        (value,) = value
    assert value == 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-2E5", -200000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("+3", 3),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("-9223372036854775807", -9223372036854775807),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("yes", "yes"),
        ("off", "off"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        (".nan", ".nan"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("[1, a, {b: c}]", [1, "a", {"b": "c"}]),
    ],
)
def test_plain_text_means_what_yaml_1_2_says(text: str, value: object) -> None:
    got = read_value(text, "x")
    assert (got, type(got)) == (value, type(value))


def test_keys_and_values_know_their_places() -> None:
    tree = read_yaml("\ufeff# é\nlayers:\n  - conv2d: {é: 5}\n  - relu\n".encode(), "m.yaml")
    assert tree.root == {"layers": [{"conv2d": {"é": 5}}, "relu"]}
    assert str(tree.place(("layers",), of_key=True)) == "m.yaml:2:1"
    assert str(tree.place(("layers", 0, "conv2d"), of_key=True)) == "m.yaml:3:5"
    assert str(tree.place(("layers", 0, "conv2d", "é"))) == "m.yaml:3:17"
    assert str(tree.place(("layers", 1))) == "m.yaml:4:5"
    assert str(tree.place(("layers", 1, "relu", "x"))) == "m.yaml:4:5"
