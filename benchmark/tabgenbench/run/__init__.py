"""Plan a suite, prepare its data, train and score its cells."""
