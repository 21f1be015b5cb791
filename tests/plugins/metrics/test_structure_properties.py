"""What must hold for every metric of differences between conditions and of correlations: range, reasons, identity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgenbench import Evaluation, Metric, MetricContext, Table
from tabgenbench.interfaces.checks import score_draw
from tabgenbench.interfaces.contract_table import KitSplit, make_kit_split, make_mixed_split
from tabgenbench_plugins.metrics.condition_coexpression import ConditionCoexpression
from tabgenbench_plugins.metrics.differential_expression import DifferentialExpression
from tabgenbench_plugins.metrics.marker_genes import MarkerGenes

METRICS: list[Metric] = [
    DifferentialExpression(DifferentialExpression.Config(min_rows=2)),
    DifferentialExpression(DifferentialExpression.Config(min_rows=2, test="mann-whitney")),
    MarkerGenes(MarkerGenes.Config(min_rows=2)),
    MarkerGenes(MarkerGenes.Config(min_rows=2, effect="rank-biserial")),
    ConditionCoexpression(ConditionCoexpression.Config(min_rows=3)),
]
metrics = pytest.mark.parametrize(
    "metric", METRICS, ids=["welch", "mann-whitney", "point-biserial", "rank-biserial", "pairs"]
)
tables = pytest.mark.parametrize("split", [make_kit_split(), make_mixed_split()], ids=["numeric", "mixed"])


def scores(metric: Metric, evaluation: Evaluation) -> dict[str, float]:
    """Return the scores, whose ranges are checked; every other score has a reason."""
    result = score_draw(metric, evaluation, MetricContext(seed=0))
    assert {*result.scores, *result.undefined} == {spec.name for spec in metric.scores}
    assert all(result.undefined.values())
    return dict(result.scores)


def evaluation_of(split: KitSplit, synthetic: Table) -> Evaluation:
    return Evaluation(split.train, split.test, synthetic, split.transform)


@tables
@metrics
def test_no_rows_score_better_than_the_test_rows(metric: Metric, split: KitSplit) -> None:
    best = scores(metric, evaluation_of(split, split.test))
    rng = np.random.default_rng(0)
    for noise in (0.1, 1.0):
        values = split.test.dense() + noise * rng.normal(size=split.test.X.shape)
        made = split.test.like(values, split.test.conditions, split.test.categories)
        found = scores(metric, evaluation_of(split, made))
        for spec in metric.scores:
            badness = {"higher": lambda x: -x, "lower": lambda x: x, "one": lambda x: abs(x - 1.0)}[spec.direction]
            if spec.name in best:
                assert badness(best[spec.name]) <= badness(found[spec.name]) + 1e-9, spec.name


VALUES = st.sampled_from([0.0, 1.0, 2.5, -3.0, 1e6])
ROWS = st.lists(st.tuples(st.sampled_from("abc"), *[VALUES] * 5), min_size=1, max_size=14)


@metrics
@given(real=ROWS, synthetic=ROWS)
@settings(max_examples=25, deadline=None)
def test_degenerate_tables_give_values_in_range_or_reasons(
    make_evaluation: Any, metric: Metric, real: Any, synthetic: Any
) -> None:
    labels, synthetic_labels = ([row[0] for row in rows] for rows in (real, synthetic))
    values, made = ([row[1:] for row in rows] for rows in (real, synthetic))
    found = scores(metric, make_evaluation(values, made, labels, synthetic_labels))
    assert np.isfinite(list(found.values())).all()


@metrics
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_give_a_reason(metric: Metric, value: float) -> None:
    split = make_kit_split()
    values = split.test.dense().copy()
    values[0, 0] = value
    made = split.test.like(values, split.test.conditions)
    assert scores(metric, evaluation_of(split, made)) == {}
