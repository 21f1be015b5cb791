"""Pages and tables of a board (benchmark results) in Markdown, HTML, LaTeX, CSV and plain text."""
