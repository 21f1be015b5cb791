from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tabgenbench import Evaluation, MetricContext, Result
from tabgenbench_plugins.metrics.umap_separability import UMAPSeparability

LABELS = ["lung", "liver"] * 30


def tables(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(60, 6)) + np.arange(60)[:, None] % 2 * 8


@pytest.fixture(scope="module")
def computed(make_evaluation: Callable[..., Evaluation]) -> Result:
    return UMAPSeparability().compute(make_evaluation(tables(0), tables(1), LABELS), MetricContext(seed=2**40 + 7))


def test_the_artifact_holds_what_a_figure_needs(computed: Result) -> None:
    frame = computed.artifacts["umap"]
    assert list(frame.columns) == ["row", "origin", "x", "y", "condition.tissue"]
    assert frame["origin"].tolist() == ["real"] * 60 + ["synthetic"] * 60
    assert frame["row"].tolist() == [*range(60), *range(60)]
    assert frame["condition.tissue"].tolist() == [*LABELS, *LABELS]
    assert np.isfinite(frame[["x", "y"]].to_numpy()).all()


def test_scores_are_shown_and_never_ranked(computed: Result) -> None:
    assert computed.scores["umap-tissue"] == 1.0
    assert computed.scores["umap-mixing"] > 0.5
    assert computed.undefined["umap-status"] == "the dataset has no condition column beside 'tissue'"
    assert not any(spec.ranked for spec in UMAPSeparability.scores)


def test_the_same_seed_gives_the_same_places(computed: Result, make_evaluation: Callable[..., Evaluation]) -> None:
    again = UMAPSeparability().compute(make_evaluation(tables(0), tables(1), LABELS), MetricContext(seed=2**40 + 7))
    assert again.artifacts["umap"].equals(computed.artifacts["umap"])
    assert again.scores == computed.scores


def test_rows_without_noise_give_scores_and_no_warning(score: Any) -> None:
    means = np.arange(60)[:, None] % 2 * np.full((60, 6), 8.0)
    result = score(UMAPSeparability(UMAPSeparability.Config(epochs=50)), tables(0), means, labels=LABELS)
    assert result.scores["umap-tissue"] > 0.8


def test_too_few_rows_are_undefined(score: Any) -> None:
    result = score(UMAPSeparability(), np.eye(4), np.eye(4), labels=LABELS[:4])
    assert set(result.undefined.values()) == {"there are 8 real test and synthetic rows; UMAP needs at least 10"}
