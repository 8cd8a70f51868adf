"""Finite-value checks of a training step, and where NaN or infinity came from."""
