"""Helpers that know nothing of networks: files, locks, memory, random numbers, formatting."""
