"""The wrapper around Numba: compiling kernels, naming and caching the machine code, errors in plain words."""
