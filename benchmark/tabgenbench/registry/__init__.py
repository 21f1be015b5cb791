"""Find, load and describe plugins; hook specifications; suites."""
