"""Stochastic gradient descent: equations (17) and (18) of docs/math.md."""
