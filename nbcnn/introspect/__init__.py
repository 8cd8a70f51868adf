"""Looking at a network: what it costs and what it sees."""
