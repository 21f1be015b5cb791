"""Membership inference by Mahalanobis distance: whether mean and covariance of synthetic rows reveal training rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec, condition_labels
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.attack_scores import area, largest_by_unit, true_positives
from tabgenbench_plugins.metrics.parts.attacked import Attacked, Rows, attacked_rows, chosen_rows
from tabgenbench_plugins.metrics.parts.encoded import encoded
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["MahalanobisMembership", "ridge_distances"]

FEWEST_SYNTHETIC = 3  # number of synthetic rows of a condition for a covariance
BLIND = (
    "Leaks other than through mean and covariance of a condition: copies of few rows, and of many rows of few columns. "
    "It grows with the number of synthetic rows: compare only values with equal numbers"
)


class MahalanobisMembership(Metric):
    """Whether the Mahalanobis distance to the synthetic rows is smaller for training rows than for unseen real rows.

    In each condition, mean and covariance are estimated from the synthetic rows. Then 0.1 times the mean variance is
    added to the diagonal of the covariance, which makes it invertible (option ``ridge``). A real row with a smaller
    Mahalanobis distance is considered more likely to be a training row. If a model fits a covariance to few training
    rows, its samples vary only in the directions of these rows, so other rows have larger distances.

    At most 1,000 synthetic rows of each condition are used (option ``most``). For the score ``mahalanobis-auc-equal``,
    at most as many synthetic rows as attacked training rows are used in each condition.
    """

    name: ClassVar[str] = "mahalanobis-membership"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="mahalanobis-auc",
            question="privacy",
            direction="lower",
            low=0.0,
            high=1.0,
            description=(
                "ROC AUC of telling training rows from never-seen rows by Mahalanobis distance to up to 1,000 "
                "synthetic rows of their condition, mean over conditions weighted by rows; 0.5: chance"
            ),
            blind_to=BLIND,
            floor="real-resample",
            ceiling="unseen-third",
            detects=("copier",),
            headline=True,
        ),
        ScoreSpec(
            name="mahalanobis-tpr",
            question="privacy",
            direction="lower",
            low=0.0,
            high=1.0,
            description=(
                "share of training rows found by the same distance, minus the median of their condition, at 1 % false "
                "positives; 0.01: chance"
            ),
            blind_to=BLIND,
            floor="real-resample",
            ceiling="unseen-third",
            detects=("copier",),
        ),
        ScoreSpec(
            name="mahalanobis-auc-equal",
            question="privacy",
            direction="lower",
            low=0.0,
            high=1.0,
            description="the same AUC from as many synthetic rows of each condition as training rows are attacked",
            blind_to=BLIND,
            floor="real-resample",
            ceiling="unseen-third",
            detects=("copier",),
        ),
    )

    class Config(Options):
        """Options of `MahalanobisMembership`."""

        ridge: float = Field(0.1, gt=0, description="ridge as a share of the mean variance of the synthetic rows")
        most: int = Field(1000, ge=FEWEST_SYNTHETIC, description="largest number of synthetic rows of a condition")
        max_rows: int = Field(
            10_000, ge=100, description="largest number of attacked rows of each side; more are drawn at random"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table."""
        try:
            attacked = attacked_rows(evaluation, seed=context.seed).first(self.config.max_rows)
            rows = (
                encoded(evaluation, "train")[attacked.members.rows],
                encoded(evaluation, "test")[attacked.others.rows],
            )
            synthetic = encoded(evaluation, "synthetic")
            labels = condition_labels(evaluation.synthetic.conditions).to_numpy(dtype=object)
            largest = _Attack(self.config.ridge, attacked, rows)
            equal = _Attack(self.config.ridge, attacked, rows)
            for code, label in enumerate(attacked.labels):
                made = synthetic[labels == label]
                made = made[chosen_rows(made, self.config.most, seed=(context.seed, 5))]
                n_members = int((attacked.members.conditions == code).sum())
                largest.add(code, made)
                equal.add(code, made[chosen_rows(made, n_members, seed=(context.seed, 6))])
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        parts = {
            "mahalanobis-auc": largest.auc,
            "mahalanobis-tpr": largest.true_positives,
            "mahalanobis-auc-equal": equal.auc,
        }
        return Result(*collect(parts), notes=(*attacked.notes, *largest.notes()))


