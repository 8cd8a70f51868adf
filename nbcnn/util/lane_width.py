"""The width of a pack and of the vector type: how many images a kernel takes at once."""

LANES = 16
"""Images in a pack: what one 512-bit register holds of float32. Narrower machines use several registers."""
