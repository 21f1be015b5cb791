"""Records to numbers: what a board shows, before it is drawn or written."""
