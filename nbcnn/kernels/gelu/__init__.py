"""The Gaussian error linear unit, v · Φ(v), exact or by tanh."""
