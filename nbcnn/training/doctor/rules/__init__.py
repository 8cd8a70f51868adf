"""The rules of the doctor, one a file: each is known by being here.

A rule has ``look(evidence)``, which gives a Finding or None, and may have ``EXPLAINS``, the names of rules whose
findings follow from its own and are not told beside it. Its docstring is its title. ``IN_TRAINING = False`` marks one
that is asked when the training is over alone.
"""
