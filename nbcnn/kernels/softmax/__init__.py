"""Softmax: equation (14) of docs/math.md."""
