"""General helpers, without knowledge of networks: files, locks, memory, random numbers, formatting."""
