"""Images continued by their reflections, without doubling the border."""
