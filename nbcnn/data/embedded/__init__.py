"""Data that comes with nbcnn, and the scripts that made it."""
