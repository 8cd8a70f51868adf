"""A fully connected layer: equations (8) to (10) of docs/math.md."""
