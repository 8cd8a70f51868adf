"""The program of a process that compiles kernels into the cache, one after the other, as it is told to.

Standard input holds pickles of module, name, signature and the file where the code has to be afterwards; a line on
standard output says ``ready`` before each, and then ``done``, or ``other`` where this process would make another file.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Until standard input ends, with the process that this one is for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that this one is for
    tell = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what others may print is no answer
    while True:
        print("ready", file=tell, flush=True)
        try:
            module, name, signature, path = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        kernel = getattr(import_module(module), name)
        same = str(kernel._cache.entry(signature, kernel.targetctx)[1]) == path
        if same:
            kernel.compile(signature)
        print("done" if same and Path(path).exists() else "other", file=tell, flush=True)


if __name__ == "__main__":
    main()
