"""The wrapper around Numba: compilation of kernels, the cache of machine code, errors in plain words."""
