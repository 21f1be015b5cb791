"""Finding, loading and describing plugins; hook specifications; suites."""
