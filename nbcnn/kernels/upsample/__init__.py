"""Images enlarged by whole factors, each pixel repeated."""
