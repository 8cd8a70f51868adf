"""The leaky rectifier, v above 0 and negative_slope · v below."""
