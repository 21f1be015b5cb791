from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tabgenbench import Result
from tabgenbench_plugins.metrics.moments import Moments

Score = Callable[..., Result]
Tables = tuple[NDArray[np.float32], NDArray[np.float32], list[str]]
LABELS = ["a", "a", "b", "b"]
REAL = [[0.0, 1.0], [2.0, 1.0], [4.0, 1.0], [6.0, 1.0]]  # means 3, 1; variances 20/3, 0; inside conditions 2, 0
NAMES = ["mean-error", "sd-error", "variance-ratio", "within-variance-ratio"]


def test_known_values(score: Score) -> None:
    synthetic = [[1.0, 1.0], [1.0, 3.0], [5.0, 1.0], [5.0, 3.0]]  # means 3, 2; variances 16/3, 4/3; inside 0, 2
    scores = score(Moments(), REAL, synthetic, labels=LABELS).scores
    sd_real, sd_synthetic = (20 / 3) ** 0.5, (16 / 3) ** 0.5
    assert scores == pytest.approx(
        {
            "mean-error": 0.5,
            "sd-error": (sd_real - sd_synthetic + (4 / 3) ** 0.5) / 2,
            "variance-ratio": 1.0,
            "within-variance-ratio": 1.0,
        }
    )


def test_rows_without_noise_have_no_variance_inside_conditions(score: Score) -> None:
    means = [[1.0, 1.0], [1.0, 1.0], [5.0, 1.0], [5.0, 1.0]]
    scores = score(Moments(), REAL, means, labels=LABELS).scores
    assert scores["mean-error"] == 0.0
    assert scores["variance-ratio"] == pytest.approx(16 / 20)
    assert scores["within-variance-ratio"] == 0.0


def test_a_collapsed_table_still_has_errors_and_ratios(score: Score) -> None:
    result = score(Moments(), REAL, np.zeros((4, 2)), labels=LABELS)
    expected = {"mean-error": 2.0, "sd-error": (20 / 3) ** 0.5 / 2, "variance-ratio": 0.0, "within-variance-ratio": 0.0}
    assert result.scores == pytest.approx(expected)


def test_variance_inside_conditions_does_not_depend_on_the_number_of_rows(score: Score) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.normal(size=(4000, 5)), rng.normal(size=(300, 5))
    result = score(
        Moments(), real, synthetic, labels=["a", "b"] * 2000, synthetic_labels=[f"c{i % 150}" for i in range(300)]
    )
    assert result.scores["within-variance-ratio"] == pytest.approx(
        1.0, abs=0.15
    )  # two rows a condition: n would give .5


def test_undefined_scores_have_reasons(score: Score) -> None:
    constant = score(Moments(), np.ones((4, 2)), REAL, labels=LABELS)
    reason = "the real test rows do not vary, so there is no variance to compare with"
    assert constant.undefined == {"variance-ratio": reason, "within-variance-ratio": reason}
    assert set(constant.scores) == {"mean-error", "sd-error"}
    single = score(Moments(), REAL, [[1.0, 1.0]], labels=LABELS, synthetic_labels=["a"])
    assert list(single.scores) == ["mean-error"]
    assert single.undefined["sd-error"] == "there is one synthetic row; a standard deviation needs at least two"
    infinite = score(Moments(), REAL, np.full((4, 2), np.inf), labels=LABELS)
    assert infinite.undefined == dict.fromkeys(NAMES, "the synthetic rows contain values that are not finite numbers")


def test_option_per_feature_keeps_what_the_scores_are_made_of(score: Score) -> None:
    assert score(Moments(), REAL, REAL, labels=LABELS).artifacts == {}
    result = score(Moments(Moments.Config(per_feature=True)), REAL, np.zeros((4, 2)), labels=LABELS)
    table = result.artifacts["features"]
    assert table.columns.tolist() == ["feature", "mean_test", "sd_test", "mean_synthetic", "sd_synthetic"]
    assert table["feature"].tolist() == ["g0", "g1"]
    assert (table["mean_synthetic"] - table["mean_test"]).abs().mean() == pytest.approx(result.scores["mean-error"])
    assert (table["sd_synthetic"] - table["sd_test"]).abs().mean() == pytest.approx(result.scores["sd-error"])


@settings(deadline=None)
@given(
    tables=arrays(np.float64, (2, 7, 3), elements=st.integers(-8, 8).map(float)),
    rows=st.permutations(range(7)),
    columns=st.permutations(range(3)),
)
def test_order_does_not_matter_and_identity_is_perfect(
    score: Score, tables: NDArray[np.float64], rows: list[int], columns: list[int]
) -> None:
    real, synthetic = tables
    labels = list("aaabbbb")
    moved = [labels[i] for i in rows]
    expected = score(Moments(), real, synthetic, labels=labels)
    for result in (
        score(Moments(), real, synthetic[rows], labels=labels, synthetic_labels=moved),
        score(Moments(), real[:, columns], synthetic[:, columns], labels=labels),
    ):
        assert result.scores == pytest.approx(dict(expected.scores), abs=1e-9)
    assert all(value >= 0 for value in expected.scores.values())
    perfect = {"mean-error": 0.0, "sd-error": 0.0, "variance-ratio": 1.0, "within-variance-ratio": 1.0}
    itself = score(Moments(), real, real[rows], labels=labels, synthetic_labels=moved)
    assert itself.scores == pytest.approx({name: perfect[name] for name in itself.scores}, abs=1e-9)


def test_golden_scores(score: Score, golden_tables: Tables) -> None:
    real, synthetic, labels = golden_tables
    expected = dict(zip(NAMES, [0.0822088, 0.1687184, 1.0222461, 0.9558438], strict=True))
    assert score(Moments(), real, synthetic, labels=labels).scores == pytest.approx(expected, abs=1e-6)
