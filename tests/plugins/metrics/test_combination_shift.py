"""Shift controls and their metric on cells of two states, of which training lacks one combination."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import (
    ConfigError,
    Evaluation,
    FitContext,
    MetricContext,
    SampleContext,
    Schema,
    Table,
    Transform,
    Unsupported,
    check_generator,
    failures,
)
from tabgenbench_plugins.generators.shift_of_nearest import ShiftOfNearest
from tabgenbench_plugins.generators.shift_of_others import ShiftOfOthers
from tabgenbench_plugins.generators.unchanged import Unchanged
from tabgenbench_plugins.metrics.combination_shift import CombinationShift, shift_r2

CENTRES = {"A": [0.0, 0.0, 0.0], "B": [1.0, 0.0, 0.0], "C": [9.0, 0.0, 0.0]}
SHIFTS = {"A": [0.0, 2.0, 0.0], "B": [0.0, 2.0, 1.0], "C": [0.0, 4.0, 0.0]}


def cells(combinations: list[tuple[str, str]], n: int = 40, *, noise: float = 0.01, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    rows = [combination for combination in combinations for _ in range(n)]
    values = [np.add(CENTRES[kind], SHIFTS[kind] if state == "on" else 0.0) for kind, state in rows]
    obs = pd.DataFrame(rows, columns=["cell_type", "condition"], index=[f"c{i}" for i in range(len(rows))])
    found = np.asarray(values) + noise * rng.normal(size=(len(rows), 3))
    schema = Schema(conditions=("cell_type", "condition"))
    return Table(found.astype(np.float32), obs.astype("category"), ("x", "y", "z"), schema=schema, scale="standardized")


ALL = [(kind, state) for kind in "ABC" for state in ("off", "on")]
SEEN = [combination for combination in ALL if combination != ("A", "on")]


@pytest.fixture(scope="module")
def train() -> Table:
    return cells(SEEN)


def sampled(kind: Any, train: Table, conditions: pd.DataFrame) -> tuple[Table, Any]:
    model = kind(kind.Config())
    model.fit(train, None, FitContext(seed=0, device="cpu"))
    context = SampleContext(seed=1, draw=0, device="cpu")
    return model.sample(conditions, context), context


@pytest.mark.parametrize(
    ("kind", "shift", "note"),
    [
        (Unchanged, [0.0, 0.0, 0.0], "A, on: training rows of off, unchanged"),
        (ShiftOfOthers, [0.0, 3.0, 0.5], "A, on: training rows of off plus the mean shift of B, C"),
        (ShiftOfNearest, [0.0, 2.0, 1.0], "A, on: training rows of off plus the shift of B"),
    ],
)
def test_rows_of_an_unseen_combination_are_shifted(kind: Any, shift: list[float], note: str, train: Table) -> None:
    test = cells(ALL, seed=1)
    made, context = sampled(kind, train, test.conditions)
    unseen = ((test.obs["cell_type"] == "A") & (test.obs["condition"] == "on")).to_numpy()
    np.testing.assert_allclose(made.dense()[unseen].mean(axis=0), shift, atol=0.02)
    seen = (test.obs["cell_type"] == "C").to_numpy()
    np.testing.assert_allclose(made.dense()[seen].mean(axis=0), test.dense()[seen].mean(axis=0), atol=0.02)
    assert context.notes == [note]


def score(train: Table, test: Table, made: Table, **options: Any) -> dict[str, float]:
    transform = Transform.fit(train)
    metric = CombinationShift(CombinationShift.Config(**options))
    return dict(metric.compute(Evaluation(train, test, made, transform), MetricContext(seed=0)).scores)


def test_r2_is_one_for_the_truth_and_zero_without_a_shift(train: Table) -> None:
    test = cells(ALL, seed=1)
    truth = score(train, test, cells(ALL, seed=2), top=2)
    assert truth["shift-r2"] > 0.999
    assert truth["shift-r2-top"] > 0.999
    assert truth["shift-energy"] < 0.01
    nothing = score(train, test, sampled(Unchanged, train, test.conditions)[0])
    assert nothing["shift-r2"] == pytest.approx(0.0, abs=0.02)
    others = score(train, test, sampled(ShiftOfOthers, train, test.conditions)[0])
    assert others["shift-r2"] == pytest.approx(1 - (1 + 0.25) / 4, abs=0.02)
    assert nothing["shift-energy"] > others["shift-energy"] > truth["shift-energy"]
    assert nothing["shift-r2-half"] == others["shift-r2-half"] > 0.999


def test_r2_by_hand() -> None:
    base, real, predicted = np.zeros(2), np.array([3.0, 4.0]), np.array([3.0, 1.0])
    assert shift_r2(base, real, predicted) == pytest.approx(1 - 9 / 25)


def test_a_split_without_an_unseen_combination_has_no_score(train: Table) -> None:
    with pytest.raises(Unsupported, match=r"a combination of cell_type and condition that training lacks"):
        score(train, cells(SEEN, seed=1), cells(SEEN, seed=2))


def test_a_wrong_column_is_named(train: Table) -> None:
    with pytest.raises(ConfigError, match="'type' is no condition column, expected one of cell_type, condition"):
        score(train, cells(ALL), cells(ALL), type_column="type")


def test_a_type_without_training_rows_gets_those_of_the_nearest_condition(train: Table) -> None:
    asked = cells([("A", "off")], 5).conditions.astype(str).replace("A", "D")
    made, context = sampled(Unchanged, train, asked)
    assert made.n_rows == 5
    assert sum(fallback.rows for fallback in context.fallbacks) == 5


@pytest.mark.parametrize("kind", [Unchanged, ShiftOfOthers, ShiftOfNearest])
def test_the_shipped_kit_finds_nothing(kind: Any) -> None:
    assert failures(check_generator(kind)) == []


def test_a_table_with_one_condition_is_declined() -> None:
    with pytest.raises(Unsupported, match="two condition columns"):
        Unchanged.supports(Schema(conditions=("tissue",)), 10, 3)


def test_a_note_states_the_standard_error_of_a_subsample_for_the_energy_distance(train: Table) -> None:
    test, made = cells([("A", "on")], n=400, noise=1.0, seed=5), cells([("A", "on")], n=400, noise=2.0, seed=6)
    metric = CombinationShift(CombinationShift.Config(max_rows=100))
    found = [
        metric.compute(Evaluation(train, test, made, Transform.fit(train)), MetricContext(seed=seed))
        for seed in range(20)
    ]
    note = "A, on: 400 test rows, base state off; shift-energy from 100 of 400 test rows and 100 of 400 synthetic rows"
    assert all(result.notes[0].startswith(note) for result in found)
    noted = np.sqrt(np.mean([float(result.notes[0].split()[-1]) ** 2 for result in found]))
    observed = np.std([result.scores["shift-energy"] for result in found], ddof=1)
    assert 0.6 < noted / observed < 1.6
