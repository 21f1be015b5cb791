"""Finds, loads and describes plugins; defines the hooks; reads suites."""
