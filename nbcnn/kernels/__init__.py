"""Kernels: the arithmetic of every op, on packs. A folder here is an op, a file in it is a backend."""
