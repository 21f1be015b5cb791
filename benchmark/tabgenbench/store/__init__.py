"""Records and tables on disk: claims, merging, status, garbage collection."""
