from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tabgenbench import ConfigError, Evaluation, MetricContext, Result, Schema, Table, Transform, Unsupported
from tabgenbench_plugins.metrics.count_realism import CountRealism

TYPES = np.resize(["a", "a", "b", "b"], 400)
PROFILES = {"a": np.array([5.0, 1.0, 0.2, 10.0, 0.5]), "b": np.array([0.5, 6.0, 8.0, 1.0, 0.1])}


def make_cells(counts: np.ndarray) -> Table:
    obs = pd.DataFrame(
        {"cell_type": pd.Categorical(TYPES[: len(counts)]), "day": pd.Categorical(np.resize(["1", "2"], len(counts)))},
        index=[f"c{i}" for i in range(len(counts))],
    )
    schema = Schema(conditions=("cell_type", "day"), per_10k=True)
    names = tuple(f"g{j}" for j in range(counts.shape[1]))
    return Table(sparse.csr_matrix(counts, dtype=np.float32), obs, names, schema, scale="counts")


def drawn(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    size = rng.gamma(4.0, 0.25, len(TYPES))[:, None]
    return rng.poisson(np.stack([PROFILES[kind] for kind in TYPES]) * size)


def score(real: np.ndarray, made: np.ndarray, **options: object) -> Result:
    counts = {"train": make_cells(real), "test": make_cells(real), "synthetic": make_cells(made)}
    transform = Transform.fit(counts["train"])
    scaled = {side: transform.apply(table) for side, table in counts.items()}
    evaluation = Evaluation(**scaled, transform=transform, counts=counts)  # type: ignore[arg-type]  # sides by name
    return CountRealism(CountRealism.Config(**options)).compute(evaluation, MetricContext(seed=1))


def test_known_values() -> None:
    real = np.array([[1, 0, 3], [2, 2, 0], [0, 0, 1], [5, 0, 0]])
    made = np.array([[1, 1, 0], [0, 2, 0], [4, 4, 4], [0, 0, 2]])
    scores = score(real, made, min_rows=1, type_column="cell_type").scores
    assert scores["zero-fraction-error"] == pytest.approx(abs(5 / 12 - 6 / 12))
    assert scores["library-ratio"] == pytest.approx(2 / 4)  # libraries 4, 4, 1, 5 and 2, 2, 12, 2
    assert scores["library-distance"] == pytest.approx(0.5)

    def profile(counts: np.ndarray) -> np.ndarray:
        return np.log1p(1e4 * counts.sum(axis=0) / counts.sum())

    pairs = [(real[:2], made[:2]), (real[2:], made[2:])]
    expected = np.mean([np.corrcoef(profile(one), profile(other))[0, 1] for one, other in pairs])
    assert scores["pseudobulk-correlation"] == pytest.approx(expected)


def test_real_cells_score_better_than_each_planted_failure() -> None:
    real, other = drawn(0), drawn(1)
    good = score(real, other).scores
    assert good["zero-fraction-error"] < 0.02
    assert good["library-ratio"] == pytest.approx(1, abs=0.1)
    assert good["library-distance"] < 0.1
    assert good["pseudobulk-correlation"] > 0.99
    halved = score(real, np.random.default_rng(2).binomial(other, 0.5)).scores
    assert halved["library-ratio"] == pytest.approx(0.5, abs=0.06)
    assert halved["library-distance"] > 0.3
    assert halved["zero-fraction-error"] > 0.05
    assert halved["pseudobulk-correlation"] > 0.98  # profiles are relative to the library
    swapped = score(real, np.roll(other, 2, axis=0)).scores
    assert swapped["pseudobulk-correlation"] < 0.5
    averaged = score(real, np.stack([np.rint(PROFILES[kind]) for kind in TYPES])).scores
    assert averaged["library-distance"] > 0.3


def test_types_with_few_cells_are_left_out_with_a_reason() -> None:
    result = score(drawn(0), drawn(1), min_rows=101)
    assert result.undefined["pseudobulk-correlation"].startswith("no type has 101 test cells")
    assert "pseudobulk-correlation" in score(drawn(0), drawn(1), min_rows=101, type_column="cell_type").scores
    with pytest.raises(ConfigError, match="'kind' is no condition, expected one of cell_type, day"):
        score(drawn(0), drawn(1), type_column="kind")


def test_a_type_without_synthetic_cells_counts_as_0() -> None:
    real, other = drawn(0), drawn(1)
    only_a = np.where((TYPES == "a")[:, None], other, 0)  # cells of type b exist and have no counts
    empty = score(real, only_a, type_column="cell_type").scores["pseudobulk-correlation"]
    fewer = score(real, other[:2], type_column="cell_type").scores["pseudobulk-correlation"]  # both cells are of type a
    of_a = score(real[TYPES == "a"], other[TYPES == "a"]).scores["pseudobulk-correlation"]
    assert empty == pytest.approx(of_a / 2, abs=0.01)
    assert 0.4 < fewer < 0.5


def test_cells_without_counts() -> None:
    result = score(np.zeros((8, 3)), np.ones((8, 3)), min_rows=1)
    assert set(result.undefined) == {"library-ratio", "pseudobulk-correlation"}
    assert score(np.ones((8, 3)), np.zeros((8, 3)), min_rows=1).scores["library-ratio"] == 0.0


def test_other_tables_are_declined() -> None:
    table = make_cells(drawn(0))
    linear = replace(table, schema=Schema(), scale="linear")
    transform = Transform.fit(linear)
    evaluation = Evaluation(*[transform.apply(linear)] * 3, transform)
    with pytest.raises(Unsupported, match="needs counts of cells"):
        CountRealism().compute(evaluation, MetricContext(seed=1))
