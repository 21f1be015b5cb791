"""Prediction of combinations of cell type and state (such as a disease) that have no training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.spatial.distance import cdist

from tabgenbench import Evaluation, Metric, MetricContext, Requirement, Result, ScoreSpec, Unsupported
from tabgenbench_plugins.cell_columns import CellOptions
from tabgenbench_plugins.metrics.parts.two_sample import moments, welch
from tabgenbench_plugins.state_shift import StateShifts

__all__ = ["CombinationShift", "shift_r2"]

Floats = NDArray[np.float64]
CITATION = "Lotfollahi et al., scGen, Nature Methods 16, 2019, doi 10.1038/s41592-019-0494-8"
NOT_SPREAD = "The spread of the rows around their mean"


class CombinationShift(Metric):
    """Compares synthetic rows with test rows in combinations of type and state that have no training row.

    Type and state are two condition columns, such as cell type and disease. The base rows of a combination are the
    training rows of the same type in another state. If there are several such states, the state with most of these rows
    is used. The true shift s is the mean of the test rows minus the mean of the base rows. The error e is the mean of
    the synthetic rows minus the mean of the test rows. R² = 1 - |e|² / |s|² is 1 if the synthetic mean equals the test
    mean, and 0 if the synthetic mean equals the base mean. Values are first multiplied by the standard deviations of
    the training rows, which undoes the standardisation. The unit for counts is then log1p(counts per 10,000). Each
    score is a mean over combinations.

    - ``shift-r2``: R² over all features
    - ``shift-r2-top``: R² over the 100 features with the largest |t| of Welch's test between test rows and base rows
    - ``shift-energy``: energy distance between synthetic and test rows, on the standardised scale
    - ``shift-r2-half``: R² of one random half of the test rows as a prediction of the other half. The R² of a perfect
      model may be slightly higher, because the mean of all test rows has less noise than the mean of half of the test
      rows.
    """

    name: ClassVar[str] = "combination-shift"
    requires: ClassVar[tuple[Requirement, ...]] = ("conditions",)
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="shift-r2",
            question="prediction",
            direction="higher",
            high=1.0,
            description="share of the effect of a state on an unseen type that synthetic rows reproduce, all features",
            blind_to=NOT_SPREAD,
            floor="unchanged",
            ceiling="",
            citation=CITATION,
            headline=True,
        ),
        ScoreSpec(
            name="shift-r2-top",
            question="prediction",
            direction="higher",
            high=1.0,
            description="as shift-r2, over the features that the state changes most",
            blind_to=NOT_SPREAD,
            floor="unchanged",
            ceiling="",
            citation=CITATION,
        ),
        ScoreSpec(
            name="shift-energy",
            question="prediction",
            direction="lower",
            low=0.0,
            description="energy distance between synthetic and test rows of the unseen combinations",
            blind_to="Single features; the distance is dominated by the many features with little signal",
            floor="unchanged",
            ceiling="",
            citation="Székely & Rizzo, Journal of Statistical Planning and Inference 143, 2013",
        ),
        ScoreSpec(
            name="shift-r2-half",
            direction="higher",
            high=1.0,
            description="R² of a random half of the real test rows for the other half: not of the synthetic rows",
            blind_to="Everything about the model: it depends on the real rows alone",
            ranked=False,
        ),
    )

    class Config(CellOptions):
        """Options of `CombinationShift`."""

        top: int = Field(100, ge=1, description="number of features of shift-r2-top")
        min_rows: int = Field(10, ge=2, description="fewest test rows of a combination")
        max_rows: int = Field(1_000, ge=10, description="rows of each side for shift-energy, drawn at random")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        Raises:
            Unsupported: no combination can be scored, a combination has no synthetic row, or the table has fewer than
                two condition columns.
            ConfigError: an option names a column that is not a condition column.
        """
        train = StateShifts.of(evaluation.train, self.config)
        test = StateShifts.of(evaluation.test, self.config)
        made = StateShifts.of(evaluation.synthetic, self.config)
        unit = np.asarray(evaluation.transform.std, dtype=np.float64)
        found, notes = [], []
        for kind, state, rows in test.asked(evaluation.test.conditions):
            base = train.base_state(kind, state)
            if len(train.rows(kind, state)) or len(rows) < self.config.min_rows or base is None:
                continue
            real, synthetic = test.values[rows], made.values[made.rows(kind, state)]
            if not len(synthetic):
                raise Unsupported(f"no synthetic row of {kind}, {state}")
            scores, error = self._scores(train.values[train.rows(kind, base)], real, synthetic, unit, context)
            found.append(scores)
            note = f"{kind}, {state}: {len(rows)} test rows, base state {base}"
            if max(len(real), len(synthetic)) > self.config.max_rows:
                used = [f"{min(len(side), self.config.max_rows):,} of {len(side):,}" for side in (real, synthetic)]
                note += f"; shift-energy from {used[0]} test rows and {used[1]} synthetic rows, drawn at random"
                note += f" (option max_rows), standard error {error:.2g}"
            notes.append(note)
        if not found:
            raise Unsupported(
                f"needs test rows of a combination of {train.columns[0]} and {train.columns[1]} that training lacks "
                "([split] leave_out)"
            )
        names = [spec.name for spec in self.scores]
        return Result(dict(zip(names, np.mean(found, axis=0).tolist(), strict=True)), notes=tuple(notes))

    def _scores(
        self,
        base: NDArray[np.float32],
        real: NDArray[np.float32],
        synthetic: NDArray[np.float32],
        unit: Floats,
        context: MetricContext,
    ) -> tuple[tuple[float, float, float, float], float]:
        means = [rows.mean(axis=0, dtype=np.float64) * unit for rows in (base, real, synthetic)]
        t = welch(moments(real), moments(base))[0]
        top = np.argsort(-np.abs(t), kind="stable")[: self.config.top]
        order = context.numpy.permutation(len(real))
        halves = [real[part].mean(axis=0, dtype=np.float64) * unit for part in np.array_split(order, 2)]
        sampled = [_drawn(rows, self.config.max_rows, context.numpy) for rows in (real, synthetic)]
        left_out = [1.0 - len(part) / len(rows) for part, rows in zip(sampled, (real, synthetic), strict=True)]
        energy, error = _energy_distance(sampled[0], sampled[1], left_out)
        r2, r2_top = shift_r2(*means), shift_r2(*(mean[top] for mean in means))
        return (r2, r2_top, energy, shift_r2(means[0], *halves)), error


