"""The rectifier, max(v, 0); NaN stays NaN."""
