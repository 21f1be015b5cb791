"""Writing, verification and comparison of published boards, and repetition of their trainings."""
