"""Training, evaluation and prediction, and all that belongs to a run."""
