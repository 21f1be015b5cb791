"""Computation of the numbers that a board shows, from the records of a suite."""
