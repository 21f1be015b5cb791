"""Base classes for plugin authors, and checks of what plugins return."""
