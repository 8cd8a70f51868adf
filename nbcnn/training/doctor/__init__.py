"""Diagnosis of a training: statistics by layer that are gathered while it runs, and rules that read them."""
