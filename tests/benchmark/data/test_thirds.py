"""Splits into thirds: sides, folds, files, and what a fit process reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import ConfigError, DataError, Schema, Table, Unsupported, condition_labels
from tabgenbench.data.split import Split, SplitConfig, make_split
from tabgenbench.data.split_files import (
    read_evaluation_tables,
    read_fit_tables,
    read_reference,
    read_reference_as_training,
    write_split,
)
from tabgenbench.options import make_options

MakeTable = Callable[..., Table]
THIRDS = SplitConfig(thirds=True, validation_fraction=0.0)


def folds(table: Table, config: SplitConfig = THIRDS, seed: int = 0) -> tuple[Split, Split]:
    first, second = (make_split(table, config, seed=seed, fold=fold) for fold in (0, 1))
    return first, second


@pytest.mark.parametrize("seed", range(5))
def test_thirds_are_disjoint_stratified_and_grouped(make_table: MakeTable, seed: int) -> None:
    table = make_table(n_rows=180)
    first, second = folds(table, seed=seed)
    assert (first.train, first.test, first.reference) == (second.test, second.train, second.reference)
    assert first.fingerprint != second.fingerprint
    sides = [first.rows(table, side) for side in ("train", "test", "reference")]
    assert sorted(np.concatenate(sides).tolist()) == list(range(180))
    assert [len(side) for side in sides] == pytest.approx([60, 60, 60], abs=1)
    labels, donors = condition_labels(table.conditions), table.obs["donor"].astype(str)
    counts = pd.DataFrame([labels.iloc[side].value_counts() for side in sides])
    assert (counts.max() - counts.min()).max() <= 3  # donors of two rows are not divided
    assert sum(donors.iloc[side].nunique() for side in sides) == donors.nunique()


def test_each_condition_has_its_third_to_a_row_without_donors(make_table: MakeTable) -> None:
    table = make_table(n_rows=185, group=False)
    first, _ = folds(table)
    sides = [first.rows(table, side) for side in ("train", "test", "reference")]
    counts = np.array([condition_labels(table.conditions).iloc[side].value_counts().sort_index() for side in sides])
    assert (np.ptp(counts, axis=0) <= 1).all()


def test_validation_rows_are_part_of_the_third_of_the_training_rows(make_table: MakeTable) -> None:
    table = make_table(n_rows=180)
    whole, part = folds(table)[0], make_split(table, SplitConfig(thirds=True), seed=0, fold=0)
    assert set(part.train) | set(part.validation) == set(whole.train)
    assert (part.test, part.reference) == (whole.test, whole.reference)
    assert len(part.validation) == pytest.approx(6, abs=1)


def test_conditions_of_two_rows_are_pooled_and_recorded(table: Table) -> None:
    obs = pd.DataFrame({"c": ["a"] * 9 + ["b"] * 2}, index=[f"s{i}" for i in range(11)], dtype="category")
    rare = Table(np.zeros((11, 1), np.float32), obs, ("g",), Schema(conditions=("c",)))
    assert folds(rare)[0].pooled == ("c=b",)
    with pytest.raises(DataError, match="leave no row for the"):
        folds(rare.take([0, 1]))


def test_a_split_into_thirds_survives_its_file(table: Table) -> None:
    split = folds(table)[0]
    assert Split.from_json(split.to_json()) == replace(split, config=split.config)
    assert '"reference": 20' in split.to_json()


def test_defaults_write_what_they_always_wrote(table: Table) -> None:
    assert SplitConfig().model_dump(mode="json") == {
        "stratified": None,
        "grouped": None,
        "test_fraction": 0.25,
        "validation_fraction": 0.1,
        "train_rows": None,
        "leave_out": None,
    }
    fingerprint = make_split(table, seed=1).fingerprint
    assert fingerprint == "c85069e6107d6289e68c742aeed8c265c37cfb8f0557b79a23ed898f4b046446"
    assert '"reference"' not in make_split(table, seed=1).to_json()
    assert THIRDS.model_dump(mode="json")["thirds"] is True
    assert SplitConfig.model_validate(THIRDS.model_dump(mode="json")) == THIRDS


@pytest.mark.parametrize(
    "given", [{"test_fraction": 0.3}, {"train_rows": 9}, {"leave_out": {"c": "a"}}, {"drop_from_training": {"c": "a"}}]
)
def test_options_that_thirds_determine_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"remove the option '{next(iter(given))}'"):
        make_options(SplitConfig, {"thirds": True, **given}, where="suite")


@pytest.mark.parametrize(("config", "fold"), [(THIRDS, None), (THIRDS, 2), (SplitConfig(), 0)])
def test_a_fold_that_does_not_exist_is_refused(table: Table, config: SplitConfig, fold: int | None) -> None:
    with pytest.raises(ConfigError, match=f"split: fold {fold}, expected one of"):
        make_split(table, config, seed=0, fold=fold)


def test_a_fit_process_needs_no_file_of_held_out_or_reference_rows(tmp_path: Path, make_table: MakeTable) -> None:
    table = make_table(n_rows=90)
    split = make_split(table, SplitConfig(thirds=True, rows_per_training_row=5), seed=0, fold=1)
    write_split(tmp_path, table, split)
    reference = read_reference(tmp_path)
    assert reference is not None
    assert tuple(reference.obs.index) == split.reference
    assert read_evaluation_tables(tmp_path)[0].schema.group == "donor"
    (tmp_path / "test.h5ad").unlink()
    (tmp_path / "reference.h5ad").unlink()
    train, validation, conditions = read_fit_tables(tmp_path, "own")
    assert validation is not None
    asked = [*train.conditions.to_numpy().tolist(), *validation.conditions.to_numpy().tolist()] * 5
    assert conditions.to_numpy().tolist() == asked
    assert not {*split.test, *split.reference} & {*train.obs.index, *validation.obs.index, *conditions.index}


def test_the_control_of_reference_rows_reads_no_training_rows(tmp_path: Path, table: Table) -> None:
    split = folds(table)[0]
    write_split(tmp_path, table, split)
    (tmp_path / "test.h5ad").unlink()
    rows, validation, conditions = read_reference_as_training(tmp_path, "own")
    assert validation is None
    assert tuple(rows.obs.index) == split.reference
    np.testing.assert_allclose(rows.X, table.X[split.rows(table, "reference")], rtol=1e-6)
    assert len(conditions) == len(split.test)
    (tmp_path / "reference.h5ad").unlink()
    assert read_reference(tmp_path) is None
    with pytest.raises(Unsupported, match="which only a split into thirds has"):
        read_reference_as_training(tmp_path, "own")
