"""Shared code of the generators `ctgan` and `tvae`.

The modules fit Gaussian mixtures to continuous columns, encode rows, and train and sample the networks.
"""
