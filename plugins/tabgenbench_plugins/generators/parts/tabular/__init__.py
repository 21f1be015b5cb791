"""Shared code of the generators `ctgan` and `tvae`.

The modules fit modes of continuous columns, encode rows, and train and sample the networks.
"""
