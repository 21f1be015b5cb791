from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Evaluation, MetricContext, Result, Schema, Table, Transform, Unsupported
from tabgenbench.data.schema import Gap
from tabgenbench_plugins.metrics.missing import Missing, pattern_codes

# Rows: which of a (numeric) and b (categorical) are missing.
REAL = [(1, 1), (1, 1), (0, 0), (0, 0)]
APART = [(1, 0), (1, 0), (0, 1), (0, 1)]  # the same rates, never together


def table(gaps: list[tuple[int, int]]) -> Table:
    a, b = np.array(gaps).T
    obs = pd.DataFrame({"a is missing": np.where(a, "yes", "no"), "b": np.where(b, "missing", "x")}, dtype="category")
    obs.index = pd.Index([f"row{i}" for i in range(len(a))])
    schema = Schema(
        categorical_features=("a is missing", "b"),
        gaps=(
            Gap(column="a", shown_by="a is missing", value="yes"),
            Gap(column="b", shown_by="b", value="missing"),
        ),
    )
    return Table(np.zeros((len(a), 1), np.float32), obs, ("a",), schema, scale="standardized")


def score(real: Table, synthetic: Table) -> Result:
    transform = Transform(np.zeros(real.n_features), np.ones(real.n_features), "linear", False)
    return Missing().compute(Evaluation(real, real, synthetic, transform), MetricContext(seed=0))


@pytest.mark.parametrize(
    ("synthetic", "rate_error", "pattern_distance"),
    [
        (REAL, 0.0, 0.0),
        (APART, 0.0, 1.0),
        ([(0, 0)] * 3, 0.5, 0.5),
        ([(1, 1), (1, 0), (0, 0), (0, 0)], 0.125, 0.25),
    ],
)
def test_known_values(synthetic: list[tuple[int, int]], rate_error: float, pattern_distance: float) -> None:
    result = score(table(REAL), table(synthetic))
    assert result.scores == {"missing-rate-error": rate_error, "missing-pattern-distance": pattern_distance}
    assert result.artifacts["rates"]["test"].tolist() == [0.5, 0.5]


def test_patterns_of_any_number_of_columns_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    patterns = np.unique(rng.random((20, 100)) < 0.5, axis=0)
    rows = rng.integers(0, len(patterns), 200)
    codes = pattern_codes(patterns[rows])
    assert np.array_equal(codes[:, None] == codes, rows[:, None] == rows)


def test_a_table_without_gaps_is_declined() -> None:
    whole = Table(np.zeros((3, 1), np.float32), pd.DataFrame(index=list("abc")), ("a",), scale="standardized")
    with pytest.raises(Unsupported, match="no generated column of this table has missing values"):
        score(whole, whole)


def test_gaps_of_a_condition_do_not_count() -> None:
    obs = pd.DataFrame({"ward": ["missing", "A", "A"]}, index=list("abc"), dtype="category")
    schema = Schema(conditions=("ward",), gaps=(Gap(column="ward", shown_by="ward", value="missing"),))
    given = Table(np.zeros((3, 1), np.float32), obs, ("a",), schema, scale="standardized")
    with pytest.raises(Unsupported, match="no generated column"):
        score(given, given)
