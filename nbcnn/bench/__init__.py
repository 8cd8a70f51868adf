"""Measuring: backends beside one another, layer by layer and along axes; whole networks, beside other libraries.

Everything here times contenders in turn, round by round, in one process (in child processes where the start of a
process is what is measured), and compares within a round: a machine's speed drifts, and a ratio of two runs says
little.
"""
