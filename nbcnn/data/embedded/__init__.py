"""Data files that ship with nbcnn, and the scripts that made them."""
