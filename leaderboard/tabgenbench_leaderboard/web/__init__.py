"""The web board: a folder of HTML pages with scripts and data, which a browser can open without a server."""
