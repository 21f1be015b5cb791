"""Results on disk: records and tables, claims of runners, merging, progress, garbage collection."""
