"""The metrics of numeric features on tables with categorical features and missing values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Evaluation, Metric, MetricContext, Result, Schema, Table, Transform, Unsupported
from tabgenbench.data.schema import Gap
from tabgenbench.interfaces.contract_table import KitSplit, make_mixed_split
from tabgenbench_plugins.metrics.condition_coexpression import ConditionCoexpression
from tabgenbench_plugins.metrics.correlation_pairs import CorrelationPairs
from tabgenbench_plugins.metrics.dendrogram import Dendrogram
from tabgenbench_plugins.metrics.differential_expression import DifferentialExpression
from tabgenbench_plugins.metrics.gamma import Gamma
from tabgenbench_plugins.metrics.gamma_by_condition import GammaByCondition
from tabgenbench_plugins.metrics.gamma_within import GammaWithin
from tabgenbench_plugins.metrics.marker_genes import MarkerGenes
from tabgenbench_plugins.metrics.moments import Moments
from tabgenbench_plugins.metrics.parts.present import present_correlations
from tabgenbench_plugins.metrics.pca_separability import PCASeparability
from tabgenbench_plugins.metrics.umap_separability import UMAPSeparability

CORRELATIONS = [Gamma, GammaWithin, GammaByCondition, CorrelationPairs, Dendrogram]
PRESENT = [*CORRELATIONS, ConditionCoexpression, Moments, DifferentialExpression, MarkerGenes]
FILLED = [PCASeparability, UMAPSeparability]
N_ROWS, N_FEATURES = 60, 6


def compute(kind: type[Metric], split: KitSplit, synthetic: Table) -> Result:
    evaluation = Evaluation(split.train, split.test, synthetic, split.transform)
    return kind().compute(evaluation, MetricContext(seed=0))


def gappy(seed: int, share: float, *, declared: bool = True) -> Table:
    """Return correlated features of two conditions; the first three have gaps, or would have if ``declared``."""
    rng = np.random.default_rng(seed)
    ward = np.arange(N_ROWS) % 2
    mixing = np.random.default_rng(99).normal(size=(3, N_FEATURES))
    values = rng.normal(size=(N_ROWS, 3)) @ mixing + ward[:, None] + 0.3 * rng.normal(size=(N_ROWS, N_FEATURES))
    columns: dict[str, Any] = {"ward": np.where(ward, "A", "B")}
    gaps = []
    for j in range(3):
        at = rng.random(N_ROWS) < share
        values[at, j] = 5.0
        columns[f"g{j} is missing"] = np.where(at, "yes", "no")
        gaps.append(Gap(column=f"g{j}", shown_by=f"g{j} is missing", value="yes"))
    schema = Schema(conditions=("ward",), categorical_features=tuple(columns)[1:], gaps=tuple(gaps) if declared else ())
    obs = pd.DataFrame(columns, index=[f"row{i}" for i in range(N_ROWS)], dtype="category")
    return Table(
        values.astype(np.float32), obs, tuple(f"g{j}" for j in range(N_FEATURES)), schema, scale="standardized"
    )


def score(kind: type[Metric], real: Table, synthetic: Table) -> Result:
    transform = Transform(np.zeros(N_FEATURES), np.ones(N_FEATURES), "linear", False)
    return kind().compute(Evaluation(real, real, synthetic, transform), MetricContext(seed=0))


def present_frame(table: Table) -> pd.DataFrame:
    return pd.DataFrame(np.where(table.present(), table.dense(), np.nan).astype(np.float64), columns=table.features)


@pytest.mark.parametrize("kind", PRESENT)
def test_values_at_gaps_have_no_part(kind: type[Metric]) -> None:
    real, synthetic = gappy(1, 0.2), gappy(2, 0.3)
    present = synthetic.present()
    other = replace(synthetic, X=np.where(present, synthetic.dense(), np.float32(-9.0)))
    assert score(kind, real, other).scores == pytest.approx(score(kind, real, synthetic).scores, rel=1e-9)


@pytest.mark.parametrize("kind", PRESENT)
def test_a_table_whose_gaps_are_never_used_scores_as_one_without_gaps(kind: type[Metric]) -> None:
    """The two ways of the arithmetic agree."""
    with_gaps = score(kind, gappy(1, 0.0), gappy(2, 0.0))
    without = score(kind, gappy(1, 0.0, declared=False), gappy(2, 0.0, declared=False))
    assert with_gaps.scores == pytest.approx(without.scores, rel=1e-9, abs=1e-12)
    assert any("missing values" in note for note in with_gaps.notes)
    assert not any("missing values" in note for note in without.notes)


def test_gamma_is_that_of_pairwise_complete_correlations() -> None:
    real, synthetic = gappy(1, 0.2), gappy(2, 0.3)
    upper = np.triu_indices(N_FEATURES, 1)
    a, b = (present_frame(one).corr().to_numpy()[upper] for one in (real, synthetic))
    assert score(Gamma, real, synthetic).scores["gamma"] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)
    rmse = np.sqrt(np.mean((a - b) ** 2))
    assert score(CorrelationPairs, real, synthetic).scores["correlation-rmse"] == pytest.approx(rmse, abs=1e-9)


def test_gamma_within_subtracts_means_of_present_values() -> None:
    real, synthetic = gappy(1, 0.2), gappy(2, 0.3)
    upper = np.triu_indices(N_FEATURES, 1)
    a, b = (
        (frame - frame.groupby(one.obs["ward"].to_numpy(), observed=True).transform("mean")).corr().to_numpy()[upper]
        for one, frame in ((one, present_frame(one)) for one in (real, synthetic))
    )
    found = score(GammaWithin, real, synthetic).scores["gamma-within"]
    assert found == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)


def test_moments_are_of_present_values() -> None:
    real, synthetic = gappy(1, 0.2), gappy(2, 0.3)
    a, b = present_frame(real), present_frame(synthetic)
    inside = [
        (frame.groupby(one.obs["ward"].to_numpy(), observed=True).transform(lambda x: x - x.mean()) ** 2).sum()
        / (frame.notna().sum() - 2)
        for one, frame in ((real, a), (synthetic, b))
    ]
    assert score(Moments, real, synthetic).scores == pytest.approx(
        {
            "mean-error": (a.mean() - b.mean()).abs().mean(),
            "sd-error": (a.std() - b.std()).abs().mean(),
            "variance-ratio": b.var().sum() / a.var().sum(),
            "within-variance-ratio": inside[1].sum() / inside[0].sum(),
        },
        rel=1e-9,
    )


@pytest.mark.parametrize("kind", [*PRESENT, PCASeparability])
def test_a_feature_without_a_value_is_no_failure(kind: type[Metric]) -> None:
    everywhere = gappy(1, 1.0)
    some = gappy(2, 0.3)
    for real, synthetic in ((everywhere, some), (some, everywhere), (everywhere, everywhere)):
        result = score(kind, real, synthetic)
        assert set(result.scores) | set(result.undefined) == {spec.name for spec in kind.scores}


def test_a_pair_that_is_never_present_together_has_no_correlation() -> None:
    values = np.random.default_rng(0).normal(size=(20, 2))
    present = np.column_stack([np.arange(20) < 10, np.arange(20) >= 8])  # two rows in common
    assert present_correlations(values, present)[0, 1] == 0.0


@pytest.mark.parametrize("kind", [*PRESENT, *FILLED])
def test_notes_name_what_is_not_used(kind: type[Metric]) -> None:
    split = make_mixed_split()
    test = split.test
    order = np.random.default_rng(0).permutation(test.n_rows)
    synthetic = test.like(test.dense()[order], test.conditions, test.categories.iloc[order])
    result = compute(kind, split, synthetic)
    assert result.notes[0] == "uses the numeric features only (4), not the categorical ones (4)"
    words = "the median of the training rows stands in" if kind in FILLED else "value"
    assert result.notes[1].startswith("numeric features with missing values (1): ")
    assert words in result.notes[1]


@pytest.mark.parametrize("kind", [*PRESENT, *FILLED])
def test_a_table_of_categories_alone_is_declined(kind: type[Metric]) -> None:
    split = make_mixed_split(numeric=False)
    with pytest.raises(Unsupported, match="uses numeric features only, and this table has 0 beside 3 categorical ones"):
        compute(kind, split, split.test)
