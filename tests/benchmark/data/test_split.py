from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgenbench import ConfigError, DataError, Schema, Table, condition_labels
from tabgenbench.data.split import Split, SplitConfig, make_split
from tabgenbench.options import make_options

MakeTable = Callable[..., Table]
SIDES = ("train", "validation", "test")


def obs_table(conditions: list[str], donors: list[str] | None = None) -> Table:
    """A table with one feature that is always zero: only the rows matter here."""
    obs = pd.DataFrame({"c": conditions}, index=[f"s{i}" for i in range(len(conditions))])
    if donors is not None:
        obs["d"] = donors
    schema = Schema(conditions=("c",), group=None if donors is None else "d")
    return Table(X=np.zeros((len(obs), 1), np.float32), obs=obs.astype("category"), features=("g",), schema=schema)


def sets_of_donors(table: Table, split: Split) -> list[set[str]]:
    return [set(table.obs["donor"].astype(str).iloc[split.rows(table, side)]) for side in SIDES]


def counts(table: Table, split: Split, side: Any) -> pd.Series:
    labels = condition_labels(table.conditions)
    return labels.iloc[split.rows(table, side)].value_counts().reindex(sorted(labels.unique()), fill_value=0)


def test_default_is_stratified_and_grouped_where_the_schema_has_them(make_table: MakeTable) -> None:
    table = make_table()
    assert make_split(table, seed=0).kind == "stratified, grouped"
    assert make_split(make_table(group=False), seed=0).kind == "stratified"
    bare = replace(table, schema=Schema())
    assert make_split(bare, seed=0).kind == "random"
    assert make_split(table, SplitConfig(stratified=False), seed=0).kind == "grouped"


def test_sides_cover_every_row_once_in_table_order(table: Table) -> None:
    split = make_split(table, seed=3)
    rows = [split.rows(table, side) for side in ("train", "validation", "test")]
    assert sorted(np.concatenate(rows).tolist()) == list(range(table.n_rows))
    assert all((np.diff(side) > 0).all() for side in rows)
    assert len(split.test) == 15
    assert len(split.validation) == pytest.approx(4.5, abs=0.6)
    assert split.ids("test") == tuple(table.obs.index[rows[2]])


@pytest.mark.parametrize("seed", range(10))
def test_no_donor_is_on_two_sides(make_table: MakeTable, seed: int) -> None:
    table = make_table(n_rows=200)
    train, validation, test = sets_of_donors(table, make_split(table, seed=seed))
    assert not train & test
    assert not validation & test
    assert not train & validation


@pytest.mark.parametrize("seed", range(10))
def test_each_condition_has_its_rounded_share_in_the_test_rows(make_table: MakeTable, seed: int) -> None:
    table = make_table(n_rows=400)
    split = make_split(table, seed=seed)
    share = counts(table, split, "test") - 0.25 * condition_labels(table.conditions).value_counts().sort_index()
    assert len(split.test) == 100
    assert share.abs().max() <= 1.5


def test_same_seed_same_split_other_seed_other_split(table: Table) -> None:
    one, same, other = make_split(table, seed=1), make_split(table, seed=1), make_split(table, seed=2)
    assert one == same
    assert one.fingerprint == same.fingerprint
    assert one.test != other.test
    assert one.fingerprint != other.fingerprint


def test_split_does_not_depend_on_the_hash_seed_of_the_process() -> None:
    code = (
        "import numpy as np, pandas as pd\n"
        "from tabgenbench import Schema, Table\n"
        "from tabgenbench.data.split import make_split\n"
        "obs = pd.DataFrame({'c': list('abc') * 20, 'd': [f'd{i // 2}' for i in range(60)]}).astype('category')\n"
        "obs.index = obs.index.astype(str)\n"
        "schema = Schema(conditions=('c',), group='d')\n"
        "t = Table(X=np.zeros((60, 1), np.float32), obs=obs, features=('g',), schema=schema)\n"
        "print(make_split(t, seed=0).fingerprint)\n"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert len(printed) == 1


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 8)), min_size=8, max_size=60),
    fraction=st.sampled_from([0.1, 0.25, 0.5, 0.8]),
    grouped=st.booleans(),
    seed=st.integers(0, 5),
)
def test_invariants_hold_for_any_table(rows: list[tuple[str, int]], fraction: float, grouped: bool, seed: int) -> None:
    table = obs_table([c for c, _ in rows], [f"d{d}" for _, d in rows])
    config = SplitConfig(grouped=grouped, test_fraction=fraction)
    if grouped and len({d for _, d in rows}) < 2:
        with pytest.raises(DataError, match="donors or split otherwise"):
            make_split(table, config, seed=seed)
        return
    split = make_split(table, config, seed=seed)
    positions = [split.rows(table, side) for side in SIDES]
    assert sorted(np.concatenate(positions).tolist()) == list(range(len(rows)))
    assert len(split.train) > 0
    assert len(split.test) > 0
    if grouped:
        donors = [{rows[i][1] for i in side} for side in positions]
        assert all(one.isdisjoint(other) for one, other in combinations(donors, 2))
    for label in {c for c, _ in rows}:
        on = [sum(rows[i][0] == label for i in side) for side in positions]
        if f"c={label}" not in split.pooled:
            assert on[0] > 0, f"{label} is missing from training"
            assert on[2] > 0, f"{label} is missing from the test rows"


