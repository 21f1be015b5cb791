"""Standard errors of scores that are computed on a random subset of the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Evaluation, Shared

__all__ = ["PARTS", "Rows", "part_errors", "take_rows"]

PARTS = 5
Rows = NDArray[np.intp]


def part_errors(
    score: Callable[[Rows, Rows], Mapping[str, float]], full: Evaluation, drawn: Evaluation, *, seed: int
) -> tuple[str, ...]:
    """Return a note with the standard error of each score; no note if all rows are used.

    The drawn rows are divided at random into five disjoint parts, and the scores are computed on each part. The
    variance of a mean, a share or another statistic of rows is inversely proportional to the number of rows, so the
    standard error is the standard deviation over parts, divided by the square root of the number of parts. A side of
    which all rows are used is not divided.

    Args:
        score: returns the scores of a part by name, given the positions of its test rows and of its synthetic rows.
        full: all rows.
        drawn: the rows that are used, a random subset.
        seed: seed of the division into parts.
    """
    sides = [(drawn.test.n_rows, full.test.n_rows), (drawn.synthetic.n_rows, full.synthetic.n_rows)]
    if all(n == n_full for n, n_full in sides):
        return ()
    # Sides of equally many rows are divided alike, so that a test row stays with the row sampled for its conditions.
    test, synthetic = (
        np.array_split(np.random.default_rng([seed, n]).permutation(n), PARTS) if n < n_full else [np.arange(n)] * PARTS
        for n, n_full in sides
    )
    found = [score(np.sort(a), np.sort(b)) for a, b in zip(test, synthetic, strict=True)]
    names = [name for name in found[0] if all(name in part for part in found)]
    if not names:
        return (f"standard errors of the subsample are unknown: the scores of {PARTS} parts of it are undefined",)
    errors = {name: np.std([part[name] for part in found], ddof=1) / np.sqrt(PARTS) for name in names}
    listed = ", ".join(f"{name} {error:.2g}" for name, error in errors.items())
    return (f"standard errors of the subsample, from {PARTS} parts of it: {listed}",)


def take_rows(evaluation: Evaluation, test: Rows, synthetic: Rows) -> Evaluation:
    """Return an evaluation of a part of the rows, which shares no results with other evaluations."""
    return replace(
        evaluation, test=evaluation.test.take(test), synthetic=evaluation.synthetic.take(synthetic), shared=Shared()
    )
