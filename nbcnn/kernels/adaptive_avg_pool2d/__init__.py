"""Average pooling to a given size, with windows that divide the image."""
