"""Training, evaluation and prediction of a network, and the files and reports of a run."""
