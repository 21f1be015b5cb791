"""The smoothed bootstrap: a training row of the condition plus Gaussian noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import (
    Card,
    FitContext,
    Generator,
    Options,
    SampleContext,
    Schema,
    Table,
    Unsupported,
    condition_labels,
    nearest_known,
)

__all__ = ["SmoothedBootstrap"]


class SmoothedBootstrap(Generator):
    """A training row of the condition, drawn with replacement, plus independent Gaussian noise on every feature.

    A sampled value is ``m + (x - m + h s e) / sqrt(1 + h^2)``, where m and s are mean and standard deviation of the
    feature within the condition, x is the value of a training row, and e is standard normal. The shrinkage preserves
    the variance of the training rows; without it, the noise would increase the variance by a factor of 1 + h^2.
    Correlations within a condition shrink by ``1 / (1 + h^2)``, because the noise is independent. With h = 0, this is
    the plain bootstrap.

    Sampled rows are close to training rows. Only privacy scores, such as the distance to the nearest record, show it.

    A condition with a single training row uses the standard deviation pooled within conditions. A condition without
    training rows is sampled as the nearest known condition. Both rules are recorded.
    """

    name = "smoothed-bootstrap"
    card = Card(
        summary="Training rows of the condition with Gaussian jitter, shrunk to keep the variance.",
        citation="Silverman and Young, The bootstrap: to smooth or not to smooth?, Biometrika 74(3), 1987",
        licence="Apache-2.0",
        url="https://doi.org/10.1093/biomet/74.3.469",
    )

    class Config(Options):
        """Options of `SmoothedBootstrap`."""

        bandwidth: float = Field(
            0.25, ge=0, description="size h of the jitter, in standard deviations of the feature inside the condition"
        )
        keep_variance: bool = Field(
            True, description="shrink towards the condition's mean so that no variance is added"
        )

    config: Config

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Reject a table with fewer than two training rows."""
        if n_rows < 2:
            raise Unsupported(f"smoothed-bootstrap: needs 2 training rows to know a spread, the table has {n_rows}")

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Store the training rows, and compute mean and standard deviation of each condition."""
        self._train = train
        values = train.dense()
        labels = condition_labels(train.conditions).to_numpy(dtype=str)
        self._rows = {str(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
        self._mean = {label: values[rows].mean(axis=0) for label, rows in self._rows.items()}
        squares = {label: ((values[rows] - self._mean[label]) ** 2).sum(axis=0) for label, rows in self._rows.items()}
        freedom = max(1, len(values) - len(self._rows))
        pooled = np.sqrt(np.sum(list(squares.values()), axis=0) / freedom)
        self._sd = {
            label: np.sqrt(squares[label] / (len(rows) - 1)) if len(rows) > 1 else pooled
            for label, rows in self._rows.items()
        }

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return a training row with noise for the condition of each row."""
        values = np.empty((len(conditions), self._train.n_features), dtype=np.float32)
        labels = self._known_labels(conditions, context)
        for label in np.unique(labels):
            places = np.flatnonzero(labels == label)
            values[places] = self._draw(str(label), len(places), context)
        return self._train.like(values, conditions)

    def _draw(self, label: str, n: int, context: SampleContext) -> NDArray[np.float32]:
        """Return ``n`` rows of a known condition, shape (n, n_features)."""
        rows, h = self._rows[label], self.config.bandwidth
        if len(rows) == 1 and h > 0:
            context.fallback(label, rows=n, rule="pooled standard deviation, as the condition has 1 training row")
        chosen = self._train.take(context.numpy.choice(rows, size=n)).dense()
        jitter = context.numpy.standard_normal(chosen.shape, dtype=np.float32)
        moved = chosen - self._mean[label] + h * self._sd[label] * jitter
        shrink = np.sqrt(1 + h**2) if self.config.keep_variance else 1.0
        drawn: NDArray[np.float32] = (self._mean[label] + moved / shrink).astype(np.float32)
        return drawn

    def _known_labels(self, conditions: pd.DataFrame, context: SampleContext) -> NDArray[np.str_]:
        """Return the known condition that is used for each requested row, shape (n_asked,)."""
        asked = condition_labels(conditions)
        used = asked
        if conditions.shape[1] > 0:
            nearest, replaced = nearest_known(conditions, self._train.conditions)
            for label, stand_in in replaced.items():
                context.fallback(label, rows=int((asked == label).sum()), rule=f"nearest known condition: {stand_in}")
            used = condition_labels(nearest)
        return np.asarray(used, dtype=np.str_)
