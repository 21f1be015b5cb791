"""Boards: records in, tables and plots out."""
