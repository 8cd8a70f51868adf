"""Benchmarks: backends by layer and along axes of size; whole networks against other libraries.

Everything here times contenders in turn, round by round, in one process (in child processes where the start of a
process is what is measured), and compares within a round: a machine's speed drifts, and a ratio of two runs says
little.
"""
