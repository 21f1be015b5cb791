from __future__ import annotations

import numpy as np
import pandas as pd

from tabgenbench import Schema, Table
from tabgenbench.data.split import SplitConfig, make_split
from tabgenbench.data.split_coverage import coverage_note


def table_of(conditions: list[str], donors: list[str] | None = None) -> Table:
    obs = pd.DataFrame({"c": conditions}, index=[f"S{i}" for i in range(len(conditions))])
    if donors is not None:
        obs["donor"] = donors
    schema = Schema(conditions=("c",), group="donor" if donors is not None else None)
    return Table(np.zeros((len(obs), 1), np.float32), obs.astype("category"), ("g",), schema=schema)


def note_of(table: Table, **config: object) -> str:
    return coverage_note(make_split(table, SplitConfig(**config), seed=0), table)  # type: ignore[arg-type]


def test_conditions_on_both_sides_need_no_note() -> None:
    assert note_of(table_of(["x", "y"] * 20)) == ""
    assert coverage_note(make_split(table := table_of(["x"] * 8), seed=0), table) == ""


def test_a_group_that_is_the_condition_leaves_each_condition_on_one_side() -> None:
    table = table_of(["x", "y"] * 20, ["P1", "P2"] * 20)
    split = make_split(table, seed=0)
    unseen = str(table.obs.loc[split.test[0], "c"])
    known = {"x": "y", "y": "x"}[unseen]
    expected = f"conditions without training rows: c={unseen}; conditions without test rows: c={known}"
    assert coverage_note(split, table) == expected


def test_a_condition_that_is_left_out_has_no_training_rows() -> None:
    assert note_of(table_of(["x", "y"] * 20), leave_out={"c": ("y",)}) == "conditions without training rows: c=y"


def test_of_many_conditions_five_are_named() -> None:
    note = note_of(table_of([f"k{i:02d}" for i in range(40)]))
    assert note.startswith("conditions without training rows: c=k")
    without_training, without_test = note.split("; ")
    assert without_training.count("c=") == without_test.count("c=") == 5
    assert without_test.endswith(" more")


def test_no_conditions_need_no_note() -> None:
    table = table_of(["x"] * 8)
    plain = Table(table.X, table.obs, table.features)
    assert coverage_note(make_split(plain, seed=0), plain) == ""


def test_dropped_rows_are_counted() -> None:
    table = table_of(["x", "y"] * 20)
    note = note_of(table, drop_from_training={"c": ("y",)})
    assert note == "conditions without training rows: c=y; 15 rows with c=y dropped from training, 5 such test rows"


def test_a_value_that_no_test_row_has_is_noted_without_conditions_too() -> None:
    table = table_of(["x"] * 12, [f"P{i // 3}" for i in range(12)])
    plain = Table(table.X, table.obs, table.features, schema=Schema(group="donor"))
    notes = {
        coverage_note(make_split(plain, SplitConfig(drop_from_training={"donor": ("P0",)}), seed=seed), plain)
        for seed in range(8)
    }
    assert notes == {
        "3 rows with donor=P0 dropped from training, 0 such test rows",
        "0 rows with donor=P0 dropped from training, 3 such test rows",
    }
