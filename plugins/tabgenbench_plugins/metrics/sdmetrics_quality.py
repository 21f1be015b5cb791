"""The quality report of the package SDMetrics, which SDV shows as its quality score."""

from __future__ import annotations

import math
import warnings
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec, Table, Unsupported
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.categories import generated_columns
from tabgenbench_plugins.metrics.parts.part_errors import Rows, part_errors
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result
from tabgenbench_plugins.metrics.parts.thinning import thinned

__all__ = ["SDMetricsQuality", "quality_frame", "quality_metadata"]

PROPERTIES = {"sdmetrics-shapes": "Column Shapes", "sdmetrics-pair-trends": "Column Pair Trends"}
TABLE = "table"
BLIND_TO = (
    "Copies of training rows, and dependence between more than two columns. Values near 1 are easy to reach and hide "
    "large differences in single columns and pairs"
)


class SDMetricsQuality(Metric):
    """Quality report of the package ``sdmetrics`` on synthetic rows, with real test rows as the reference.

    - ``sdmetrics-quality``: mean of ``sdmetrics-shapes`` and ``sdmetrics-pair-trends``
    - ``sdmetrics-shapes``: score "Column Shapes" of the report, the mean over columns of 1 - Kolmogorov-Smirnov
      distance (numeric) or 1 - total variation distance (categorical)
    - ``sdmetrics-pair-trends``: score "Column Pair Trends" of the report, the mean similarity of correlations or
      contingency tables over pairs of columns

    The report gets the rows on the dataset's own scale, with the condition columns. Missing values are not replaced.
    The settings of the report are the defaults of the installed version of the package.
    """

    name: ClassVar[str] = "sdmetrics"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="sdmetrics-quality",
            question="fidelity",
            direction="higher",
            low=0.0,
            high=1.0,
            description="overall score of the quality report of SDMetrics, against real test rows",
            blind_to=BLIND_TO,
            floor="condition-mean",
            detects=("correlation-breaker",),
            misses=("copier",),
            citation="package sdmetrics, DataCebo",
        ),
        ScoreSpec(
            name="sdmetrics-shapes",
            question="fidelity",
            direction="higher",
            low=0.0,
            high=1.0,
            description="Column Shapes of the same report",
            blind_to="Dependence between columns and on conditions: independently permuted columns score well",
            floor="condition-mean",
            detects=("mean-shifter",),
            misses=("copier", "correlation-breaker", "label-swapper"),
            citation="package sdmetrics, DataCebo",
        ),
        ScoreSpec(
            name="sdmetrics-pair-trends",
            question="fidelity",
            direction="higher",
            low=0.0,
            high=1.0,
            description="Column Pair Trends of the same report",
            blind_to=(
                f"{BLIND_TO}. Numeric columns in pairs with categories are cut into bins of each table's own range"
            ),
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter"),
            citation="package sdmetrics, DataCebo",
        ),
    )

    class Config(Options):
        """Options of `SDMetricsQuality`."""

        max_rows: int = Field(
            20_000, ge=100, description="test rows and synthetic rows to use at most, drawn at random"
        )
        max_columns: int = Field(
            100, ge=1, description="maximum number of columns, conditions included; time grows with its square"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; a note states the version of the package.

        Raises:
            Unsupported: the table has more columns than option ``max_columns``.
        """
        columns = quality_metadata(evaluation.test)["columns"]
        if len(columns) > self.config.max_columns:
            raise Unsupported(
                f"metric 'sdmetrics': got {len(columns):,} columns, expected at most {self.config.max_columns:,}, "
                "because time grows with their square; choose fewer columns or raise max_columns"
            )
        full = evaluation
        evaluation, thinning = thinned(full, self.config.max_rows, seed=context.seed)
        if not columns or min(evaluation.test.n_rows, evaluation.synthetic.n_rows) == 0:
            missing = "columns" if not columns else "rows on one side"
            return undefined_result(self.scores, Undefined(f"there are no {missing}"))
        real, synthetic = (quality_frame(evaluation.own(side)) for side in ("test", "synthetic"))
        metadata = quality_metadata(evaluation.test)
        found, version = _report(real, synthetic, metadata)
        scores, undefined = collect({spec.name: partial(_value, found, spec.name) for spec in self.scores})

        def score_part(test: Rows, drawn: Rows) -> dict[str, float]:
            part, _ = _report(real.iloc[test], synthetic.iloc[drawn], metadata)
            return {name: value for name, value in part.items() if not math.isnan(value)}

        errors = part_errors(score_part, list(scores), full, evaluation, seed=context.seed)
        return Result(scores, undefined, notes=(f"sdmetrics {version}", *thinning, *errors))


def quality_metadata(table: Table) -> dict[str, Any]:
    """Return the type of each column of `quality_frame` in the format of SDMetrics."""
    numeric = {name: {"sdtype": "numerical"} for name in table.features}
    labels = {name: {"sdtype": "categorical"} for name in (*table.schema.conditions, *generated_columns(table))}
    return {"columns": {**labels, **numeric}}


def quality_frame(table: Table) -> pd.DataFrame:
    """Return conditions, categorical and numeric features as a data frame; missing values are NaN or None.

    Args:
        table: rows on the dataset's own scale.
    """
    values = table.dense().astype(np.float64)
    present = table.present()
    if present is not None:
        values[~present] = np.nan
    frame = {}
    for name in (*table.schema.conditions, *generated_columns(table)):
        text = table.obs[name].astype(object)
        frame[name] = text.where(~table.is_gap(name), None).to_numpy()
    frame.update(zip(table.features, values.T, strict=True))
    return pd.DataFrame(frame)


def _report(real: pd.DataFrame, synthetic: pd.DataFrame, metadata: dict[str, Any]) -> tuple[dict[str, float], str]:
    import sdmetrics
    from sdmetrics.reports import QualityReport

    report = QualityReport()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of constant columns, which the report excludes
        report.generate({TABLE: real}, {TABLE: synthetic}, {"tables": {TABLE: metadata}}, verbose=False)
        properties = report.get_properties().set_index("Property")["Score"]
    found = {"sdmetrics-quality": float(report.get_score())}
    found.update({name: float(properties[title]) for name, title in PROPERTIES.items()})
    return found, str(sdmetrics.__version__)


def _value(found: dict[str, float], name: str) -> float:
    if math.isnan(found[name]):
        raise Undefined("the report of SDMetrics has no value, because no column or pair of columns can be compared")
    return found[name]
