"""Random subset of the rows, for metrics whose time grows with the square of the number of rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Options, Shared

__all__ = ["RowLimit", "thinned"]


class RowLimit(Options):
    """Option that limits the number of rows, for metrics that compare each row with every other row."""

    max_rows: int = Field(
        5_000,
        ge=100,
        description="test rows and synthetic rows to use at most, drawn at random: time grows with their square",
    )


def thinned(evaluation: Evaluation, max_rows: int, *, seed: int) -> tuple[Evaluation, tuple[str, ...]]:
    """Return an evaluation on at most ``max_rows`` test and ``max_rows`` synthetic rows, and a note on omitted rows.

    The test rows and the synthetic rows are drawn at random. The metric's seed determines the drawn rows, so all
    generators on a split are compared with the same test rows. If there are as many synthetic rows as test rows, the
    same positions are drawn in the two tables, because a synthetic row has the conditions of the test row at the same
    position. Results that depend only on real rows are computed once for all synthetic tables.
    """
    n_test, n_synthetic = evaluation.test.n_rows, evaluation.synthetic.n_rows
    if max(n_test, n_synthetic) <= max_rows:
        return evaluation, ()
    test = _chosen(n_test, max_rows, seed)
    synthetic = test if n_synthetic == n_test else _chosen(n_synthetic, max_rows, seed)
    shared = evaluation.shared.once(("thinned", max_rows, seed), Shared, scope="split")
    evaluation.shared.once(("new draw of thinned", max_rows, seed), shared.next_draw)
    part = replace(
        evaluation,
        test=evaluation.test.take(test),
        synthetic=evaluation.synthetic.take(synthetic),
        shared=shared,
    )
    note = f"computed on {len(test):,} of {n_test:,} test rows and {len(synthetic):,} of {n_synthetic:,} synthetic rows"
    return part, (f"{note}, drawn at random (option max_rows)",)


def _chosen(n_rows: int, max_rows: int, seed: int) -> NDArray[np.int64]:
    if n_rows <= max_rows:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng([seed, n_rows]).choice(n_rows, max_rows, replace=False))
