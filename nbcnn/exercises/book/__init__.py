"""The exercises, one a file; a file in this folder is found by being here, under its own name."""
