"""Tests of the kernels: everything below functional and engine, and those two on the kernels' account."""
