"""Finite-value checks of a training step, and the search for where NaN or infinity came from."""
