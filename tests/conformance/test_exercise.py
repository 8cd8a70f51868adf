"""An exercise done as a student does it: the file as it comes, mistakes, one kernel after the other, the whole check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from plugin_files import TEMPLATES, empty_folder, write  # noqa: F401 (a fixture)

import nbcnn as package
from nbcnn.cli import main
from nbcnn.conformance import exercise

pytestmark = [pytest.mark.usefixtures("folder"), pytest.mark.jit]

FORWARD = """\
    for o in range(O):
        for i in range(OH):
            for j in range(OW):
                s = splat(b[o])
                for c in range(C):
                    for a in range(KH):
                        for k in range(KW):
                            r, q = i + a - top, j + k - left
                            if 0 <= r < H and 0 <= q < W:
                                s += load(x, (c, r, q)) * w[o, c, a, k]
                store(y, (o, i, j), s)
"""
GRAD_INPUT = """\
    for c in range(C):
        for r in range(H):
            for q in range(W):
                s = splat(w.dtype.type(0))
                for o in range(O):
                    for a in range(KH):
                        for k in range(KW):
                            i, j = r - a + top, q - k + left
                            if 0 <= i < OH and 0 <= j < OW:
                                s += load(dy, (o, i, j)) * w[o, c, a, k]
                store(dx, (c, r, q), s)
"""
GRAD_WEIGHT = """\
    for o in range(O):
        for c in range(C):
            for a in range(KH):
                for k in range(KW):
                    s = splat(dw.dtype.type(0))
                    for i in range(OH):
                        for j in range(OW):
                            r, q = i + a - top, j + k - left
                            if 0 <= r < H and 0 <= q < W:
                                s += load(dy, (o, i, j)) * load(x, (c, r, q))
                    dw[o, c, a, k] = lane_sum(s)
"""
GRAD_BIAS = """\
        s = splat(dw.dtype.type(0))
        for i in range(OH):
            for j in range(OW):
                s += load(dy, (o, i, j))
        db[o] = lane_sum(s)
"""
LINES = {
    "forward": "    y[:] = 0  # take this line out\n",
    "grad_input": "    dx[:] = 0  # take this line out\n",
    "grad_weight": "    dw[:] = 0  # take these two lines out\n",
    "grad_bias": "    db[:] = 0\n",
}


def written(**loops: str) -> None:
    """The file with loops in the place of lines that the template has."""
    text = (TEMPLATES / "exercise.py").read_text(encoding="utf-8")
    for part, code in loops.items():
        assert text.count(LINES[part]) == 1
        text = text.replace(LINES[part], code)
    write(Path("mine.py"), text)


def told() -> list[dict[str, Any]]:
    """What the process of an exercise would say, in this one."""
    package.load_plugin("mine.py")
    said: list[dict[str, Any]] = []
    exercise.work([("conv2d", "mine")], {}, lambda **line: said.append(line))
    assert said.pop() == {"pair": ("conv2d", "mine"), "done": True}
    return said


def check(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["kernels", "check", "mine.py"])
    return int(str(stop.value.code)), " ".join(capsys.readouterr().out.split())


def test_the_file_as_it_comes_is_led_to_forward(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["plugin", "new", "mine", "--exercise"])
    assert stop.value.code == 0
    assert "kernels check mine.py" in capsys.readouterr().out
    assert Path("mine.py").read_text(encoding="utf-8") == (TEMPLATES / "exercise.py").read_text(encoding="utf-8")
    code, out = check(capsys)
    assert code == 1
    assert "forward: not yet right: on a 1×3×3 image with a 2×2 kernel, y[0, 0, 0] should be 42, is 0" in out
    assert "x = 1 2 3 / 4 5 6 / 7 8 9 w = 1 2 / 3 4 b = 5 y[0, 0, 0] = 5 + 1·1 + 2·2 + 4·3 + 5·4 = 42" in out
    assert "equation (1): y[o, i, j] = b[o] + sum over c, a, k of" in out
    assert "hint: all of y is 0: do the loops write it, and is the line out that clears it?" in out
    assert out.endswith("next: write forward, and check again; then comes grad_input")


def test_mistakes_in_forward_are_told_on_the_smallest_case_that_shows_them() -> None:
    written(forward=FORWARD.replace("splat(b[o])", "splat(w.dtype.type(0))"))
    [wrong] = told()
    assert wrong["sentence"] == "on a 1×3×3 image with a 2×2 kernel, y[0, 0, 0] should be 42, is 37"
    assert wrong["lines"][-1] == "hint: it equals the result without the bias"
    written(forward=FORWARD.replace("in range(C)", "in range(1)"))
    [wrong] = told()
    assert wrong["sentence"].startswith("on a 2×4×5 image with three 2×3 kernels, y[0, 0, 0] should be ")
    written(forward=FORWARD.replace("i + a - top, j + k - left", "i + a, j + k"))
    [wrong] = told()
    assert wrong["sentence"].startswith("on a 1×3×4 image with two 3×3 kernels and padding 1, y[0, 0, ")
    assert "rows and columns outside of the image count as zeros" in wrong["lines"][0]


def test_the_kernels_come_in_order_whichever_is_written_first() -> None:
    written(grad_input=GRAD_INPUT)
    [wrong] = told()
    assert wrong["kernel"] == "forward"
    written(forward=FORWARD)
    right, wrong = told()
    assert right["right"] == "forward"
    assert (wrong["kernel"], wrong["sentence"]) == (
        "grad_input",
        "on a 1×3×3 image with a 2×2 kernel, dx[0, 0, 0] should be 1, is 0",
    )
    assert "dy = 1 2 / 3 4" in wrong["lines"] and "dx[0, 0, 0] = 1·1 = 1" in wrong["lines"]
    written(forward=FORWARD, grad_input=GRAD_INPUT, grad_weight=GRAD_WEIGHT, grad_bias=LINES["grad_bias"])
    *right, wrong = told()
    assert [one["right"] for one in right] == ["forward", "grad_input"]
    assert (wrong["kernel"], wrong["sentence"]) == (
        "grad_weight",
        "on a 1×3×3 image with a 2×2 kernel, db[0] should be 10, is 0",
    )
    assert "db[0] = 1 + 2 + 3 + 4 = 10" in wrong["lines"]


def test_an_exercise_that_is_done_gets_the_whole_check(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[list[tuple[str, str]]] = []
    monkeypatch.setattr("nbcnn.conformance.check_backends", lambda pairs, *rest: checked.append(pairs) or [])
    written(forward=FORWARD, grad_input=GRAD_INPUT, grad_weight=GRAD_WEIGHT, grad_bias=GRAD_BIAS)
    code, out = check(capsys)
    assert code == 0
    assert "forward: right grad_input: right grad_weight: right all three are right on the small cases; now" in out
    assert checked == [[("conv2d", "mine")]]
