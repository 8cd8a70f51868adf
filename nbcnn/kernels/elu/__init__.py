"""The exponential linear unit, v above 0 and alpha · (e**v - 1) below."""
