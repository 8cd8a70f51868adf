"""Kernels that other kernels call: kept as LLVM code, and optimised once, in their callers.

For Numba a callee is a function like any other: it is optimised, made into machine code, and given an entry for Python;
then its optimised code is copied to its caller and optimised again, and all the rest has been for nothing. Of LeNet's
kernels that was a third of the time that compiling took.
"""

from __future__ import annotations

from copy import copy

import llvmlite.binding as llvm
from numba.core import typing
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase, CompileResult, DefaultPassBuilder, compile_result
from numba.core.compiler_lock import global_compiler_lock
from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering


class CalleeLibrary(CPUCodeLibrary):
    """The LLVM code of a callee and of what it calls, before it is optimised."""

    def _optimize_final_module(self) -> None: ...

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class CalleeLowering(NativeLowering):
    """Numba IR to LLVM code, without machine code and an entry for Python."""

    _name = "callee_lowering"

    def run_pass(self, state) -> bool:
        state.library = CalleeLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        self._flags = state.flags
        return super().run_pass(state)

    @property
    def lowering_class(self):
        # Not before: the flags are part of a function's name, and functions that call each other in a circle find one
        # another by their names.
        self._flags.no_compile = self._flags.no_cpython_wrapper = True
        return Lower


class CalleeCompiler(CompilerBase):
    """Numba's passes with ``CalleeLowering``."""

    def define_pipelines(self):
        pipeline = DefaultPassBuilder.define_nopython_pipeline(self.state, "callee")
        pipeline.passes = [
            (CalleeLowering if one is NativeLowering else one, description) for one, description in pipeline.passes
        ]
        pipeline.finalize()
        return [pipeline]


class Callees:
    """A kernel compiled as callee, by the types of its arguments."""

    def __init__(self, dispatcher, cache) -> None:
        self._dispatcher, self._cache = dispatcher, cache
        self._overload = dispatcher.get_overload
        self._compiler = copy(dispatcher._compiler)
        self._compiler.pipeline_class, self._compiler._failed_cache = CalleeCompiler, {}
        self._found: dict[tuple, tuple[object, CompileResult]] = {}  # and the key by which callers find the code

    def compile(self, args) -> CompileResult:
        """Compile it for arguments of these types, or load it, if that was not done before."""
        with global_compiler_lock:
            if args in self._found:
                return self._found[args][1]
            context = self._dispatcher.targetctx
            result = self._cache.load_overload(args, context)
            if result is None:
                with self._dispatcher._compiling_counter:
                    result = self._compiler.compile(args, None)
                self._cache.save_overload(args, result)
            key = object()
            context.insert_user_function(key, result.fndesc, [result.library])
            self._found[args] = key, result
            return result

    def overload(self, args) -> object:
        """What callers find the code by, for arguments of these types: see Dispatcher.get_overload."""
        args = tuple(args)
        return self._found[args][0] if args in self._found else self._overload(args)

    def template(self, compile_, args, kws):
        """What Numba wants to know of a call: see Dispatcher.get_call_template. ``compile_`` is ``compile``."""
        signature, args = self._dispatcher._compiler.fold_argument_types(args, kws)
        name = self._dispatcher.py_func.__name__
        found = typing.make_concrete_template(f"CallTemplate({name})", name, [compile_(tuple(args)).signature])
        return found, signature, args, {}


def reduced(result: CompileResult) -> tuple:
    """A callee in parts that can be pickled."""
    result.fndesc.typemap = result.fndesc.calltypes = None  # as CompileResult._reduce has it
    code = result.library._get_module_for_linking().as_bitcode()
    environments = tuple(result._find_referenced_environments())
    return (
        result.library.name,
        code,
        result.fndesc,
        result.environment,
        result.signature,
        environments,
        (result.reload_init),
    )


def rebuilt(context, name, code, fndesc, environment, signature, environments, reload_init) -> CompileResult:
    """A callee of its parts."""
    for again in reload_init:
        again()
    library = CalleeLibrary(context.codegen(), name)
    library._final_module = llvm.parse_bitcode(code)
    library._finalize_final_module()
    return compile_result(
        typing_context=context.typing_context,
        target_context=context,
        library=library,
        fndesc=fndesc,
        environment=environment,
        signature=signature,
        referenced_envs=environments,
        reload_init=reload_init,
    )


def bind_environments(result: CompileResult) -> None:
    """Have the machine code of a caller find the environments of its callees, which have no machine code of theirs."""
    for environment in result._find_referenced_environments():
        result.library.codegen.set_env(environment.env_name, environment)
