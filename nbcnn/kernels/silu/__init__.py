"""The sigmoid linear unit (swish), v · sigmoid(v)."""
