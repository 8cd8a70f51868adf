"""Trial of a plugin's registrations; for a backend, its kernels are built and compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nbcnn.errors import KernelError, PluginError, shown
from nbcnn.kernels import contract_check, registry
from nbcnn.kernels.contract import ArrayType, arguments, unfolded
from nbcnn.kernels.ops import OPS
from nbcnn.kernels.ops import op as definition
from nbcnn.plugins.kernel_calls import printing, recursion
from nbcnn.util import activity
from nbcnn.util.registry import Registry
from nbcnn.util.suggestions import closest


def small_problems(op: str) -> list[Any]:
    """Small problems of an op, likely ones first; [] for an op without a definition."""
    return definition(op).small() if op in OPS else []


def try_thing(kind: str, name: str) -> None:
    """Hold one registration against its contract; raises KernelError or PluginError."""
    if kind.startswith(registry.BACKEND_OF):
        try_backend(kind.removeprefix(registry.BACKEND_OF), name)
        return
    if kind == "op":
        _try_definition(name)
        return
    one = Registry.by_kind[kind]
    op = getattr(one.get(name), "op", None)
    if op is not None and op not in registry.op_names():
        raise PluginError(
            f"{shown(one.added()[name])}: {kind} {name} is computed by the op {op!r}, of which there is no backend; "
            f"register one called direct beside it, or use one of {', '.join(registry.op_names())}"
        )


def _try_definition(name: str) -> None:
    """That an op has a backend, and that its definition gives problems and right values of them."""
    file = shown(OPS.added()[name])
    if registry.DEFAULT not in registry.backend_names(name):
        raise PluginError(
            f"{file}: op {name} has no backend {registry.DEFAULT}; register one beside it: "
            f'@register.backend("{name}", "{registry.DEFAULT}")'
        )
    try:
        problems = list(definition(name).small())
    except Exception as error:
        raise PluginError(f"{file}: op {name}: its problems can't be made: {type(error).__name__}: {error}") from error
    for problem in problems:
        if getattr(problem, "op", None) != name:
            raise PluginError(f"{file}: op {name}: its problems say op {getattr(problem, 'op', None)!r}")


def check_ops(backends: Iterable[tuple[str, str]]) -> None:
    """That each ``(backend of OP, name)`` is of an op that some layer is computed by; raises PluginError.

    A plugin may add an op, together with the layer that it is for: then nobody can have meant another one.
    """
    known = {*OPS}
    for kind, name in backends:
        op = kind.removeprefix(registry.BACKEND_OF)
        if op not in known and op not in _ops_of_layers():
            file, near = shown(str(registry.file_of(op, name))), closest(op, known)
            meant = f"did you mean {near}?" if near else f"known: {', '.join(sorted(known))}"
            raise PluginError(
                f"{file}: backend {name} is of the op {op!r}, by which no layer is computed; {meant} (A new op comes "
                f"with a layer that has op = {op!r}, registered in the same file.)"
            )


def _ops_of_layers() -> set[str | None]:
    layers = Registry.by_kind.get("layer")
    return {getattr(layers.get(name), "op", None) for name in layers} if layers else set()


def try_backend(op: str, name: str) -> None:
    """Ask a backend about small problems; build and compile the kernels of the first one that it takes."""

    def begin(what: str) -> None:
        activity.tell(now=f"{shown(str(registry.file_of(op, name)))}: {what} of {op}={name}")

    begin("the class")
    contract_check.check_class(registry.backends(op).get(name))
    backend, taken = registry.backend(op, name), False
    for problem in small_problems(op):
        begin("supports")
        if contract_check.refusal(backend, problem) is not None or taken:
            continue
        taken = True
        begin("workspace or build")
        floats = contract_check.scratch(backend, problem)
        kernels = contract_check.kernels(backend, problem)
        contract_check.check_statements(backend, problem)
        for direction, kernel, arrays in _calls(problem, kernels, floats):
            begin(direction)
            if cycle := recursion(kernel):
                activity.tell(recursion=cycle)
            if place := printing(kernel):
                warnings.warn(
                    f"{place}: {direction} prints, at each of its calls, in a training at every step", stacklevel=2
                )
            _try_kernel(backend, direction, kernel, arrays)
        begin("single")
        if found := contract_check.one_image(backend, problem):
            _try_kernel(backend, "single's forward", found.forward, _one_image(problem, found.workspace))


def _calls(problem: Any, kernels: Any, floats: int) -> Iterator[tuple[str, Callable[..., object], tuple[Any, ...]]]:
    """Each kernel with arrays of zeros, of the shapes that it will see."""
    import numpy as np

    arrays = {"scratch": np.zeros(floats, problem.dtype)}
    for signature in problem.kernels.signatures():
        given = arguments(problem, signature, arrays, lambda kind: np.zeros(kind.shape, kind.dtype))
        yield signature.kernel, getattr(kernels, signature.kernel), given


def _one_image(problem: Any, floats: int) -> tuple[Any, ...]:
    """Arrays of zeros for a kernel of one image."""
    import numpy as np

    def zeros(kind: ArrayType) -> Any:
        return np.zeros(kind.shape[:-1] if kind.is_pack else kind.shape, kind.dtype)

    scratch = {"scratch": np.zeros(floats, problem.dtype)}
    return arguments(problem, problem.kernels.signatures()[0], scratch, zeros)


def _try_kernel(backend: Any, direction: str, kernel: Callable[..., object], arrays: tuple[Any, ...]) -> None:
    """Compile a kernel; one that is a Python function is called, which compiles the kernels inside it."""
    from nbcnn.compiler.native_call import native_call

    try:
        if native_call(*unfolded(kernel, arrays)) is None:  # type: ignore[no-untyped-call]
            kernel(*arrays)
    except KernelError:
        raise
    except Exception as error:
        raise contract_check.failure(backend, direction, error) from error
