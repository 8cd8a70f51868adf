"""The source statement at a line of a kernel, which error messages quote."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator

_OPERATORS = {
    "add": ast.Add, "iadd": ast.Add, "sub": ast.Sub, "isub": ast.Sub, "mul": ast.Mult, "imul": ast.Mult,
    "truediv": ast.Div, "itruediv": ast.Div, "floordiv": ast.FloorDiv, "ifloordiv": ast.FloorDiv,
    "pow": ast.Pow, "ipow": ast.Pow, "mod": ast.Mod, "imod": ast.Mod, "gt": ast.Gt, "ge": ast.GtE, "lt": ast.Lt,
    "le": ast.LtE, "eq": ast.Eq, "ne": ast.NotEq,
}  # fmt: skip
"""Numba's names of operators."""


class Statement:
    """The statement at a line of ``function``, a Python function; none where its source is not known."""

    def __init__(self, function, line: int) -> None:
        self.function, self.line = function, line
        file = function.__code__.co_filename
        linecache.checkcache(file)
        try:
            self._tree = ast.parse("".join(linecache.getlines(file)))
        except (SyntaxError, ValueError):
            self._tree = ast.Module([], [])

    def value(self, name: str):
        """The object that a name of the kernel stands for outside of it, or None."""
        code = self.function.__code__
        if name in code.co_freevars:
            try:
                return self.function.__closure__[code.co_freevars.index(name)].cell_contents
            except ValueError:
                return None
        return self.function.__globals__.get(name)

    @property
    def array(self) -> str:
        """The name of an array, whose dtype is that of the problem."""
        for node in self._nodes():
            if (
                isinstance(node, ast.Call)
                and _name(node) == "load"
                and node.args
                and isinstance(node.args[0], ast.Name)
            ):
                return node.args[0].id
        code = self.function.__code__
        names = code.co_varnames[: code.co_argcount]
        return next((name for name in ("x", "dy", "y", "w", "p") if name in names), "x")

    def operands(self, name: str) -> Iterator[list[ast.expr]]:
        """The arguments of the calls of a function in the statement, or both sides of an operator of that name."""
        for node in self._nodes():
            if isinstance(node, ast.Call) and _name(node) == name:
                yield node.args
            elif isinstance(node, ast.BinOp) and type(node.op) is _OPERATORS.get(name):
                yield [node.left, node.right]
            elif isinstance(node, ast.AugAssign) and type(node.op) is _OPERATORS.get(name):
                yield [node.target, node.value]
            elif isinstance(node, ast.Compare) and type(node.ops[0]) is _OPERATORS.get(name):
                yield [node.left, node.comparators[0]]

    def number(self, name: str, place: int) -> str:
        """The operand of an operator, or argument of a function, that is a number in a wrong precision; or ""."""
        found = [operands[place] for operands in self.operands(name) if len(operands) > place]
        found = [operand for operand in found if not _has_lanes(operand)]
        found.sort(key=_unlikely)
        return ast.unparse(found[0]) if found else ""

    def argument(self, name: str, place: int) -> str:
        """An argument of a function that is called, or ""."""
        return next((ast.unparse(given[place]) for given in self.operands(name) if len(given) > place), "")

    def part_of_array(self) -> tuple[str, str] | None:
        """The first ``x[c, i, j]`` of the statement, as array and index, without slices; or None."""
        parts = [
            (node.value.id, node)
            for node in self._nodes()
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and isinstance(node.ctx, ast.Load)
        ]
        parts.sort(key=lambda part: (part[0] not in ("x", "dy", "y"), part[1].lineno, part[1].col_offset))
        for name, node in parts:
            elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            if not any(isinstance(element, ast.Slice) for element in elements):
                inside = ", ".join(map(ast.unparse, elements))
                return name, f"({inside},)" if len(elements) == 1 else f"({inside})"
        return None

    def stored(self) -> str:
        """``: store(y, (o, i), v)`` for ``y[o, i, :] = v``; or "" where nothing is assigned in this way."""
        for node in self._nodes():
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                array, index = node.targets[0].value, node.targets[0].slice
                elements = index.elts if isinstance(index, ast.Tuple) else [index]
                places = [ast.unparse(element) for element in elements if not isinstance(element, ast.Slice)]
                inside = f"({', '.join(places)}{',' * (len(places) == 1)})"
                return f": store({ast.unparse(array)}, {inside}, {ast.unparse(node.value)})"
        return ""

    def variable(self, name: str) -> str:
        """The variable that an operator such as ``iadd`` changes, or ""."""
        targets = (operands[0] for operands in self.operands(name))
        return next((target.id for target in targets if isinstance(target, ast.Name)), "")

    def begins(self, name: str) -> tuple[int, str] | None:
        """The line in which a variable of the function is given its first value, and that value."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Assign) and node.lineno in self._lines():
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id == name:
                        return node.lineno, ast.unparse(node.value)
        return None

    def line_of(self, what: str) -> int:
        """The first line of the function that has ``with`` or a product by BLAS, which Numba does not name."""
        for node in ast.walk(self._tree):
            found = isinstance(node, ast.With) if what == "with" else _is_product(node)
            line = getattr(node, "lineno", 0)
            if found and line in self._lines():
                return int(line)
        return self.line

    def line_of_call(self, name: str) -> int:
        """The first line of the function with a call of an intrinsic that has too many or too few arguments."""
        wanted = getattr(getattr(self.value(name), "_defn", None), "__code__", None)
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and _name(node) == name and node.lineno in self._lines():
                fits = wanted is not None and len(node.args) == wanted.co_argcount - 1  # its first one is Numba's
                if not fits:
                    return node.lineno
        return self.line

    def line_of_attribute(self, name: str) -> int:
        """The first line of the function with something after a dot that is called so."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Attribute) and node.attr == name and node.lineno in self._lines():
                return node.lineno
        return self.line

    def _lines(self) -> range:
        numbers = [number for _, _, number in self.function.__code__.co_lines() if number is not None]
        return range(min(numbers), max(numbers) + 1)

    def _nodes(self) -> Iterator[ast.AST]:
        """All parts of the smallest statements at the line; of a loop or a condition, of its head."""
        around = [
            node
            for node in ast.walk(self._tree)
            if isinstance(node, ast.stmt) and node.lineno <= self.line <= (node.end_lineno or node.lineno)
        ]
        smallest = min(map(_length, around), default=0)
        for statement in around:
            if _length(statement) == smallest:
                heads = [getattr(statement, part) for part in ("test", "iter", "items") if hasattr(statement, part)]
                for head in heads or [statement]:
                    for part in head if isinstance(head, list) else [head]:
                        yield from ast.walk(part)


def _length(statement: ast.stmt) -> int:
    return (statement.end_lineno or statement.lineno) - statement.lineno


def _is_product(node: ast.AST) -> bool:
    return (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)) or (
        isinstance(node, ast.Call) and _name(node) in ("dot", "vdot", "matmul")
    )


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "id", "") or getattr(call.func, "attr", ""))


def _has_lanes(operand: ast.expr) -> bool:
    return any(isinstance(node, ast.Call) and _name(node) in ("load", "splat") for node in ast.walk(operand))


def _unlikely(operand: ast.expr) -> int:
    """How unlikely an expression is of float64: 0 for a float, 1 for a quotient or a function's value, 3 for a name."""
    if isinstance(operand, ast.Constant):
        import numpy as np  # here, because names of backends are known without it

        return 0 if isinstance(operand.value, (float, np.floating)) else 4
    if isinstance(operand, ast.BinOp):
        return 1 if any(isinstance(node, ast.Div) for node in ast.walk(operand)) else 2
    return 1 if isinstance(operand, ast.Call) else 3
