"""The command line as a module: ``python -m tabgenbench``."""

from __future__ import annotations

from tabgenbench.commands.cli import main

if __name__ == "__main__":
    main()
