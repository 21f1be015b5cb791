"""What the generators of mode-normalised rows (`ctgan`, `tvae`) share.

Modes of a column, the encoded row and its layout, and operations over all columns of such rows.
"""
