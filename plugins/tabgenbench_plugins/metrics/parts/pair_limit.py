"""Limit on the number of distances that a search for nearest rows computes."""

from __future__ import annotations

from pydantic import Field

from tabgenbench import Options
from tabgenbench_plugins.metrics.parts.attacked import Attacked

__all__ = ["PairLimit", "attacked_within", "rows_within"]


class PairLimit(Options):
    """Option of metrics that search nearest rows: a limit on the number of distances to compute."""

    max_pairs: int = Field(
        5_000_000_000,
        ge=1_000,
        description="distances to compute at most for each draw; for a larger table, max_rows is reduced",
    )


def rows_within(max_rows: int, distances_per_row: int, max_pairs: int) -> int:
    """Return the largest number of rows, at most ``max_rows``, for which at most ``max_pairs`` distances are computed.

    >>> rows_within(10_000, 100_000, 5_000_000_000), rows_within(10_000, 1_000_000, 5_000_000_000)
    (10000, 5000)
    """
    return max(1, min(max_rows, max_pairs // max(1, distances_per_row)))


def attacked_within(attacked: Attacked, max_rows: int, distances_per_row: int, max_pairs: int) -> Attacked:
    """Return the rows for a privacy attack, with a note if ``max_pairs`` allows fewer rows than ``max_rows``.

    ``max_rows`` limits the number of training rows and the number of hold-out rows. ``distances_per_row`` is the number
    of distances for one training row plus the number for one hold-out row.
    """
    n = rows_within(max_rows, distances_per_row, max_pairs)
    part = attacked.first(n)
    if n == max_rows or part is attacked:
        return part
    note = f"option max_pairs reduces max_rows to {n:,}, because each row is compared with all synthetic rows"
    return Attacked(part.members, part.others, part.labels, (*part.notes, note))
