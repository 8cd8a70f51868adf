"""Network summaries, receptive fields, and what trained networks compute, as data; expanded network files."""
