"""``backend: auto``: timing of backends and training steps on this machine, and the choice of the fastest."""
