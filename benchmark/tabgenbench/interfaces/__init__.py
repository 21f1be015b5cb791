"""What a plugin author subclasses, and the checks on what plugins return."""
