"""Adam and AdamW: equation (19) of docs/math.md."""
