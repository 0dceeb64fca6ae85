"""Models that plugins bring: one function computes one cell."""
