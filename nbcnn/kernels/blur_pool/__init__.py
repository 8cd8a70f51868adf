"""Anti-aliased subsampling: a fixed binomial filter, with a stride."""
