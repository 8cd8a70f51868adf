"""A child process that compiles the kernels it is told to into the cache, one after the other.

A line of standard input is a JSON list of module, name, types (type_words.py) and the file where the code has to be
afterwards. A line on standard output says ``ready`` before each, and then ``done``, or ``other`` where this process
would make another file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Until standard input ends, with the process that this one is for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that this one is for
    tell = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what others may print is no answer
    from nbcnn.compiler.type_words import type_of_words

    while True:
        print("ready", file=tell, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        module, name, words, path = json.loads(line)
        kernel, signature = getattr(import_module(module), name), tuple(map(type_of_words, words))
        same = str(kernel._cache.entry(signature, kernel.targetctx)[1]) == path
        if same:
            kernel.compile(signature)
        print("done" if same and Path(path).exists() else "other", file=tell, flush=True)


if __name__ == "__main__":
    main()
