"""Pages and tables of a board in Markdown, HTML, LaTeX, CSV and plain text."""
