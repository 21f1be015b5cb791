"""Figures of a board."""
