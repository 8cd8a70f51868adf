"""Max pooling: equation (6) of docs/math.md."""
