"""Joins of branches (concatenation, sum, product): their forward calls and gradients.

Branches write straight into the output that joins them, and read its gradient where it lies. An input that several
branches read has the sum of their gradients, in the order of the config.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbcnn.layers.base import Bound, Call, Shape
from nbcnn.layers.calls import redirected

if TYPE_CHECKING:
    import numpy as np


@dataclass
class Branch:
    """A branch that is bound: ``dx`` is where the gradient of its input goes, None where nobody wants it.

    ``is_input``: it has no arithmetic, its output is the input itself.
    """

    bound: Bound
    dx: np.ndarray | None
    is_input: bool


@dataclass
class Join:
    """What branches become: the layer's path and output shape, its y and dy, the gradient dx of the input."""

    path: str
    shape: Shape
    y: np.ndarray
    dy: np.ndarray | None
    dx: np.ndarray | None

    def concat(self, branches: Sequence[Branch], channels: Sequence[int]) -> Bound:
        """Each branch at its channels of y; an input that is handed on is copied there."""
        forward, backward = list[Call](), list[Call]()
        first = 0
        for branch, count in zip(branches, channels, strict=True):
            part = slice(first, first + count)
            first += count
            if branch.is_input:
                forward.append(self._flat("forward", "copy", branch.bound.y, self.y[part]))
            else:
                branch.bound = redirected(branch.bound, branch.bound.y, self.y[part])
                forward += branch.bound.forward
            backward += self._gradient(branch, None if self.dy is None else self.dy[part], branch is branches[0])
        return self._bound(branches, forward, backward)

    def add(self, branches: Sequence[Branch]) -> Bound:
        """y = the first + the second + …; the gradient of y is that of each."""
        forward, backward = list(branches[0].bound.forward), self._gradient(branches[0], self.dy, True)
        sum_before = branches[0].bound.y
        for branch in branches[1:]:
            added = self._flat("forward", "add", sum_before, branch.bound.y, self.y)
            forward += [*branch.bound.forward, added]
            backward += self._gradient(branch, self.dy, False)
            sum_before = self.y
        return self._bound(branches, forward, backward)

    def multiply(self, a: Branch, s: Branch) -> Bound:
        """y = a · s, where s may be one number a channel; da = dy · s, ds = dy · a, summed where it is one number."""
        product = self._product("forward", a.bound.y, s.bound.y, self.y)
        forward, backward = [*a.bound.forward, *s.bound.forward, product], list[Call]()
        if self.dy is not None:
            for branch, other in ((a, s), (s, a)):
                if (into := branch.bound.dy) is None:
                    continue
                if into.size == self.dy.size:
                    backward.append(self._product("grad_input", self.dy, other.bound.y, into))
                else:
                    arrays = self._by_channel(self.dy), self._by_channel(a.bound.y), self._factors(into)
                    backward.append(self._call("grad_input", "sum_products", *arrays))
                backward += branch.bound.backward
                if branch is s and branch.dx is not None:
                    backward.append(self._accumulated(branch.dx))
        return self._bound((a, s), forward, backward)

    def _bound(self, branches: Sequence[Branch], forward: list[Call], backward: list[Call]) -> Bound:
        after = [call for branch in branches for call in branch.bound.after]
        outputs = {path: both for branch in branches for path, both in branch.bound.outputs.items()}
        return Bound(self.y, self.dy, forward, backward, after, outputs)

    def _gradient(self, branch: Branch, dy: np.ndarray | None, first: bool) -> list[Call]:
        """The backward calls of a branch that is given ``dy``; those after the first add theirs to dx."""
        own = branch.bound.dy
        if dy is None or own is None:
            return []
        if branch.is_input:
            if branch.dx is None or self.dx is None:
                return []
            branch.bound = redirected(branch.bound, branch.dx, self.dx)  # its output's gradient is the input's
            if first:
                return [self._flat("grad_input", "copy", dy, self.dx)]
            return [self._flat("grad_input", "add", self.dx, dy, self.dx)]
        branch.bound = redirected(branch.bound, own, dy)
        calls = list(branch.bound.backward)
        if not first and branch.dx is not None:
            calls.append(self._accumulated(branch.dx))
        return calls

    def _accumulated(self, dx: np.ndarray) -> Call:
        assert self.dx is not None
        return self._flat("grad_input", "add", self.dx, dx, self.dx)

    def _product(self, direction: str, a: np.ndarray, s: np.ndarray, y: np.ndarray) -> Call:
        if s.size == a.size:
            return self._flat(direction, "multiply", a, s, y)
        return self._call(direction, "scale_channels", self._by_channel(a), self._factors(s), self._by_channel(y))

    def _by_channel(self, array: np.ndarray) -> np.ndarray:
        """(C, M, 16), or (C, M, 1) of one image."""
        return array.reshape(self.shape[0], -1, *(array.shape[len(self.shape) :] or (1,)))

    def _factors(self, array: np.ndarray) -> np.ndarray:
        """(C, 16), or (C, 1) of one image."""
        return array.reshape(self.shape[0], -1)

    def _flat(self, direction: str, name: str, *arrays: np.ndarray) -> Call:
        return self._call(direction, name, *(array.reshape(-1) for array in arrays))

    def _call(self, direction: str, name: str, *arrays: np.ndarray) -> Call:
        from nbcnn.kernels import merge

        return Call(self.path, direction, getattr(merge, name), arrays)
