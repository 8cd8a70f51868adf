"""Batch normalisation with given statistics: forward and gradients; statistics of a batch, merged pack by pack."""
