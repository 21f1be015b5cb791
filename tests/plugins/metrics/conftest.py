"""Small evaluations made of plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike, NDArray

from tabgenbench import Evaluation, Metric, MetricContext, Result, Schema, Table, Transform

Score: TypeAlias = Callable[..., Result]


def as_table(values: ArrayLike, labels: Sequence[str] | None) -> Table:
    x = np.asarray(values, dtype=np.float32)
    index = [f"row{i}" for i in range(len(x))]
    obs = pd.DataFrame({} if labels is None else {"tissue": list(labels)}, index=index)
    schema = Schema(conditions=() if labels is None else ("tissue",))
    return Table(x, obs, tuple(f"g{j}" for j in range(x.shape[1])), schema, scale="standardized")


def evaluate(
    real: ArrayLike,
    synthetic: ArrayLike,
    labels: Sequence[str] | None = None,
    synthetic_labels: Sequence[str] | None = None,
) -> Evaluation:
    test = as_table(real, labels)
    drawn = as_table(synthetic, labels if synthetic_labels is None else synthetic_labels)
    p = test.n_features
    return Evaluation(test, test, drawn, Transform(np.zeros(p), np.ones(p), "linear", False))


@pytest.fixture(scope="session")
def make_evaluation() -> Callable[..., Evaluation]:
    """Return `evaluate(real, synthetic, labels, synthetic_labels)`; labels are the only condition column."""
    return evaluate


@pytest.fixture(scope="session")
def score() -> Score:
    """Return a function that scores plain arrays with a metric."""

    def run(metric: Metric, *arrays: Any, **labels: Any) -> Result:
        return metric.compute(evaluate(*arrays, **labels), MetricContext(seed=0))

    return run


def modules_table(n_rows: int, n_features: int, phase: float) -> NDArray[np.float32]:
    """Features that share three waves over the rows, computed by a formula and therefore without random numbers."""
    i, j = np.arange(n_rows)[:, None], np.arange(n_features)[None, :]
    waves = np.sin(0.7 * i + 2.1 * (j % 3) + phase) + 0.8 * np.cos(1.9 * i * (1 + j % 5) + phase) + 0.3 * np.sin(i * j)
    return np.asarray(waves, dtype=np.float32)


@pytest.fixture(scope="session")
def golden_tables() -> tuple[NDArray[np.float32], NDArray[np.float32], list[str]]:
    """Return real rows, synthetic rows and labels of the golden scores: 24 rows, 7 features, two conditions."""
    labels = ["lung", "liver"] * 12
    shift = np.where(np.arange(24)[:, None] % 2, 1.5, 0.0) * np.arange(1, 8)[None, :] % 2.5
    noise = np.sin(0.37 * np.arange(1, 25)[:, None] * np.arange(1, 8)[None, :] ** 2)
    real, synthetic = modules_table(24, 7, 0.0) + shift, 0.7 * modules_table(24, 7, 0.4) + shift + noise
    return real.astype(np.float32), synthetic.astype(np.float32), labels
