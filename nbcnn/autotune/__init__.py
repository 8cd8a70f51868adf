"""``backend: auto``: kernels and whole steps timed on this machine, and the choices made by them."""
