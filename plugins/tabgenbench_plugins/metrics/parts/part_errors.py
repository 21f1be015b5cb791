"""Rough standard errors of scores that are computed on a random subset of the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Evaluation, Shared

__all__ = ["Rows", "part_errors", "smaller_limit", "take_rows"]

PARTS = 5
Rows = NDArray[np.intp]


def part_errors(
    score: Callable[[Rows, Rows], Mapping[str, float]],
    names: Sequence[str],
    full: Evaluation,
    drawn: Evaluation,
    *,
    seed: int,
) -> tuple[str, ...]:
    """Return a note with a rough standard error of each score, or an empty tuple if all rows are used.

    The rows in ``drawn`` are divided at random into five disjoint parts, and the scores are computed on each part. If
    ``drawn`` contains all test rows or all synthetic rows, these rows are not divided: each part contains all of them.
    The standard error is the standard deviation over parts, divided by the square root of the number of parts. The
    standard error has only 4 degrees of freedom. The computation assumes that the variance of a score is inversely
    proportional to the number of rows, as for a mean over rows. The computation also assumes a large population, so the
    standard error is too large if the subset contains most rows.

    Args:
        score: returns the scores of a part by name, given the positions of its test rows and of its synthetic rows.
        names: names of the scores in the note.
        full: all rows.
        drawn: the rows that are used, a random subset.
        seed: seed of the division into parts.
    """
    sides = [(drawn.test.n_rows, full.test.n_rows), (drawn.synthetic.n_rows, full.synthetic.n_rows)]
    if all(n == n_full for n, n_full in sides):
        return ()
    # Equally many test and synthetic rows are divided alike: a test row stays with the row sampled for its conditions.
    test, synthetic = (
        np.array_split(np.random.default_rng([seed, n]).permutation(n), PARTS) if n < n_full else [np.arange(n)] * PARTS
        for n, n_full in sides
    )
    found = [score(np.sort(a), np.sort(b)) for a, b in zip(test, synthetic, strict=True)]
    listed = [f"{name} {_error_text([part[name] for part in found if name in part])}" for name in names]
    return (f"rough standard errors of the subsample, from {PARTS} parts of it: {', '.join(listed)}",)


def _error_text(values: Sequence[float]) -> str:
    return f"{np.std(values, ddof=1) / np.sqrt(PARTS):.2g}" if len(values) == PARTS else "unknown"


def smaller_limit(limit: int, full: Evaluation, drawn: Evaluation) -> int:
    """Return the minimum number of test rows (such as the option ``min_rows``) for a part of `part_errors`.

    ``limit`` is the minimum for all test rows of ``drawn``. If ``drawn`` has fewer test rows than ``full``, a part has
    a fifth of them, and the result is a fifth of ``limit``, but at least 2. Otherwise the result is ``limit``.
    """
    return max(2, limit // PARTS) if drawn.test.n_rows < full.test.n_rows else limit


def take_rows(evaluation: Evaluation, test: Rows, synthetic: Rows) -> Evaluation:
    """Return an evaluation with only the given rows and with an empty cache."""
    return replace(
        evaluation, test=evaluation.test.take(test), synthetic=evaluation.synthetic.take(synthetic), shared=Shared()
    )
