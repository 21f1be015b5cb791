"""Published boards: writing, verifying and comparing them, and repeating their cells (trainings)."""