def shift_r2(base: Floats, real: Floats, predicted: Floats) -> float:
    """Return 1 - |predicted - real|² / |real - base|² of mean rows, each of shape (n_features,)."""
    return float(1.0 - np.square(predicted - real).sum() / np.square(real - base).sum())


def _drawn(rows: NDArray[np.float32], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    return rows if len(rows) <= n else rows[np.sort(rng.choice(len(rows), n, replace=False))]


def _energy_distance(
    first: NDArray[np.float32], second: NDArray[np.float32], left_out: Sequence[float]
) -> tuple[float, float]:
    """Return the energy distance of two samples of rows, and its standard error from the random choice of rows.

    The energy distance is 2 E|X - Y| - E|X - X'| - E|Y - Y'|, for rows X, X' of ``first`` and Y, Y' of ``second``.
    ``left_out`` contains, for ``first`` and for ``second``, the share of the rows that the random subset leaves out.
    """
    across, of_first, of_second = cdist(first, second), cdist(first, first), cdist(second, second)
    value = 2 * across.mean() - of_first.mean() - of_second.mean()
    sides = (across.mean(axis=1) - of_first.mean(axis=1), across.mean(axis=0) - of_second.mean(axis=0))
    variance = sum(share * side.var() / len(side) for share, side in zip(left_out, sides, strict=True))
    return max(0.0, float(value)), 2 * float(np.sqrt(variance))
