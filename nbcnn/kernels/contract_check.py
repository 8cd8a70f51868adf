"""Checks of a backend against the contract: each function is called, and its result checked.

Every breach is a KernelError that begins with file, line and function, whoever called.
"""

from __future__ import annotations

import inspect
from math import isfinite
from typing import Any

from nbcnn.compiler.remedies import remedy_by_words
from nbcnn.errors import KernelError, NbcnnError, shown
from nbcnn.kernels.contract import KernelWithAttributes, OneImage
from nbcnn.kernels.cost import Cost
from nbcnn.util.tracebacks import frames

MOST_SCRATCH = 2**33
"""Numbers of scratch, for one pack of 16 images; more is a mistake, and no machine's memory."""

_OWED = {"supports": "None or a reason", "workspace": "a number", "build": "the kernels"}
_MAY_HAVE = ("cost", "tolerance", "single")


def check_class(backend: Any) -> None:
    """That the class can be made and has what the contract wants, each taking a problem."""
    if not inspect.isclass(backend):
        raise KernelError(f"{where(backend)}: a backend is a class, got {type(backend).__name__}; write class ...:")
    for name in (*_OWED, *_MAY_HAVE):
        method = getattr(backend, name, None)
        if method is None and name in _OWED:
            raise KernelError(
                f"{where(backend)}: {backend.__name__} has no {name}(self, problem), which gives {_OWED[name]}; "
                "the contract is in nbcnn/kernels/contract.py"
            )
        if method is not None and not _takes(method, 2):
            got = f"{name}{inspect.signature(method)}" if callable(method) else f"a {type(method).__name__}"
            raise KernelError(f"{where(method, backend)}: expected {name}(self, problem), got {got}")
    _ask(backend, "__init__", backend)


def refusal(backend: Any, problem: Any) -> str | None:
    """Why a backend can't do a problem, or None."""
    answer = _ask(backend.supports, "supports", backend, problem)
    if answer is not None and not (isinstance(answer, str) and answer):
        raise _breach(backend, "supports", "None or a sentence that says why not", answer)
    return answer


def scratch(backend: Any, problem: Any) -> int:
    """How many numbers of scratch a backend needs for a problem."""
    count = _count(backend, "workspace", "a whole number", _ask(backend.workspace, "workspace", backend, problem))
    built_in = type(backend).__module__.startswith("nbcnn.")  # its count is right, and held against memory later
    if count > MOST_SCRATCH and not built_in:
        raise _breach(backend, "workspace", f"a number that memory can hold (at most {MOST_SCRATCH:,})", count)
    return count


def _count(backend: Any, name: str, what: str, answer: Any) -> int:
    if isinstance(answer, bool) or not hasattr(answer, "__index__") or answer < 0:
        raise _breach(backend, name, f"{what} of at least 0", answer)
    return int(answer)


def kernels(backend: Any, problem: Any) -> Any:
    """A backend's kernels for a problem, each with the arguments that it will be called with."""
    built, wanted = _ask(backend.build, "build", backend, problem), problem.kernels
    if not isinstance(built, wanted):
        raise _breach(backend, "build", f"{wanted.__name__}({', '.join(wanted._fields)})", type(built).__name__)
    for signature in wanted.signatures():
        _check_kernel(backend, signature.kernel, getattr(built, signature.kernel), signature.arguments)
    return built


def one_image(backend: Any, problem: Any) -> OneImage | None:
    """A backend's forward pass of one image, or None where it has none."""
    if not hasattr(backend, "single"):
        return None
    built = _ask(backend.single, "single", backend, problem)
    if not isinstance(built, OneImage):
        raise _breach(backend, "single", f"OneImage({', '.join(OneImage._fields)})", type(built).__name__)
    _check_kernel(backend, "forward", built.forward, problem.kernels.signatures()[0].arguments)
    return built._replace(workspace=_count(backend, "single", "OneImage with a workspace", built.workspace))


def check_statements(backend: Any, problem: Any) -> None:
    """What a backend may say besides: its cost and its tolerance."""
    if hasattr(backend, "cost"):
        answer = _ask(backend.cost, "cost", backend, problem)
        if not isinstance(answer, Cost):
            raise _breach(backend, "cost", "Cost(forward, grad_input, grad_weight) of nbcnn.plugin", answer)
    if hasattr(backend, "tolerance"):
        answer = _ask(backend.tolerance, "tolerance", backend, problem)
        if isinstance(answer, bool) or not isinstance(answer, (int, float)) or not (isfinite(answer) and answer >= 0):
            raise _breach(backend, "tolerance", "a number of at least 0", answer)


def where(thing: Any, otherwise: Any = None) -> str:
    """``my_conv.py:12`` of a function or class; of ``otherwise`` if it has no place; else what it is."""
    for one in (thing, otherwise):
        inner = getattr(one, "py_func", one)
        try:
            lines, first = inspect.getsourcelines(inner)  # from its first decorator on
            line = next((k for k, text in enumerate(lines) if text.lstrip().startswith(("def ", "class "))), 0)
            return f"{shown(inspect.getfile(inner))}:{first + line}"
        except (OSError, TypeError):
            continue
    return repr(thing)


def _ask(function: Any, name: str, backend: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except NbcnnError:
        raise
    except (Exception, SystemExit) as error:
        raise failure(backend, name, error) from error


def failure(backend: Any, name: str, error: BaseException) -> KernelError:
    """An exception out of a backend's function: the innermost line of the backend's own file, and what it says."""
    kind = backend if inspect.isclass(backend) else type(backend)
    line = next((n for f, n in reversed(frames(error)) if f == _file(kind)), None)
    place = where(getattr(kind, name, kind), kind) if line is None else f"{shown(_file(kind))}:{line}"
    said = f": {error}" if str(error) else ""
    if what := remedy_by_words(str(error)):  # of a kernel that runs as Python, under NUMBA_DISABLE_JIT=1
        said += f"; {what}"
    return KernelError(f"{place}: {kind.__name__}: {name} failed: {type(error).__name__}{said}")


def _file(kind: type) -> str:
    try:
        return inspect.getfile(kind)
    except (OSError, TypeError):
        return ""


def _breach(backend: Any, name: str, expected: str, got: Any) -> KernelError:
    kind = type(backend)
    shown_got = got if isinstance(got, str) and got.isidentifier() else repr(got)
    place = where(getattr(kind, name, kind), kind)
    return KernelError(f"{place}: {kind.__name__}: {name} must return {expected}, got {shown_got}")


def _takes(function: Any, count: int) -> bool:
    """Whether a callable can be called with so many arguments by position; True where nobody can say."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # built-in functions without a signature
        return True
    return True


def _check_kernel(backend: Any, direction: str, kernel: Any, arguments: tuple[str, ...]) -> None:
    numbers: tuple[Any, ...] = ()
    function = kernel
    if isinstance(kernel, KernelWithAttributes):
        function, numbers = kernel.kernel, kernel.attributes
    function = getattr(function, "py_func", function)
    kind = type(backend)
    if not callable(function):
        raise KernelError(
            f"{where(kind.build, kind)}: {kind.__name__}: build gives {function!r} as {direction}; expected a function"
        )
    if not _takes(function, len(arguments) + len(numbers)):
        fixed = f" and, from KernelWithAttributes, {len(numbers)} more" if numbers else ""
        raise KernelError(
            f"{where(function, kind)}: {direction} is called with ({', '.join(arguments)}){fixed}, "
            f"but is {getattr(function, '__name__', 'it')}{inspect.signature(function)}"
        )
