"""What must hold for every metric of distances and distributions: range, row order, identity, every kind of table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgenbench import Evaluation, Metric, MetricContext, Table
from tabgenbench.interfaces.checks import score_draw
from tabgenbench.interfaces.contract_table import KitSplit, make_kit_split, make_mixed_split
from tabgenbench_plugins.metrics.c2st import ClassifierTest
from tabgenbench_plugins.metrics.distances import Distances
from tabgenbench_plugins.metrics.frechet import Frechet
from tabgenbench_plugins.metrics.mean_variance import MeanVariance
from tabgenbench_plugins.metrics.prdc import PRDC
from tabgenbench_plugins.metrics.validity import Validity

METRICS: list[type[Metric]] = [Validity, MeanVariance, Distances, Frechet, PRDC, ClassifierTest]
MAKERS = {
    "numeric": make_kit_split,
    "mixed": make_mixed_split,
    "categories": lambda: make_mixed_split(numeric=False),
}
tables = pytest.mark.parametrize("split", [make() for make in MAKERS.values()], ids=list(MAKERS))
metrics = pytest.mark.parametrize("kind", METRICS, ids=lambda kind: kind.name)


def scores(kind: type[Metric], split: KitSplit, synthetic: Table) -> dict[str, float]:
    """Return the scores, whose ranges are checked."""
    evaluation = Evaluation(split.train, split.test, synthetic, split.transform)
    result = score_draw(kind(), evaluation, MetricContext(seed=0))
    assert {*result.scores, *result.undefined} == {spec.name for spec in kind.scores}
    assert all(result.undefined.values())
    return dict(result.scores)


def applies(kind: type[Metric], split: KitSplit) -> bool:
    return kind is not MeanVariance or split.test.n_features > 0


def drawn(split: KitSplit, seed: int, noise: float) -> Table:
    """Return training rows with noise on their numbers and a tenth of their categories permuted."""
    rng = np.random.default_rng(seed)
    rows = split.train.take(rng.integers(0, split.train.n_rows, split.test.n_rows))
    categories = rows.categories.astype(object).to_numpy()
    mixed = np.where(rng.random(categories.shape) < noise, rng.permuted(categories, axis=0), categories)
    frame = rows.categories.astype(object)
    frame[:] = mixed
    values = rows.dense() + noise * rng.normal(size=rows.X.shape)
    return split.test.like(values, split.test.conditions, frame if frame.shape[1] else None)


@tables
@metrics
def test_the_order_of_rows_does_not_matter(kind: type[Metric], split: KitSplit) -> None:
    if not applies(kind, split):
        return
    synthetic = drawn(split, 1, 0.3)
    order = np.random.default_rng(2).permutation(synthetic.n_rows)
    back = np.random.default_rng(3).permutation(split.test.n_rows)
    turned = KitSplit(split.train, split.validation, split.test.take(back), split.transform)
    expected = scores(kind, split, synthetic)
    assert scores(kind, turned, synthetic.take(order)) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@tables
@metrics
def test_the_test_rows_themselves_score_best(kind: type[Metric], split: KitSplit) -> None:
    if not applies(kind, split):
        return
    best = scores(kind, split, split.test)
    for seed, noise in enumerate((0.0, 0.3, 1.0)):
        found = scores(kind, split, drawn(split, seed, noise))
        for spec in kind.scores:
            if spec.name == "density" and not split.test.n_features:
                continue  # with many repeated rows it is above 1 for real rows, too
            if spec.name in best and spec.name in found:
                badness = {"higher": lambda x: -x, "lower": lambda x: x, "one": lambda x: abs(x - 1.0)}[spec.direction]
                slack = 0.2 if spec.name == "density" else 1e-9
                assert badness(best[spec.name]) <= badness(found[spec.name]) + slack, spec.name


@metrics
@given(
    real=st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 2.5, -3.0, 1e6])] * 3), min_size=1, max_size=14),
    synthetic=st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, 2.5, 7.0, -1e6])] * 3), min_size=1, max_size=14),
)
@settings(max_examples=15, deadline=None)
def test_degenerate_tables_give_values_in_range_or_reasons(
    make_evaluation: Any, kind: type[Metric], real: Any, synthetic: Any
) -> None:
    made: Evaluation = make_evaluation(real, synthetic)
    found = scores(kind, KitSplit(made.train, made.test, made.test, made.transform), made.synthetic)
    assert np.isfinite(list(found.values())).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("kind", [MeanVariance, Distances, Frechet, PRDC, ClassifierTest], ids=lambda kind: kind.name)
def test_values_that_are_no_numbers_give_a_reason(kind: type[Metric], value: float) -> None:
    split = make_kit_split()
    values = split.test.dense().copy()
    values[0, 0] = value
    assert scores(kind, split, split.test.like(values, split.test.conditions)) == {}


@pytest.mark.parametrize("kind", [Distances, Frechet, PRDC], ids=lambda kind: kind.name)
def test_a_lost_category_is_seen(kind: type[Metric]) -> None:
    split = make_mixed_split(numeric=False)
    categories = split.test.categories.astype(object)
    categories["colour"] = "blue"
    collapsed = split.test.like(split.test.dense(), split.test.conditions, categories)
    best, found = scores(kind, split, split.test), scores(kind, split, collapsed)
    name = kind.scores[0].name
    assert found[name] < best[name] if kind.scores[0].direction == "higher" else found[name] > best[name]
