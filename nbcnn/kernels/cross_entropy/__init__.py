"""Softmax cross-entropy: equations (15) and (16) of docs/math.md."""