class _Attack:
    def __init__(self, ridge: float, attacked: Attacked, rows: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
        self.ridge, self.attacked, self.rows = ridge, attacked, rows
        self.areas: list[tuple[float, int]] = []
        self.scores: tuple[list[Floats], list[Floats]] = [], []
        self.units: tuple[list[Rows], list[Rows]] = [], []
        self.sizes: list[int] = []

    def add(self, code: int, synthetic: NDArray[np.float32]) -> None:
        groups = self.attacked.members, self.attacked.others
        places = [np.flatnonzero(group.conditions == code) for group in groups]
        if min(map(len, places)) == 0 or len(synthetic) < FEWEST_SYNTHETIC:
            return
        asked = np.concatenate([rows[place] for rows, place in zip(self.rows, places, strict=True)])
        found = -ridge_distances(asked, synthetic, ridge=self.ridge)
        split = np.split(found, [len(places[0])])
        units = [group.units[place] for group, place in zip(groups, places, strict=True)]
        best = [largest_by_unit(one, unit) for one, unit in zip(split, units, strict=True)]
        self.areas.append((area(best[0], best[1]), min(map(len, best))))
        self.sizes.append(len(synthetic))
        middle = float(np.median(found))
        for side in (0, 1):
            self.scores[side].append(split[side] - middle)
            self.units[side].append(units[side])

    def auc(self) -> float:
        self._check()
        areas, weights = zip(*self.areas, strict=True)
        return float(np.average(areas, weights=weights))

    def true_positives(self) -> float:
        self._check()
        members, others = (
            largest_by_unit(np.concatenate(self.scores[side]), np.concatenate(self.units[side])) for side in (0, 1)
        )
        return true_positives(members, others)

    def _check(self) -> None:
        if not self.areas:
            raise Undefined(f"no condition has attacked rows and {FEWEST_SYNTHETIC} synthetic rows")

    def notes(self) -> tuple[str, ...]:
        if not self.sizes:
            return ()
        low, high = min(self.sizes), max(self.sizes)
        return (f"{len(self.sizes)} conditions attacked, from {low:,} to {high:,} synthetic rows of each",)


def ridge_distances(rows: NDArray[np.floating], sample: NDArray[np.floating], *, ridge: float) -> Floats:
    """Return squared Mahalanobis distances of rows to the mean of a sample, shape (n_rows,).

    The covariance has a ridge: it is S + m I, where S = X'X / (n - 1) for the n centred rows X of the sample, and m is
    ``ridge`` times the mean variance. If the sample has fewer rows than columns, Woodbury's identity is used, so that
    no matrix is larger than n x n. If all rows of the sample are equal, the results are squared Euclidean distances.

    Args:
        rows: shape (n_rows, p).
        sample: shape (n, p), at least two rows.
        ridge: number by which the mean variance is multiplied to obtain m.
    """
    from scipy.linalg import cho_factor, cho_solve

    centre = sample.mean(axis=0, dtype=np.float64)
    x, y = sample - centre, rows - centre
    n, p = x.shape
    added = ridge * float(np.einsum("ij,ij->", x, x)) / ((n - 1) * p)
    lengths: Floats = np.einsum("ij,ij->i", y, y)
    if added <= np.finfo(np.float32).eps ** 2:
        return lengths
    if p <= n:
        covariance = x.T @ x / (n - 1)
        covariance[np.diag_indices(p)] += added
        solved: Floats = np.einsum("ij,ji->i", y, cho_solve(cho_factor(covariance), y.T))
        return solved
    gram = x @ x.T
    gram[np.diag_indices(n)] += (n - 1) * added
    products = x @ y.T
    shared: Floats = np.einsum("ij,ij->j", products, cho_solve(cho_factor(gram), products))
    distances: Floats = np.maximum(lengths - shared, 0.0) / added
    return distances
