"""Which contractions happen, in which order, at which cost."""
