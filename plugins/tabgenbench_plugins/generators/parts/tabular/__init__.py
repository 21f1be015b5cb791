"""Shared parts of the generators of mode-normalised rows, `ctgan` and `tvae`.

Modes of a column, the encoded row and its layout, and operations over all columns of such rows.
"""
