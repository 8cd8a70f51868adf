"""Hard swish, v · min(max(v + 3, 0), 6) / 6."""
