from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from tabgenbench import Evaluation, MetricContext, Result, Unsupported
from tabgenbench.interfaces.contract_table import KitSplit, make_kit_split, make_mixed_split
from tabgenbench_plugins.metrics.columns import Columns
from tabgenbench_plugins.metrics.sdmetrics_quality import SDMetricsQuality, quality_frame, quality_metadata

sdmetrics = pytest.importorskip("sdmetrics")


def evaluation_of(split: KitSplit) -> Evaluation:
    rows = np.random.default_rng(0).integers(0, split.train.n_rows, split.test.n_rows)
    drawn = split.train.take(rows)
    categories = drawn.categories if split.test.schema.categorical_features else None
    return Evaluation(
        split.train, split.test, split.test.like(drawn.dense(), split.test.conditions, categories), split.transform
    )


def compute(evaluation: Evaluation, **options: Any) -> Result:
    metric = SDMetricsQuality(SDMetricsQuality.Config(**options))
    return metric.compute(evaluation, MetricContext(seed=0))


@pytest.mark.parametrize("make", [make_kit_split, make_mixed_split], ids=["numeric", "mixed"])
def test_scores_are_those_of_sdv(make: Any) -> None:
    pytest.importorskip("sdv")
    from sdv.evaluation import evaluate_quality
    from sdv.metadata import Metadata

    evaluation = evaluation_of(make())
    frames = [quality_frame(evaluation.own(side)) for side in ("test", "synthetic")]
    metadata = Metadata.load_from_dict({"tables": {"table": quality_metadata(evaluation.test)}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = evaluate_quality(*frames, metadata, verbose=False)
    found = compute(evaluation)
    assert found.scores["sdmetrics-quality"] == report.get_score()
    properties = report.get_properties().set_index("Property")["Score"]
    assert found.scores["sdmetrics-shapes"] == properties["Column Shapes"]
    assert found.scores["sdmetrics-pair-trends"] == properties["Column Pair Trends"]
    assert found.notes == (f"sdmetrics {sdmetrics.__version__}",)


def test_column_shapes_are_the_complements_of_our_distances() -> None:
    """Without gaps and conditions, which only one of the two counts."""
    from sdmetrics.single_column import KSComplement, TVComplement

    evaluation = evaluation_of(make_mixed_split())
    frames = [quality_frame(evaluation.own(side)) for side in ("test", "synthetic")]
    columns = Columns().compute(evaluation, MetricContext(seed=0)).artifacts["columns"].set_index("column")
    for name, metric in [("size", KSComplement), ("visits", KSComplement), ("weight", KSComplement)]:
        expected = 1.0 - metric.compute(*(frame[name] for frame in frames))
        assert columns.loc[name, "distance"] == pytest.approx(expected, abs=1e-6)
    for name in ("colour", "smoker"):
        expected = 1.0 - TVComplement.compute(*(frame[name] for frame in frames))
        assert columns.loc[name, "distance"] == pytest.approx(expected, abs=1e-6)


def test_gaps_have_no_value_in_the_frame() -> None:
    table = make_mixed_split("own").test
    frame = quality_frame(table)
    assert frame["weight"].isna().to_numpy().tolist() == table.is_gap("weight").tolist()
    assert frame["stage"].isna().to_numpy().tolist() == table.is_gap("stage").tolist()
    assert (
        list(frame)
        == ["ward", "colour", "smoker", "stage", *table.features]
        == list(quality_metadata(table)["columns"])
    )


def test_a_wide_table_is_declined() -> None:
    with pytest.raises(Unsupported, match="got 14 columns, expected at most 13"):
        compute(evaluation_of(make_kit_split()), max_columns=13)


def test_no_rows_have_a_reason() -> None:
    split = make_kit_split()
    empty = Evaluation(split.train, split.test, split.test.take([]), split.transform)
    assert set(compute(empty).undefined.values()) == {"there are no rows on one side"}
