"""Search, loading and description of plugins; the hooks that plugins implement; suite files."""
