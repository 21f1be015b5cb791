"""Distances of synthetic rows to the closest training row and to the closest hold-out row."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.attacked import attacked_rows, chosen_rows
from tabgenbench_plugins.metrics.parts.encoded import encoded
from tabgenbench_plugins.metrics.parts.neighbours import nearest
from tabgenbench_plugins.metrics.parts.pair_limit import PairLimit, rows_within
from tabgenbench_plugins.metrics.parts.results import undefined_result

__all__ = ["ClosestRecord"]

RESAMPLES = 200  # of the bootstrap that estimates the standard error of a ratio of medians
COPY = 1e-4  # rows at a smaller distance are copies: rounding causes smaller distances
CITATION = "Park et al., Data synthesis based on generative adversarial networks, PVLDB 11(10), 2018"
HOLD_OUT = (
    "Platzer & Reutterer, Holdout-based empirical assessment of mixed-type synthetic data, Front. Big Data 4, 2021"
)
PASSES_LEAKS = (
    "A screen, not a proof: rows that reveal training rows without being close to one of them pass, such as those of a "
    "covariance that was fitted to few rows"
)


class ClosestRecord(Metric):
    """Measures whether synthetic rows are closer to training rows than to real rows not used for training.

    Equal numbers of training rows and of hold-out rows (real rows not used for training) are compared, because the
    closest row of a larger set is closer on average. Distances are Euclidean over all columns except the conditions;
    see `tabgenbench_plugins.metrics.parts.encoded`. The options ``max_rows`` and ``max_pairs`` limit the number of
    synthetic rows that are used.
    """

    name: ClassVar[str] = "closest-record"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="share-closer-to-train",
            question="privacy",
            direction="lower",
            low=0.0,
            high=1.0,
            description="share of synthetic rows closer to a training row than to a hold-out row; 0.5: no memory",
            blind_to=PASSES_LEAKS,
            floor="real-resample",
            ceiling="unseen-third",
            detects=("copier",),
            citation=HOLD_OUT,
        ),
        ScoreSpec(
            name="closest-distance-ratio",
            question="privacy",
            direction="higher",
            low=0.0,
            description=(
                "median distance to the closest training row, divided by that to the closest hold-out row; 1: no memory"
            ),
            blind_to=f"Copies of fewer than half of the rows. {PASSES_LEAKS}",
            floor="real-resample",
            ceiling="unseen-third",
            detects=("copier",),
            citation=CITATION,
        ),
        ScoreSpec(
            name="nndr-gap",
            question="privacy",
            direction="lower",
            low=-1.0,
            high=1.0,
            description=(
                "mean nearest-neighbour distance ratio (closest / second closest) to hold-out rows minus that to "
                "training rows; 0: no memory"
            ),
            blind_to=f"Rows of dense regions, where two training rows are equally close. {PASSES_LEAKS}",
            floor="real-resample",
            ceiling="unseen-third",
            detects=("copier",),
            citation="Zhao et al., CTAB-GAN: effective table data synthesizing, ACML 2021",
        ),
        ScoreSpec(
            name="exact-copies",
            question="privacy",
            direction="lower",
            low=-1.0,
            high=1.0,
            description="share of synthetic rows that equal a training row, minus the share that equal a hold-out row",
            blind_to="Copies with any change: a little noise is enough",
            floor="real-resample",
            ceiling="unseen-third",
            misses=("copier",),
            citation=HOLD_OUT,
        ),
        ScoreSpec(
            name="near-copies",
            question="privacy",
            direction="lower",
            low=-1.0,
            high=1.0,
            description=(
                "share of synthetic rows within a small distance of a training row, minus the share within it of a "
                "hold-out row; the distance is the 5 % quantile of those from hold-out rows to training rows"
            ),
            blind_to=PASSES_LEAKS,
            floor="real-resample",
            ceiling="unseen-third",
            detects=("copier",),
            citation=HOLD_OUT,
        ),
    )

    class Config(PairLimit):
        """Options of `ClosestRecord`."""

        max_rows: int = Field(10_000, ge=100, description="largest number of synthetic rows; more are drawn at random")
        quantile: float = Field(0.05, gt=0, lt=1, description="quantile of hold-out distances that makes a near copy")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table."""
        try:
            attacked = attacked_rows(evaluation, seed=context.seed)
            train = encoded(evaluation, "train")[attacked.members.rows]
            hold_out = encoded(evaluation, "test")[attacked.others.rows]
            synthetic = encoded(evaluation, "synthetic")
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        n_rows = rows_within(self.config.max_rows, len(train) + len(hold_out), self.config.max_pairs)
        asked = chosen_rows(synthetic, n_rows, seed=(context.seed, 2))
        to_train, to_hold_out = (nearest(synthetic[asked], real, 2).distances for real in (train, hold_out))
        own = chosen_rows(hold_out, n_rows, seed=(context.seed, 3))
        limit = evaluation.shared.once(
            ("near", context.seed, n_rows, self.config.quantile),
            lambda: float(np.quantile(nearest(hold_out[own], train, 1).distances, self.config.quantile)),
            scope="split",
        )
        closer = to_train[:, 0] < to_hold_out[:, 0]
        equal = to_train[:, 0] == to_hold_out[:, 0]
        scores = {
            "share-closer-to-train": float(np.mean(closer + 0.5 * equal)),
            "nndr-gap": float(_ratios(to_hold_out).mean() - _ratios(to_train).mean()),
            "exact-copies": float(np.mean(to_train[:, 0] <= COPY) - np.mean(to_hold_out[:, 0] <= COPY)),
            "near-copies": float(np.mean(to_train[:, 0] <= limit) - np.mean(to_hold_out[:, 0] <= limit)),
        }
        undefined = {}
        middle = float(np.median(to_hold_out[:, 0]))
        if middle > COPY:
            scores["closest-distance-ratio"] = float(np.median(to_train[:, 0])) / middle
        else:
            undefined["closest-distance-ratio"] = "half of the synthetic rows equal a hold-out row"
        notes = attacked.notes
        if len(asked) < len(synthetic):
            errors = _standard_errors(to_train, to_hold_out, limit, seed=context.seed)
            notes = (*notes, self._note(len(asked), len(synthetic)), f"standard errors of the subsample: {errors}")
        return Result(scores, undefined, notes=notes)

    def _note(self, n_asked: int, n_synthetic: int) -> str:
        option = "max_rows" if n_asked == self.config.max_rows else "max_pairs"
        return (
            f"distances of {n_asked:,} of {n_synthetic:,} synthetic rows, drawn at random (option {option}); standard "
            f"error of share-closer-to-train at most {0.5 / np.sqrt(n_asked):.4f}"
        )


def _standard_errors(to_train: Floats, to_hold_out: Floats, limit: float, *, seed: int) -> str:
    n = len(to_train)
    values: dict[str, Floats] = {"nndr-gap": _ratios(to_hold_out) - _ratios(to_train)}
    for name, most in (("exact-copies", COPY), ("near-copies", limit)):
        values[name] = (to_train[:, 0] <= most).astype(np.float64) - (to_hold_out[:, 0] <= most)
    rng = np.random.default_rng([seed, 7])
    drawn = [rng.integers(n, size=n) for _ in range(RESAMPLES)]
    medians = np.array([[np.median(one[rows, 0]) for one in (to_train, to_hold_out)] for rows in drawn])
    errors = ", ".join(f"{name} {one.std() / np.sqrt(n):.2g}" for name, one in values.items())
    if (medians[:, 1] > COPY).all():
        errors += f", closest-distance-ratio {(medians[:, 0] / medians[:, 1]).std():.2g}"
    return errors


def _ratios(distances: Floats) -> Floats:
    first, second = distances.T
    ratios: Floats = np.divide(first, second, out=np.ones(len(first)), where=second > 0)
    return ratios
