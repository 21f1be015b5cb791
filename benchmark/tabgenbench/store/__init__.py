"""Results on disk: tables and records, claims of runners on trainings, merging, progress, garbage collection."""
