"""Attribute inference: whether synthetic rows reveal more about categories of training rows than of unseen rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec, Unsupported
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.attacked import attacked_rows, row_order
from tabgenbench_plugins.metrics.parts.categories import generated_columns
from tabgenbench_plugins.metrics.parts.encoded import encode, encoded, known_categories
from tabgenbench_plugins.metrics.parts.neighbours import nearest
from tabgenbench_plugins.metrics.parts.pair_limit import PairLimit, attacked_within
from tabgenbench_plugins.metrics.parts.results import undefined_result

__all__ = ["AttributeInference"]


class AttributeInference(Metric):
    """Whether an attacker guesses an unknown category better for training rows than for unseen rows.

    The attacker knows all columns of a row except one categorical column, and guesses its category from the closest
    synthetic row. The score is the accuracy on training rows minus the accuracy on equally many unseen rows, on which
    the model was not trained. The accuracy on unseen rows measures what the synthetic rows reveal about the population;
    the difference measures what they reveal about individual training rows.
    """

    name: ClassVar[str] = "attribute-inference"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="attribute-inference-gain",
            question="privacy",
            direction="lower",
            low=-1.0,
            high=1.0,
            description=(
                "accuracy of guessing a categorical column from the closest synthetic row by all other columns, "
                "training rows minus never-seen rows, mean over columns; 0: no leak"
            ),
            blind_to=(
                "Numeric secrets, attackers who know fewer columns, and what the synthetic rows reveal about everyone: "
                "a strong association is no leak of training rows here"
            ),
            floor="real-resample",
            ceiling="unseen-third",
            detects=("copier",),
            citation="Stadler et al., Synthetic data: anonymisation groundhog day, USENIX Security 2022",
        ),
    )

    class Config(PairLimit):
        """Options of `AttributeInference`."""

        max_rows: int = Field(
            2_000, ge=100, description="largest number of attacked rows of each side; more are drawn at random"
        )
        max_columns: int = Field(
            10, ge=1, description="largest number of guessed columns; of more, those are drawn at random"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        The artifact ``columns`` contains the accuracy on training rows and on unseen rows for each guessed column.

        Raises:
            Unsupported: no categorical feature varies in the training rows, or the table has only one column.
        """
        names = self._guessed(evaluation)
        try:
            everyone = attacked_rows(evaluation, seed=context.seed)
            # The first of equally close rows is used. Rows are sorted by content, so their given order has no effect.
            made = evaluation.synthetic.take(row_order(encoded(evaluation, "synthetic", conditions=True)))
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        per_row = 2 * made.n_rows * min(len(names), self.config.max_columns)
        attacked = attacked_within(everyone, self.config.max_rows, per_row, self.config.max_pairs)
        notes = attacked.notes
        if len(names) > self.config.max_columns:
            n = self.config.max_columns
            notes = (*notes, f"guesses {n} of {len(names)} categorical columns, drawn at random (option max_columns)")
            names = [names[i] for i in np.sort(context.numpy.choice(len(names), n, replace=False))]
        asked = evaluation.train.take(attacked.members.rows), evaluation.test.take(attacked.others.rows)
        found = []
        for name in names:
            known = {key: value for key, value in known_categories(evaluation, conditions=True).items() if key != name}
            synthetic, answers = encode(made, known), made.obs[name].astype(str).to_numpy()
            accuracies = []
            for table in asked:
                guesses = answers[nearest(encode(table, known), synthetic, 1).indices[:, 0]]
                accuracies.append(float(np.mean(guesses == table.obs[name].astype(str).to_numpy())))
            found.append((name, *accuracies))
        table = pd.DataFrame(found, columns=["column", "train_accuracy", "test_accuracy"])
        gain = float((table["train_accuracy"] - table["test_accuracy"]).mean())
        return Result({"attribute-inference-gain": gain}, artifacts={"columns": table}, notes=notes)

    def _guessed(self, evaluation: Evaluation) -> list[str]:
        table = evaluation.test
        names = [name for name in generated_columns(table) if evaluation.train.obs[name].nunique() > 1]
        if not names or table.n_features + len(table.schema.categorical_features) + len(table.schema.conditions) < 2:
            raise Unsupported(
                "metric 'attribute-inference' guesses a categorical column from other columns, and this table has no "
                "categorical feature that varies, or no other column"
            )
        return names
