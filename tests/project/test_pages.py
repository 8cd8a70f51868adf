"""How pages are followed: what is run, which lines are shown, and which differences count."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import Block, blocks, comparable, differences, follow, shown
from plugin_files import empty_folder  # noqa: F401 (a fixture)

PAGE = """\
```python
# file: hello.py
print("hello")
```
and then
```sh
python hello.py
nbcnn --version
```
<!-- lines 1 -->
```
good morning
...
```
```python
a = 3
```
```python
print(a + 1)
```
```
4
```
```sh fails
nbcnn summary nowhere.yaml
```
```sh example
nbcnn train nowhere.yaml
```
"""


def test_the_blocks_of_a_page_are_run_in_order(folder: Path) -> None:
    outputs = [printed for _, printed in follow(PAGE, folder)]
    assert outputs[0].startswith("hello\nnbcnn ") and outputs[1:] == ["4\n"]


def test_what_differs_is_found_and_can_be_written(folder: Path) -> None:
    ((block, now),) = differences(PAGE, folder)
    assert (block.text, now) == ("good morning\n...\n", "hello\n...\n")
    mended = PAGE[: block.start] + now + PAGE[block.end :]
    assert list(differences(mended, folder)) == []


def test_another_exit_code_than_the_page_says_is_found(folder: Path) -> None:
    with pytest.raises(AssertionError, match=r"nbcnn summary nowhere\.yaml"):
        list(follow(PAGE.replace("sh fails", "sh"), folder))
    with pytest.raises(AssertionError, match="nbcnn --version"):
        list(follow("```sh fails\nnbcnn --version\n```\n", folder))


def test_which_lines_are_shown() -> None:
    printed = "\na\nb\nc\nd\n"
    assert shown(of("lines 1, 3-4"), printed) == "a\n...\nc\nd\n"
    assert shown(of("lines 2; numbers vary"), printed) == "...\nb\n...\n"
    assert shown(of(""), printed) == shown(of("lines 1-4"), printed) == "a\nb\nc\nd\n"
    for wrong in ("lines 3-5", "lines 3, 1", "lines 3-2", "lines", "all"):
        with pytest.raises(AssertionError):
            shown(of(wrong), printed)


def of(comment: str) -> Block:
    (block,) = blocks(f"<!-- {comment} -->\n```\n```\n" if comment else "```\n```\n")
    return block


def test_times_and_speeds_differ_from_run_to_run_and_nothing_else() -> None:
    line = "epoch 1  loss 1.9133  {}  12 tests"
    assert comparable(line.format("9,181 images/s")) == comparable(line.format(" 13,181 images/s"))
    assert comparable("in 7.3 s, 2 threads") == comparable("in 11 s, 16 threads")
    assert comparable("1.9133 loss") != comparable("1.9134 loss")
    assert comparable("5 steps") != comparable("6 steps") and comparable("a  b") != comparable("a b")
    table = "  direct  69.5\n* fft    268.2\n"
    assert comparable(table, vary=True) == comparable("* fft   1.2\n  direct  3.4\n", vary=True)
    assert comparable(table) != comparable(table.replace("69.5", "69.6"))
    assert comparable(table, vary=True) != comparable(table.replace("fft", "naive"), vary=True)
