"""Pages of a board in Markdown, HTML, CSV and text."""
