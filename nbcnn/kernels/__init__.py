"""Kernels: the arithmetic of every op, on packs of 16 images. A folder here is an op, a file in it a backend."""
