"""Each planted failure has its fault and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Schema, Table, Unsupported, check_generator, failures
from tabgenbench.interfaces.contract_table import make_count_split
from tabgenbench.registry.manager import make_manager
from tabgenbench.registry.suite import find_suite
from tabgenbench_plugins import PLANTED, register_generators
from tabgenbench_plugins.generators.category_collapser import CategoryCollapser
from tabgenbench_plugins.generators.copier import Copier
from tabgenbench_plugins.generators.correlation_breaker import CorrelationBreaker
from tabgenbench_plugins.generators.label_swapper import LabelSwapper
from tabgenbench_plugins.generators.mean_shifter import MeanShifter
from tabgenbench_plugins.generators.mode_dropper import ModeDropper
from tabgenbench_plugins.generators.rounder import Rounder

Make = Callable[..., Any]
TWO = {("lung",): 60, ("liver",): 40}


def draw(kind: type[Any], train: Table, fit: Make, sample: Make) -> Table:
    made: Table = sample(fit(kind, train)[0], train.conditions)[0]
    return made


def sources(made: Table, train: Table) -> np.ndarray[Any, Any]:
    """Return the position of the training row nearest to each row."""
    distances = (train.X**2).sum(axis=1) - 2 * made.X @ train.X.T
    return np.asarray(distances.argmin(axis=1))


def test_they_are_controls_marked_as_planted() -> None:
    marked = {lazy.name: lazy.load().planted_for for lazy in register_generators() if not lazy.extra}  # type: ignore[attr-defined]
    assert {name for name, question in marked.items() if question} == {lazy.name for lazy in PLANTED}
    assert marked["copier"] == "privacy"
    assert all(lazy.load().is_control for lazy in PLANTED)  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mode-dropper", "correlation-breaker", "copier"])
def test_the_shipped_kit_finds_nothing(name: str) -> None:
    kind = next(lazy for lazy in PLANTED if lazy.name == name).load()
    assert failures(check_generator(kind)) == []  # type: ignore[type-var]


def test_no_shipped_suite_runs_them() -> None:
    plugins = make_manager()
    run = {choice.name for name in plugins.suites() for choice in find_suite(name, plugins).generators}
    assert run.isdisjoint({lazy.name for lazy in PLANTED})


def test_rows_are_training_rows_of_the_condition_without_replacement(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table(TWO)
    made = draw(Copier, train, fit, sample)
    found = sources(made, train)
    assert sorted(found) == list(range(100))
    assert list(found) != list(range(100))
    assert (train.obs["tissue"].to_numpy()[found] == train.obs["tissue"].to_numpy()).all()


def test_rows_differ_between_seeds_splits_and_failures(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table(TWO)
    renamed = replace(train, obs=train.obs.set_axis([f"other{i}" for i in range(100)]))
    copier = fit(Copier, train)[0]
    drawn = [sample(copier, train.conditions, seed=seed)[0] for seed in (2, 2, 3)]
    drawn += [draw(kind, table, fit, sample) for kind, table in ((Copier, renamed), (Rounder, train))]
    orders = [tuple(sources(made, train)) for made in drawn]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 4


def test_the_noise_of_the_copier_is_a_hundredth_of_the_spread(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table(TWO)
    made = draw(Copier, train, fit, sample)
    noise = made.X - train.X[sources(made, train)]
    assert noise.std(axis=0) == pytest.approx([0.01] * 9 + [0.0], abs=0.003)


def test_the_dropped_density_is_a_tenth_of_each_condition(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table(TWO)
    used = set(sources(draw(ModeDropper, train, fit, sample), train))
    missing = [i for i in range(100) if i not in used]
    assert list(train.obs["tissue"].iloc[missing].value_counts().sort_index()) == [4, 6]
    centred = train.X - train.X[:60].mean(axis=0)
    along = centred[:60] @ np.linalg.svd(centred[:60] / centred[:60].std(axis=0).clip(0.1))[2][0]
    ranks = np.argsort(np.argsort(along))[[i for i in missing if i < 60]]
    assert ranks.max() < 20 or ranks.min() > 40  # all on one side


@pytest.mark.parametrize("n_features", [3, 60])
def test_the_direction_counts_categories_and_columns_of_any_scale_alike(n_features: int, fit: Make) -> None:
    """Nine categories that follow one of two groups, beside independent numbers, one of a large scale."""
    rng = np.random.default_rng(0)
    group = np.arange(50) % 5 == 0
    values = rng.normal(size=(50, n_features))
    values[:, 0] *= 100
    columns = {f"k{j}": np.where(group, "rare", "usual") for j in range(9)}
    obs = pd.DataFrame(columns, index=[f"r{i}" for i in range(50)]).astype("category")
    names = tuple(f"g{j}" for j in range(n_features))
    schema = Schema(categorical_features=tuple(columns))
    train = Table(values.astype(np.float32), obs, names, schema=schema, scale="standardized")
    missing = np.flatnonzero(~fit(ModeDropper, train)[0]._kept)
    assert len(missing) == 5
    assert group[missing].all() or not group[missing].any()


def test_a_tenth_of_many_conditions_is_dropped(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({(f"tissue{i:02}",): 6 for i in range(20)})
    made = draw(ModeDropper, train, fit, sample)
    of_row = train.obs["tissue"].astype(str).to_numpy()
    used = of_row[sources(made, train)]
    dropped = set(of_row) - set(used)
    assert len(dropped) == 2
    kept = ~np.isin(of_row, list(dropped))
    assert (used[kept] == of_row[kept]).all()


def test_a_request_of_dropped_conditions_alone_gets_rows_of_the_others(
    make_table: Make, fit: Make, sample: Make
) -> None:
    train = make_table({(f"tissue{i:02}",): 6 for i in range(10)})
    model = fit(ModeDropper, train)[0]
    is_dropped = np.isin(model._conditions.group, model._dropped)
    made, _ = sample(model, train.conditions[is_dropped])
    assert made.n_rows == 6
    assert not is_dropped[sources(made, train)].any()


def test_broken_correlations_keep_each_column_of_a_condition(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({("lung",): 300, ("liver",): 200})
    made = draw(CorrelationBreaker, train, fit, sample)
    for rows in (slice(0, 300), slice(300, 500)):
        np.testing.assert_array_equal(np.sort(made.X[rows], axis=0), np.sort(train.X[rows], axis=0))
        before, after = (np.abs(np.corrcoef(t.X[rows, :9].T)[np.triu_indices(9, 1)]).mean() for t in (train, made))
        assert after < 0.1 < 0.3 < before


def test_numbers_move_with_their_gaps(make_mixed: Make, fit: Make, sample: Make) -> None:
    train = make_mixed(200, missing=0.3)
    made = draw(CorrelationBreaker, train, fit, sample)
    of_made, of_train = (np.sort(t.X[~t.is_gap("weight"), 1]) for t in (made, train))
    np.testing.assert_array_equal(of_made, of_train)
    assert not np.array_equal(made.obs["smoker"].to_numpy(), train.obs["smoker"].to_numpy())


def test_one_feature_in_ten_is_shifted(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table(TWO, n_features=25)
    shift = draw(MeanShifter, train, fit, sample).X.mean(axis=0) - train.X.mean(axis=0)
    assert sorted(np.round(shift, 4)) == pytest.approx([0.0] * 23 + [0.5] * 2, abs=1e-3)
    assert shift[-1] == 0  # a constant feature is never chosen


def test_the_library_size_is_never_shifted(fit: Make) -> None:
    split = make_count_split()
    for seed in range(4):
        model = fit(MeanShifter, split.train.keep_features(split.train.features[-3:]), seed=seed)[0]
        assert model._shifted.tolist() == [0]  # the second feature is constant, the third the library size


def test_at_most_a_fifth_of_the_labels_is_wrong(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({("lung",): 500, ("liver",): 500})
    made = draw(LabelSwapper, train, fit, sample)
    wrong = (train.obs["tissue"].to_numpy()[sources(made, train)] != train.obs["tissue"].to_numpy()).mean()
    assert wrong == pytest.approx(0.1, abs=0.02)


def test_numbers_are_rounded_to_half_a_deviation(make_table: Make, fit: Make, sample: Make) -> None:
    made = draw(Rounder, make_table(TWO), fit, sample)
    np.testing.assert_array_equal(made.X * 2, np.round(made.X * 2))
    assert len(np.unique(made.X)) > 5


def test_rare_categories_become_the_most_frequent_one(fit: Make, sample: Make) -> None:
    colours = ["red"] * 60 + ["blue"] * 30 + ["green"] * 6 + ["grey"] * 4
    obs = pd.DataFrame({"colour": colours, "smoker": ["yes"] * 40 + ["no"] * 60}, index=[f"r{i}" for i in range(100)])
    schema = Schema(categorical_features=("colour", "smoker"))
    table = Table(X=np.zeros((100, 0), dtype=np.float32), obs=obs.astype("category"), features=(), schema=schema)
    made = draw(CategoryCollapser, replace(table, scale="standardized"), fit, sample)
    assert made.obs["colour"].value_counts().to_dict() == {"red": 70, "blue": 30}
    assert set(made.obs["smoker"]) == {"no"}  # the rarest category is replaced however frequent it is


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (MeanShifter, "no numeric features"),
        (Rounder, "no numeric features"),
        (LabelSwapper, "no conditions"),
        (CorrelationBreaker, "fewer than two features"),
        (CategoryCollapser, "no categorical features"),
    ],
)
def test_what_does_not_apply_says_why(kind: type[Any], reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        kind.supports(Schema(), 100, 0)


def test_rows_of_a_single_condition_have_no_labels_to_swap(make_table: Make, fit: Make) -> None:
    with pytest.raises(Unsupported, match="all training rows have the same condition"):
        fit(LabelSwapper, make_table({("lung",): 20}))


def test_marks_of_gaps_do_not_collapse(make_mixed: Make, fit: Make, sample: Make) -> None:
    train = make_mixed(200, missing=0.05)
    made = draw(CategoryCollapser, train, fit, sample)
    assert made.is_gap("weight").sum() == train.is_gap("weight").sum() > 0
    assert made.obs["colour"].nunique() == 1


def test_other_splits_have_other_faults(make_table: Make, fit: Make, sample: Make) -> None:
    chosen = []
    for seed in (0, 1):
        table = make_table(TWO, n_features=25)
        train = replace(table, obs=table.obs.set_axis([f"{seed}-{i}" for i in range(100)]))
        made = draw(MeanShifter, train, fit, sample)
        chosen.append(tuple(np.flatnonzero(made.X.mean(axis=0) - train.X.mean(axis=0) > 0.1)))
    assert chosen[0] != chosen[1]
