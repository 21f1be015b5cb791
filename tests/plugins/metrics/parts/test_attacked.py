from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Evaluation, Schema, Table, Transform
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.attack_scores import area, true_positives
from tabgenbench_plugins.metrics.parts.attacked import Attacked, attacked_rows, chosen_rows

TRANSFORM = Transform(np.zeros(1), np.ones(1), "linear", False)


def rows(conditions: list[str], donors: list[str] | None = None) -> Table:
    obs = pd.DataFrame({"c": conditions}, index=[f"r{i}" for i in range(len(conditions))])
    if donors is not None:
        obs["d"] = donors
    schema = Schema(conditions=("c",), group=None if donors is None else "d")
    values = np.arange(len(obs), dtype=np.float32)[:, None]
    return Table(values, obs.astype("category"), ("x",), schema, scale="standardized")


def choose(train: Table, test: Table, seed: int = 0) -> Attacked:
    return attacked_rows(Evaluation(train, test, test, TRANSFORM), seed=seed)


def counts(table: Table, chosen: np.ndarray) -> Counter[str]:
    return Counter(table.obs["c"].astype(str).iloc[chosen])


@pytest.mark.parametrize("seed", range(3))
def test_both_sides_have_equally_many_rows_of_each_condition(seed: int) -> None:
    train, test = rows(["a"] * 30 + ["b"] * 8 + ["train only"] * 5), rows(["a"] * 12 + ["b"] * 20)
    attacked = choose(train, test, seed)
    assert counts(train, attacked.members.rows) == counts(test, attacked.others.rows) == {"a": 12, "b": 8}
    assert len(set(attacked.members.rows)) == 20
    assert [attacked.labels[k] for k in attacked.members.conditions] == [
        f"c={text}" for text in train.obs["c"].iloc[attacked.members.rows]
    ]
    assert attacked.notes == ("uses 20 of 43 training rows and 20 of 32 test rows: equally many of each condition",)


def test_another_seed_chooses_other_rows_and_the_same_seed_the_same() -> None:
    train, test = rows(["a"] * 60), rows(["a"] * 20)
    one, same, other = (choose(train, test, seed).members.rows for seed in (0, 0, 1))
    assert one.tolist() == same.tolist()
    assert set(one) != set(other)
    assert choose(train, train).notes == ()


def test_a_donor_is_used_with_all_rows_or_not_at_all() -> None:
    train = rows(["a", "b"] * 40, [f"d{i // 4}" for i in range(80)])
    test = rows(["a", "b"] * 15, [f"e{i // 2}" for i in range(30)])
    attacked = choose(train, test)
    used = Counter(train.obs["d"].iloc[attacked.members.rows])
    assert {n for n in used.values() if n} == {4}
    assert counts(train, attacked.members.rows) == counts(test, attacked.others.rows)
    assert 24 <= len(attacked.members.rows) <= 30
    assert len(set(attacked.members.units)) == len(attacked.members.rows) // 4
    part = attacked.first(10)
    assert len(part.members.rows) == 8
    assert len(part.others.rows) == 10
    assert Counter(part.members.units.tolist()).most_common()[-1][1] == 4
    # Two donors of four rows and five donors of two rows: 0.5 sqrt(1/2 + 1/5) = 0.4183
    assert part.notes[-1].endswith("standard error of an AUC or a difference of shares at most 0.4183")


def test_too_few_rows_have_a_reason() -> None:
    with pytest.raises(Undefined, match="9 training and 9 test rows of the same conditions are too few"):
        choose(rows(["a"] * 50), rows(["a"] * 9 + ["b"] * 40))


def test_chosen_rows_do_not_depend_on_the_order_of_rows() -> None:
    values = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    order = np.random.default_rng(1).permutation(200)
    one, other = (part[chosen_rows(part, 50, seed=(0,))] for part in (values, values[order]))
    np.testing.assert_array_equal(one, other)
    assert len(np.unique(one, axis=0)) == 50


def test_true_positives_at_one_percent_false_positives() -> None:
    others = np.arange(200.0)
    members = np.array([199.5, 199.5, 197.5, 0.0])
    assert true_positives(members, others) == 0.75  # 2 of 200 others are above 197.5
    assert true_positives(np.array([196.5]), others) == 0.0
    assert true_positives(others, others) == 0.01  # the curve is a straight line
    assert area(members, others) == pytest.approx((200 + 200 + 198 + 0.5) / 800)
    with pytest.raises(Undefined, match="99 never-seen rows or donors are too few"):
        true_positives(members, others[:99])


def test_rows_without_a_donor_are_separate_donors() -> None:
    table = rows(["a"] * 30, ["x"] * 30)
    obs = table.obs.assign(d=pd.Categorical([None] * 20 + ["x"] * 10))
    gaps = replace(table, obs=obs)
    assert len(set(choose(gaps, rows(["a"] * 30, [f"e{i}" for i in range(30)])).members.units)) == 21
