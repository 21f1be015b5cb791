"""The web board: a folder of HTML pages with their scripts and data, which opens from disk without a network."""
