"""Average pooling: equation (7) of docs/math.md."""
