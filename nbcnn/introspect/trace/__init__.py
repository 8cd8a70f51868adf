"""One output pixel, or one weight's gradient, of a convolution: each number on the way to it, from the engine."""
