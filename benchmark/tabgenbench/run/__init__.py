"""Execution of a suite: plan, data, training of generators, and scores of their samples."""
