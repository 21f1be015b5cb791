"""Planning a suite, preparing its data, running and scoring its cells."""
