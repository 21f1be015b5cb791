"""Drawing of the figures of a board and their conversion to SVG and PNG."""
