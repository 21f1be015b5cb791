"""Numbers and pictures to Markdown, HTML, CSV and text."""
