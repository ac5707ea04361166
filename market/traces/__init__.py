"""Who used how much in which hour: synthetic presets from a seed, and real traces of the same shape as CSV."""
