"""The kinds of plugins that users select by name, such as generators and metrics."""

from __future__ import annotations

from typing import Literal

__all__ = ["KINDS", "Kind"]

Kind = Literal["generators", "metrics", "datasets", "engines", "reports"]
KINDS: tuple[Kind, ...] = ("generators", "metrics", "datasets", "engines", "reports")