def test_conditions_that_cannot_be_on_both_sides_are_pooled_and_recorded() -> None:
    conditions = ["a"] * 20 + ["b"] * 20 + ["lonely"] + ["one-donor"] * 3
    donors = [f"d{i}" for i in range(41)] + ["x"] * 3
    assert make_split(obs_table(conditions, donors), seed=0).pooled == ("c=lonely", "c=one-donor")
    assert make_split(obs_table(conditions), seed=0).pooled == ("c=lonely",)


def test_conditions_whose_donors_conflict_are_pooled_and_recorded() -> None:
    # Each pair of three donors shares a condition: one of the conditions cannot be on both sides.
    table = obs_table(["a", "a", "b", "b", "c", "c"], ["1", "2", "2", "3", "1", "3"])
    split = make_split(table, SplitConfig(validation_fraction=0), seed=0)
    assert len(split.pooled) >= 1
    assert {len(split.train), len(split.test)} == {2, 4}


def test_every_condition_of_the_other_sides_keeps_a_training_row() -> None:
    table = obs_table(["a"] * 30 + ["b"] * 3 + ["c"] * 2)
    for seed in range(20):
        split = make_split(table, SplitConfig(validation_fraction=0.5), seed=seed)
        assert (counts(table, split, "train") > 0).all()


def test_test_rows_do_not_depend_on_validation_fraction_and_train_rows(table: Table) -> None:
    splits = [
        make_split(table, config, seed=0)
        for config in (SplitConfig(), SplitConfig(validation_fraction=0), SplitConfig(train_rows=12))
    ]
    assert len({split.test for split in splits}) == 1
    assert splits[1].validation == ()


def test_train_rows_are_nested_and_stratified(make_table: MakeTable) -> None:
    table = make_table(n_rows=300)
    whole = make_split(table, seed=4)
    sizes = (6, 20, 80, len(whole.train))
    splits = [make_split(table, SplitConfig(train_rows=n), seed=4) for n in sizes]
    assert [len(split.train) for split in splits] == list(sizes)
    for smaller, larger in pairwise(splits):
        assert set(smaller.train) < set(larger.train)
        assert set(smaller.validation) <= set(larger.validation)
    assert splits[-1].train == whole.train
    assert splits[-1].validation == whole.validation
    assert (counts(table, splits[0], "train") == 1).all()
    expected = 80 * counts(table, whole, "train") / len(whole.train)
    assert (counts(table, splits[2], "train") - expected).abs().max() <= 1.5
    assert len(splits[2].validation) == round(80 / len(whole.train) * len(whole.validation))
    assert splits[0].kind == "stratified, grouped, 6 training rows"


def test_left_out_value_is_in_the_test_rows_alone(make_table: MakeTable) -> None:
    table = make_table(n_rows=200)
    split = make_split(table, SplitConfig(leave_out={"tissue": "lung"}), seed=0)
    lung = set(table.obs.index[table.obs["tissue"] == "lung"])
    assert lung <= set(split.test)
    train, validation, test = sets_of_donors(table, split)
    assert not test & (train | validation)
    others = (table.obs.loc[list(split.test), "tissue"] != "lung").sum()
    assert others >= 0.25 * (200 - len(lung)) - 2, "the other conditions are held out as ever"
    assert split.kind == "stratified, grouped, leave-out tissue=lung"
    assert split.pooled == ()


def test_left_out_combination_leaves_each_value_known(make_table: MakeTable) -> None:
    table = make_table(n_rows=200, group=False)
    split = make_split(table, SplitConfig(leave_out={"tissue": ["lung"], "status": "cancer"}), seed=0)
    known = table.obs.loc[list(split.train)]
    assert not ((known["tissue"] == "lung") & (known["status"] == "cancer")).any()
    assert {"lung"} < set(known["tissue"])
    assert {"cancer"} < set(known["status"])
    assert split.kind == "stratified, leave-out status=cancer & tissue=lung"


