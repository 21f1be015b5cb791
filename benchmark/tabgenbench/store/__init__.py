"""Modules that write, read, merge and clean up folders of results (stores)."""
