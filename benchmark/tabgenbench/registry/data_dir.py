"""The root folder of downloaded data."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["resolve_data_dir"]


def resolve_data_dir(given: str | Path | None) -> Path | None:
    """Return the root folder of downloaded data: ``given`` or, by default, the value of TABGENBENCH_DATA.

    If neither is set, return None. ``~`` stands for the home folder.
    """
    named = given if given is not None else os.environ.get("TABGENBENCH_DATA")
    return Path(named).expanduser() if named else None
