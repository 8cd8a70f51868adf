"""The logarithm of softmax: equation (28) of docs/math.md."""
