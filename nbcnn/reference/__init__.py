"""Every op as a plain NumPy definition in float64: the oracle that kernels are tested against."""
