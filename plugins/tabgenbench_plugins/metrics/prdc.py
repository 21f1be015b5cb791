"""Precision, recall, density and coverage of synthetic rows, from nearest neighbours."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.encoded import encoded, encoding_notes
from tabgenbench_plugins.metrics.parts.neighbours import distance_blocks, nearest
from tabgenbench_plugins.metrics.parts.results import undefined_result
from tabgenbench_plugins.metrics.parts.thinning import RowLimit, thinned

__all__ = ["PRDC"]

CITATION = "Naeem et al., ICML 2020"
EQUAL = 1e-7  # as a share of the spread of the rows: a smaller distance, or difference of distances, is rounding error


class PRDC(Metric):
    """Precision, recall, density and coverage with k = 5 neighbours (option ``n_neighbours``).

    The ball of a row is centred at the row and reaches to the k-th nearest other row of the same table (real test rows
    or synthetic rows). Distances are Euclidean, between rows that are encoded as vectors (see module `encoded`).

    - ``precision``: share of synthetic rows inside the ball of a real test row
    - ``recall``: share of real test rows inside the ball of a synthetic row
    - ``density``: mean number of balls of real test rows that contain a synthetic row, divided by k; 1 is expected if
      real and synthetic rows have the same distribution
    - ``coverage``: share of real test rows with a synthetic row in their ball

    A row on the surface of a ball counts as outside, unless the row equals the centre. (A ball has radius 0 if k or
    more other rows equal its centre.)
    """

    name: ClassVar[str] = "prdc"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="coverage",
            question="fidelity",
            direction="higher",
            low=0.0,
            high=1.0,
            headline=True,
            description="share of real test rows with a synthetic row nearer than their fifth real neighbour",
            blind_to=(
                "Copies of training rows, and variation within dense groups: the mean of each condition, without "
                "noise, covers almost all real rows"
            ),
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "label-swapper"),
            citation=CITATION,
        ),
        ScoreSpec(
            name="recall",
            question="fidelity",
            direction="higher",
            low=0.0,
            high=1.0,
            description="share of real test rows nearer to a synthetic row than its fifth synthetic neighbour",
            blind_to="Rows of too much variance: their balls are large, so independent features recall most real rows",
            floor="condition-mean",
            misses=("copier", "label-swapper"),
            citation=CITATION + "; Kynkäänniemi et al., NeurIPS 2019",
        ),
        ScoreSpec(
            name="precision",
            question="fidelity",
            direction="higher",
            low=0.0,
            high=1.0,
            description="share of synthetic rows nearer to a real test row than its fifth real neighbour",
            blind_to="Real rows that nothing resembles, lost variance, and copies: a mean without noise scores 1",
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "label-swapper"),
            citation=CITATION + "; Kynkäänniemi et al., NeurIPS 2019",
        ),
        ScoreSpec(
            name="density",
            question="fidelity",
            direction="one",
            low=0.0,
            description="number of real test rows around a synthetic row, relative to that around a real one",
            blind_to=(
                "Real rows that nothing resembles, and copies. Too many rows in dense places make up for others in "
                "none. With many repeated rows it is above 1 for real rows, too"
            ),
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "label-swapper"),
            citation=CITATION,
        ),
    )

    class Config(RowLimit):
        """Options of `PRDC`."""

        n_neighbours: int = Field(5, ge=1, description="number of the neighbour to which a ball reaches")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table."""
        evaluation, thinning = thinned(evaluation, self.config.max_rows, seed=context.seed)
        try:
            of_real, of_synthetic = self._counts(evaluation)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        per_row = {**of_real, **of_synthetic}
        scores = {name: float(values.mean()) for name, values in per_row.items()}
        notes = encoding_notes(evaluation)
        if thinning:
            errors = ", ".join(f"{name} {values.std() / np.sqrt(len(values)):.2g}" for name, values in per_row.items())
            notes = (*thinning, f"standard errors of the subsample: {errors}", *notes)
        return Result(scores, notes=notes)

    def _counts(self, evaluation: Evaluation) -> tuple[dict[str, Floats], dict[str, Floats]]:
        k = self.config.n_neighbours
        real, synthetic = encoded(evaluation, "test"), encoded(evaluation, "synthetic")
        for rows, words in ((real, "real test"), (synthetic, "synthetic")):
            if len(rows) <= k:
                raise Undefined(f"{len(rows)} {words} rows are too few for {k} neighbours")
        real_radius = evaluation.shared.once(("radius", k), lambda: _radius(real, k), scope="split")
        synthetic_radius = _radius(synthetic, k)
        tolerance = EQUAL * float(np.sqrt(((real - real.mean(axis=0)) ** 2).sum(axis=1).mean()))
        recalled, covered = np.zeros((2, len(real)))
        balls = np.zeros(len(synthetic))
        for block, apart in distance_blocks(real, synthetic):
            equal = apart <= tolerance
            in_real = (apart < real_radius[block, None] - tolerance) | equal
            in_synthetic = (apart < synthetic_radius - tolerance) | equal
            balls += in_real.sum(axis=0)
            covered[block] = in_real.any(axis=1)
            recalled[block] = in_synthetic.any(axis=1)
        return (
            {"recall": recalled, "coverage": covered},
            {"precision": (balls > 0).astype(np.float64), "density": balls / k},
        )


def _radius(rows: NDArray[np.float32], k: int) -> Floats:
    return nearest(rows, rows, k, exclude_self=True).distances[:, -1]
