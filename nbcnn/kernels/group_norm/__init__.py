"""Group normalisation: equations (51) and (52) of docs/math.md."""
