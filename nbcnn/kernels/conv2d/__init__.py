"""Cross-correlation in two dimensions: equations (1) to (5) of docs/math.md."""
