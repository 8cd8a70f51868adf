"""Run folders and checkpoints: the files of a training."""
