"""Names of ops and backends, and the log of what is compiled, on entries made by hand."""

from __future__ import annotations

import threading

import pytest

from nbcnn.compiler import compile_log
from nbcnn.compiler.compile_log import (
    Compiled,
    announce,
    compile_listener,
    enter,
    expect_kernels,
    listened_to,
    since,
    total,
)
from nbcnn.util.backend_names import unfit, without_op


@pytest.mark.parametrize(
    ("op", "name", "words"),
    [
        ("conv2d", "mine", None),
        ("max_pool1d", "mine", None),
        ("cube", "mine", None),
        ("conv2", "mine", "there is no op 'conv2'; did you mean conv2d?"),
        ("conv2d", "a b", "'a b' can't be the name of a backend: "),
        ("a=b", "mine", "'a=b' can't be the name of an op: "),
    ],
)
def test_names(op: str, name: str, words: str | None) -> None:
    found = unfit(op, name, ["conv2d", "max_pool2d"])
    assert found is None if words is None else str(found).startswith(words)


def test_a_decorator_without_its_op_says_what_to_write() -> None:
    def decorate(thing: object) -> str:
        return without_op(thing)

    words = decorate(Compiled)
    assert words.endswith('of which op is Compiled a backend? Write @register.backend("conv2d") above it')


def test_listeners_hear_of_each_kernel_and_of_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_log, "COMPILE_LOG", before := [])
    heard: list[tuple[str, int]] = []
    with compile_listener(lambda kernel, left: heard.append((kernel, left))):
        assert listened_to()
        expect_kernels({"first": None, "second": None})
        for name in ("first", "second"):
            announce(name, name)
            enter(Compiled(name, "compiled", 0.5, False, threading.get_ident()), name)
    assert not listened_to()
    assert heard[:2] == [("first", 2), ("second", 1)] and heard[-1][1] == 0
    assert total(before, "compiled") == (2, 1.0) and total(before, "loaded") == (0, 0.0)
    assert [line.kernel for line in since(1)] == ["second"]
