"""The hyperbolic tangent."""
