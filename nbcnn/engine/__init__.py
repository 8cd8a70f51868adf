"""Networks in memory and the executors that run them: buffers, threads, call lists, gradient sums."""
