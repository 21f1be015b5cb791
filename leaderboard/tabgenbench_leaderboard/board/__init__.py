"""Computation of the numbers that a board shows from the results of a suite (benchmark)."""
