"""Properties that the failing problems share and the passing ones lack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nbcnn.conformance.grid import Case
from nbcnn.kernels.conv2d.problem import Conv2dProblem
from nbcnn.kernels.linear.op import LinearProblem
from nbcnn.kernels.pooling import Pool2dProblem

FEWEST = 3
"""Fewer failures than this make no pattern."""


def features(case: Case) -> dict[str, str]:
    """Features of a problem that may explain a failure, each as words that go after "there is"."""
    p = case.problem
    found: dict[str, Any] = {"dtype": p.dtype}
    if isinstance(p, Conv2dProblem | Pool2dProblem):
        found |= {
            "stride": _not(p.stride != (1, 1), "stride"),
            "padding": _not(any(p.padding), "padding"),
            "dilation": _not(p.dilation != (1, 1), "dilation"),
            "kernel": f"a {p.kernel_size[0]}×{p.kernel_size[1]} kernel",
            "square": "square kernels" if p.kernel_size[0] == p.kernel_size[1] else "kernels that are not square",
            "sides": _not(len(set(p.padding)) > 1, "unequal padding"),
            "larger": _not(p.kernel_size != (1, 1), "a kernel larger than 1×1"),
        }
    if isinstance(p, Conv2dProblem):
        odd = p.out_channels % 2 == 1
        found |= {"groups": _not(p.groups > 1, "groups"), "odd": f"{'an odd' if odd else 'an even'} number of channels"}
    if isinstance(p, Pool2dProblem):
        found |= {"ceil": _not(p.ceil_mode, "ceil_mode"), "count": _not(p.count_include_pad, "padding counted")}
    if isinstance(p, Conv2dProblem | LinearProblem):
        found["bias"] = _not(case.bias, "a bias")
    return {key: str(value) for key, value in found.items()}


def patterns(checked: Mapping[tuple[str, str], Sequence[tuple[dict[str, str], bool]]]) -> list[str]:
    """A sentence for each kind of failure that goes with one feature: no problem without it fails, most with it do."""
    found: dict[str, list[str]] = {}
    for (check, array), seen in checked.items():
        failed = [words for words, passed in seen if not passed]
        if len(failed) < FEWEST:
            continue
        for key in failed[0]:
            values = {words[key] for words in failed}
            having = [passed for words, passed in seen if words[key] in values]
            if len(values) == 1 and len(having) < len(seen) and having.count(False) >= len(having) / 2:
                share = "all of them do" if not any(having) else f"{having.count(False)} of {len(having)} of them do"
                sentence = f"fail only where there is {values.pop()} ({share})"
                found.setdefault(sentence, []).append(f"{check} of {array}")
                break
    return [f"{' and '.join(what)} {sentence}" for sentence, what in found.items()]


def _not(holds: bool, what: str) -> str:
    return what if holds else f"no {what.removeprefix('a ')}"
