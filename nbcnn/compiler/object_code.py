"""Entries of the kernel cache: machine code alone, loaded without LLVM's compiler.

Numba keeps a kernel's LLVM code beside its machine code, for compiled code that calls it, and reads it again with every
load: 9 MB for those of a LeNet. Here callees have entries of their own (callees.py). And at the first load it compiles
functions for reference counting, which brings LLVM's compiler into memory; kernels' machine code has these in it.
"""

from __future__ import annotations

from functools import cache

import llvmlite.binding as llvm
from numba.core.compiler import CompileResult
from numba.core.runtime import _nrt_python


def reduced(result: CompileResult) -> tuple:
    """A compiled kernel in parts that can be pickled."""
    (name, kind, (machine_code, _)), *others = result._reduce()
    return (name, kind, (machine_code, _names(result))), *others


rebuilt = CompileResult._rebuild
"""A compiled kernel of its parts: (target_context, *parts)."""


def _names(result: CompileResult) -> bytes:
    """LLVM code that says of two functions only that they are there: Numba looks for the addresses of no others."""
    names = result.fndesc.llvm_func_name, result.fndesc.llvm_cpython_wrapper_name
    stubs = (f'define void @"{name}"() {{\n  ret void\n}}\n' for name in names)
    return bytes(llvm.parse_assembly("".join(stubs)).as_bitcode())


@cache
def name_runtime() -> None:
    """Tell LLVM where the functions of Numba's runtime are that machine code calls, as rtsys.initialize does first."""
    for name, address in _nrt_python.c_helpers.items():
        llvm.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)
