"""Membership inference: whether an attacker who knows the synthetic rows can tell training rows from unseen rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.attack_scores import area, largest_by_unit, true_positives
from tabgenbench_plugins.metrics.parts.attacked import attacked_rows, chosen_rows
from tabgenbench_plugins.metrics.parts.encoded import encoded
from tabgenbench_plugins.metrics.parts.neighbours import nearest
from tabgenbench_plugins.metrics.parts.pair_limit import PairLimit, attacked_within
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["Membership"]

Encoded = NDArray[np.float32]
SMALLEST = 1e-9  # in place of a distance of 0, whose logarithm is infinite
ONE_ATTACK = "What other attacks find: a value of chance does not show that rows are private"


def _pair(attack: str, found_by: str, citation: str, *, headline: bool = False) -> tuple[ScoreSpec, ScoreSpec]:
    auc = ScoreSpec(
        name=f"{attack}-auc",
        question="privacy",
        direction="lower",
        low=0.0,
        high=1.0,
        description=f"ROC AUC of telling training rows from never-seen rows by {found_by}; 0.5: chance",
        blind_to=f"A few revealed rows among many: see {attack}-tpr. {ONE_ATTACK}",
        floor="real-resample",
        ceiling="unseen-third",
        detects=("copier",),
        citation=citation,
        headline=headline,
    )
    found = {
        "name": f"{attack}-tpr",
        "description": f"share of training rows found by {found_by} at 1 % false positives; 0.01: chance",
        "blind_to": f"{ONE_ATTACK}. With few rows it varies much between splits",
        "headline": False,
    }
    return auc, auc.model_copy(update=found)


class Membership(Metric):
    """Success of three attacks that tell training rows (members) from equally many rows not used for training.

    Each attack gives every attacked row a score, which is higher if the row looks more like a member:

    - ``nearest``: minus the distance to the nearest synthetic row
    - ``domias``: the density of synthetic rows divided by the density of reference rows. Each density is estimated
      from the distance to the k-th nearest row.
    - ``discriminator``: the log odds that the row is synthetic, predicted by boosted trees that are trained to separate
      synthetic rows from reference rows

    Reference rows are real rows that are neither training rows nor attacked rows. If the table has donors, donors are
    attacked instead of rows. The score of a donor is the largest score of its rows.
    """

    name: ClassVar[str] = "membership"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        *_pair(
            "nearest",
            "the distance to the closest synthetic row",
            "Chen et al., GAN-Leaks: a taxonomy of membership inference attacks, CCS 2020",
            headline=True,
        ),
        *_pair(
            "domias",
            "the density of synthetic rows divided by that of reference rows",
            "van Breugel et al., Membership inference attacks against synthetic data through overfitting detection, "
            "AISTATS 2023",
        ),
        *_pair(
            "discriminator",
            "a classifier that tells synthetic rows from reference rows",
            "Hayes et al., LOGAN: membership inference attacks against generative models, PETS 2019",
        ),
    )

    class Config(PairLimit):
        """Options of `Membership`."""

        max_rows: int = Field(
            10_000, ge=100, description="largest number of attacked rows of each side; more are drawn at random"
        )
        neighbours: int = Field(1, ge=1, description="domias: the k of the k-th nearest row that estimates a density")
        max_training_rows: int = Field(
            5_000, ge=10, description="discriminator: largest number of synthetic and of reference rows to learn from"
        )
        max_features: int = Field(
            1_000, ge=1, description="discriminator: largest number of columns; more are drawn at random"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table."""
        try:
            everyone, n_synthetic = attacked_rows(evaluation, seed=context.seed), evaluation.synthetic.n_rows
            attacked = attacked_within(everyone, self.config.max_rows, 2 * n_synthetic, self.config.max_pairs)
            rows = np.concatenate(
                [
                    encoded(evaluation, "train")[attacked.members.rows],
                    encoded(evaluation, "test")[attacked.others.rows],
                ]
            )
            synthetic = encoded(evaluation, "synthetic")
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        k = min(self.config.neighbours, len(synthetic))
        to_synthetic = nearest(rows, synthetic, k).distances
        attacks: dict[str, Callable[[], Floats]] = {
            "nearest": lambda: -to_synthetic[:, 0],
            "domias": partial(self._density_ratios, rows, to_synthetic, evaluation, context),
            "discriminator": partial(self._likeness, rows, synthetic, evaluation, context),
        }
        scores: dict[str, float] = {}
        undefined: dict[str, str] = {}
        for name, attack in attacks.items():
            try:
                members, others = np.split(attack(), [len(attacked.members.rows)])
            except Undefined as reason:
                undefined |= {f"{name}-auc": str(reason), f"{name}-tpr": str(reason)}
                continue
            best = largest_by_unit(members, attacked.members.units), largest_by_unit(others, attacked.others.units)
            found, missing = collect(
                {f"{name}-auc": partial(area, *best), f"{name}-tpr": partial(true_positives, *best)}
            )
            scores |= found
            undefined |= missing
        return Result(scores, undefined, notes=attacked.notes)

    def _density_ratios(
        self, rows: Encoded, to_synthetic: Floats, evaluation: Evaluation, context: MetricContext
    ) -> Floats:
        """Return log(d_reference / d_synthetic) of each row, where d is the distance to the k-th nearest row of a kind.

        The result, multiplied by the number of columns, estimates log(p_synthetic / p_reference) up to a constant.
        """
        k = self.config.neighbours
        reference = encoded(evaluation, "reference")
        if min(len(reference), to_synthetic.shape[1]) < k:
            raise Undefined(f"there are fewer than {k} reference rows or synthetic rows")
        key = ("distance to reference", context.seed, len(rows), k)
        to_reference: Floats = evaluation.shared.once(
            key, lambda: nearest(rows, reference, k).distances[:, -1], scope="split"
        )
        ratios: Floats = np.log(np.maximum(to_reference, SMALLEST)) - np.log(np.maximum(to_synthetic[:, -1], SMALLEST))
        return ratios

    def _likeness(self, rows: Encoded, synthetic: Encoded, evaluation: Evaluation, context: MetricContext) -> Floats:
        from sklearn.ensemble import HistGradientBoostingClassifier

        reference = encoded(evaluation, "reference")
        most = self.config.max_training_rows
        sides = [real[chosen_rows(real, most, seed=(context.seed, 4))] for real in (synthetic, reference)]
        learned = np.concatenate(sides)
        columns = np.arange(learned.shape[1])
        if len(columns) > self.config.max_features:
            columns = np.sort(context.numpy.choice(columns, self.config.max_features, replace=False))
        model = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=context.seed % 2**32)
        model.fit(learned[:, columns], np.repeat([1, 0], [len(side) for side in sides]))
        odds: Floats = model.decision_function(rows[:, columns])
        return odds
