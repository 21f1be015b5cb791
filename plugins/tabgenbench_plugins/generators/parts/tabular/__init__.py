"""Shared code of the generators `ctgan` and `tvae`.

It fits the modes of continuous columns, encodes rows, and trains and samples the networks.
"""
