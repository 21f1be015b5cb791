"""Standard errors from parts of a random subset of the rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from tabgenbench import Metric
from tabgenbench_plugins.metrics.condition_prediction import ConditionPrediction
from tabgenbench_plugins.metrics.parts.part_errors import part_errors
from tabgenbench_plugins.metrics.parts.thinning import thinned
from tabgenbench_plugins.metrics.pca_separability import PCASeparability
from tabgenbench_plugins.metrics.sdmetrics_quality import SDMetricsQuality

START = "rough standard errors of the subsample, from 5 parts of it: "


def table(seed: int, n_rows: int = 1500) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = np.random.default_rng(seed)
    labels = np.array(["colon", "liver", "lung"], dtype=object)[np.arange(n_rows) % 3]
    means = np.random.default_rng(99).normal(size=(3, 4))
    values = means[np.arange(n_rows) % 3] + rng.normal(size=(n_rows, 4))
    return values.astype(np.float32), labels


def errors_of(notes: tuple[str, ...]) -> dict[str, float]:
    (note,) = [note for note in notes if note.startswith(START)]
    listed = [item.split() for item in note.removeprefix(START).split(", ")]
    return {name: float(error) for name, error in listed}


def mean_of(values: Any, _: Any, rows: Any) -> dict[str, float]:
    return {"mean": float(values[rows].mean())}


def test_the_error_of_a_mean_is_the_standard_deviation_divided_by_the_root(make_evaluation: Callable[..., Any]) -> None:
    (real, _), (made, _) = table(1, 6000), table(2, 6000)
    full = make_evaluation(real, made)
    found = []
    for seed in range(20):
        drawn, _ = thinned(full, 1000, seed=seed)
        values = drawn.synthetic.X[:, 0]
        means = partial(mean_of, values)
        notes = part_errors(means, ["mean"], full, drawn, seed=seed)
        found.append(errors_of(notes)["mean"])
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(made[:, 0].std() / np.sqrt(1000), rel=0.25)


def test_all_rows_have_no_note_and_a_side_with_all_rows_is_not_divided(make_evaluation: Callable[..., Any]) -> None:
    full = make_evaluation(table(1, 30)[0], table(2, 2000)[0])
    sizes: list[tuple[int, int]] = []

    def score(test: Any, synthetic: Any) -> dict[str, float]:
        sizes.append((len(test), len(synthetic)))
        return {}

    drawn, _ = thinned(full, 2000, seed=0)
    assert part_errors(score, ["one"], full, drawn, seed=0) == ()
    drawn, _ = thinned(full, 1000, seed=0)
    (note,) = part_errors(score, ["one"], full, drawn, seed=0)
    assert sizes == [(30, 200)] * 5
    assert note == f"{START}one unknown"


@pytest.mark.parametrize("kind", [ConditionPrediction, PCASeparability, SDMetricsQuality])
def test_the_noted_error_is_that_of_other_subsamples(kind: Any, score: Any) -> None:
    """Compare the note with the standard deviation over six subsamples, both of which vary by chance."""
    if kind is SDMetricsQuality:
        pytest.importorskip("sdmetrics")
    (real, labels), (made, _) = table(1), table(2)

    def result(seed: int) -> Any:
        order = np.random.default_rng(seed).permutation(len(real))
        metric: Metric = kind(kind.Config(max_rows=300))
        return score(metric, real[order], made[order], labels=labels[order])

    results = [result(seed) for seed in range(6)]
    errors = [errors_of(found.notes) for found in results]
    assert errors[0]
    assert set(errors[0]) <= set(results[0].scores)
    for name in errors[0]:
        noted = float(np.sqrt(np.mean([error[name] ** 2 for error in errors])))
        observed = float(np.std([found.scores[name] for found in results], ddof=1))
        assert 0.3 < noted / observed < 3.0, name
