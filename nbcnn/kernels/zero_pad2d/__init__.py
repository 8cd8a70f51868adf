"""Zeros around each image."""
