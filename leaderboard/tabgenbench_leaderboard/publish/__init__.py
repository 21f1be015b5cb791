"""Published boards: writing, verification, repetition and comparison."""