def test_several_left_out_values_of_a_column(make_table: MakeTable) -> None:
    table = make_table(n_rows=90)
    split = make_split(table, SplitConfig(leave_out={"tissue": ["lung", "colon"]}), seed=0)
    assert set(table.obs.loc[list(split.train), "tissue"]) == {"kidney"}
    assert split.kind.endswith("leave-out tissue=colon/lung")


def test_dropped_value_trains_nowhere_and_keeps_the_split_of_the_other_rows(make_table: MakeTable) -> None:
    table = make_table(n_rows=300)
    plain = make_split(table, SplitConfig(), seed=0)
    split = make_split(table, SplitConfig(drop_from_training={"tissue": "lung"}), seed=0)
    lung = set(table.obs.index[table.obs["tissue"] == "lung"])
    assert split.test == plain.test
    assert lung & set(split.test), "held-out donors keep their rows with the value"
    assert set(split.train) | set(split.validation) == (set(plain.train) | set(plain.validation)) - lung
    assert split.kind == "stratified, grouped, training without tissue=lung"
    assert split.fingerprint != plain.fingerprint
    assert Split.from_json(split.to_json()) == split


@pytest.mark.parametrize("option", ["leave_out", "drop_from_training"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tisue": "lung"}, "no obs column 'tisue'; did you mean 'tissue'"),
        ({"tissue": "lungs"}, "no row has tissue = 'lungs'; did you mean 'lung'"),
        ({"tissue": ["lung", "kidney", "colon"]}, "tissue=colon/kidney/lung leaves no training row"),
        ({"G0": "1"}, "'G0' is a numeric feature; name a condition"),
    ],
)
def test_values_to_exclude_that_do_not_fit(table: Table, option: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"option '{option}': {message}"):
        make_split(table, SplitConfig(**{option: values}), seed=0)


def test_leave_out_of_a_combination_that_does_not_occur() -> None:
    table = obs_table(["a", "b"] * 6)
    table = replace(table, obs=table.obs.assign(e=pd.Categorical(["x", "y"] * 6)))
    with pytest.raises(ConfigError, match="no row has c=a & e=y"):
        make_split(table, SplitConfig(leave_out={"c": "a", "e": "y"}), seed=0)


def test_config_that_does_not_fit_the_schema(table: Table) -> None:
    with pytest.raises(ConfigError, match="grouped = true, but the schema has no group"):
        make_split(replace(table, schema=Schema()), SplitConfig(grouped=True), seed=0)
    with pytest.raises(ConfigError, match="stratified = true, but the schema has no conditions"):
        make_split(replace(table, schema=Schema()), SplitConfig(stratified=True), seed=0)
    with pytest.raises(ConfigError, match=r"'train_rows': got 900, expected at most \d+, the training rows"):
        make_split(table, SplitConfig(train_rows=900), seed=0)
    with pytest.raises(ConfigError, match="seed -1"):
        make_split(table, seed=-1)


def test_table_too_small_for_two_sides() -> None:
    with pytest.raises(DataError, match=r"1 row\(s\) leave no row for the test side"):
        make_split(obs_table(["a"]), seed=0)
    with pytest.raises(DataError, match=r"4 row\(s\) of 1 donor\(s\) leave no row for the test side"):
        make_split(obs_table(["a", "b", "a", "b"], ["x"] * 4), seed=0)
    two = make_split(obs_table(["a", "a"]), seed=0)
    assert (len(two.train), len(two.validation), len(two.test)) == (1, 0, 1)


def test_duplicate_sample_ids_are_refused(table: Table) -> None:
    twice = replace(table, obs=table.obs.set_axis(["same", "same", *table.obs.index[2:]]))
    with pytest.raises(DataError, match="sample id 'same' occurs more than once"):
        make_split(twice, seed=0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"test_fraction": 0}, "'test_fraction'.*greater than 0"),
        ({"test_fraction": 1.0}, "'test_fraction'.*less than 1"),
        ({"validation_fraction": 1}, "'validation_fraction'.*less than 1"),
        ({"train_rows": 0}, "'train_rows'.*greater than or equal to 1"),
        ({"leave_out": {}}, "'leave_out'.*at least one column"),
        ({"leave_out": {"tissue": []}}, "'leave_out'.*expected one value or a list"),
        ({"leave_out": "lung"}, "'leave_out'"),
        ({"fraction": 0.3}, "unknown option 'fraction'; did you mean"),
    ],
)
def test_options_out_of_range_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_options(SplitConfig, values, where="[split]")


