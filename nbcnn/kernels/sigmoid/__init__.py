"""The logistic sigmoid, 1 / (1 + e**-v)."""