def test_every_option_is_described() -> None:
    assert all(field.description for field in SplitConfig.model_fields.values())


def test_kind_of_a_config_before_a_table_is_known() -> None:
    assert SplitConfig().kind == "stratified where possible, grouped where possible"
    assert SplitConfig(stratified=False, grouped=False).kind == "random"


def test_json_round_trip(make_table: MakeTable) -> None:
    config = SplitConfig(leave_out={"tissue": "lung"}, train_rows=10)
    split = make_split(make_table(), config, seed=5)
    read = Split.from_json(split.to_json())
    assert read == split
    assert read.fingerprint == split.fingerprint
    kept = json.loads(split.to_json())
    assert kept["rows"] == {"train": 10, "validation": len(split.validation), "test": len(split.test)}
    assert kept["kind"] == split.kind


def test_json_that_was_tampered_with_is_refused(table: Table) -> None:
    text = make_split(table, seed=0).to_json()
    kept = json.loads(text)
    kept["train"].append(kept["test"].pop())
    with pytest.raises(DataError, match="does not give its fingerprint"):
        Split.from_json(json.dumps(kept))
    with pytest.raises(DataError, match="not a split of this program"):
        Split.from_json(text[:-20])
    del kept["seed"]
    with pytest.raises(DataError, match="not a split of this program"):
        Split.from_json(json.dumps(kept))


def test_fingerprint_depends_on_table_config_and_seed(make_table: MakeTable) -> None:
    table = make_table()
    fingerprints = {
        make_split(table, seed=0).fingerprint,
        make_split(table, seed=1).fingerprint,
        make_split(table, SplitConfig(test_fraction=0.3), seed=0).fingerprint,
        make_split(make_table(seed=1), seed=0).fingerprint,
    }
    assert len(fingerprints) == 4
    explicit = make_split(table, SplitConfig(stratified=True, grouped=True), seed=0)
    assert explicit.fingerprint == make_split(table, seed=0).fingerprint, "what is settled counts, not how it was asked"


def test_rows_of_another_table_are_refused(table: Table) -> None:
    split = make_split(table, seed=0)
    with pytest.raises(DataError, match=f"no row '{split.test[0]}', which the split has on its test side"):
        split.rows(table.take([i for i, name in enumerate(table.obs.index) if name != split.test[0]]), "test")


def test_a_hundred_thousand_rows_take_less_than_a_second() -> None:
    rng = np.random.default_rng(0)
    conditions = [f"c{i:02d}" for i in rng.integers(0, 30, 100_000)]
    donors = [f"d{i}" for i in rng.integers(0, 1000, 100_000)]
    table = obs_table(conditions, donors)
    started = time.process_time()
    split = make_split(table, seed=0, fingerprint="known")
    seconds = time.process_time() - started
    share = counts(table, split, "test") / condition_labels(table.conditions).value_counts().sort_index()
    assert seconds < 2, "half a second on a quiet machine"
    assert share.between(0.24, 0.26).all()


BARCODE_PARTS = {"gtex": 2, "tcga": 3, "tcga-t": 3}


@pytest.mark.data
def test_real_rows_are_balanced_by_tissue_and_status(data_dir: Path) -> None:
    import gzip

    ids, rows = [], []
    for path in sorted((data_dir / "rnaseqdb").glob("*-rsem-fpkm-*.txt.gz")):
        code, source = path.name.removesuffix(".txt.gz").split("-rsem-fpkm-")
        with gzip.open(path, "rt") as handle:
            names = handle.readline().split()[2:]
        ids += names
        rows += [(code, source, "-".join(name.split("-")[: BARCODE_PARTS[source]])) for name in names]
    obs = pd.DataFrame(rows, columns=["code", "source", "donor"], index=ids).astype("category")
    schema = Schema(conditions=("code", "source"), group="donor")
    table = Table(X=np.zeros((len(obs), 1), np.float32), obs=obs, features=("g",), schema=schema)
    whole = condition_labels(table.conditions).value_counts().sort_index()
    for seed in range(5):
        split = make_split(table, seed=seed, fingerprint="headers alone")
        train, validation, test = sets_of_donors(table, split)
        assert not test & (train | validation)
        assert abs(len(split.test) - 0.25 * len(obs)) <= 3
        assert (counts(table, split, "test") - 0.25 * whole).abs().max() <= 2
