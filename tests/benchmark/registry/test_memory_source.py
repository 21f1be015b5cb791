from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from tabgenbench import ConfigError, DataError, Schema, Table, to_anndata
from tabgenbench.registry.file_source import FileSource
from tabgenbench.registry.memory_source import MemorySource


@pytest.fixture
def frame() -> pd.DataFrame:
    """24 rows: an id, a category, a patient, three features."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.gamma(2.0, 3.0, (24, 3)).round(3), columns=["g1", "g2", "g3"])
    frame.insert(0, "sample", [f"s{i}" for i in range(24)])
    frame.insert(1, "kind", ["a", "b"] * 12)
    frame.insert(2, "patient", [f"p{i // 2}" for i in range(24)])
    return frame


def test_a_frame_is_the_table_of_the_same_file(frame: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "cohort.csv"
    frame.to_csv(path, index=False)
    of_file, of_frame = FileSource.from_path(path).load(), MemorySource(frame, name="cohort").load()
    assert of_frame.fingerprint() == of_file.fingerprint()
    assert of_frame.schema == Schema(group="patient", categorical_features=("kind",))
    assert of_frame.source.note == (
        "cohort, 24 rows; sample ids: sample; group by default: patient; conditions by default: none; "
        "categorical features by default: kind"
    )


def test_roles_are_as_they_are_said(frame: pd.DataFrame) -> None:
    source = MemorySource(frame, name="mine", id="sample", conditions="patient", ignore=["kind", "g2"], log2p1=True)
    table = source.load()
    assert table.schema.conditions == ("patient",)
    assert table.schema.group is None
    assert table.features == ("g1", "g3")
    assert table.log2p1
    assert table.source.name == "mine"


def test_numbers_can_be_a_condition(frame: pd.DataFrame) -> None:
    table = MemorySource(frame.assign(stage=[1, 2] * 12), conditions=["stage"], ignore="kind").load()
    assert table.conditions["stage"].unique().tolist() == ["1", "2"]
    by_default = MemorySource(frame.assign(status=[1, 2] * 12, ward=pd.Categorical([1, 2] * 12)), ignore="kind").load()
    assert by_default.schema.conditions == ("status",)
    assert by_default.schema.categorical_features == ("ward",)


def test_the_identity_is_that_of_the_content(frame: pd.DataFrame) -> None:
    first = MemorySource(frame).identity()
    assert MemorySource(frame.copy()).identity() == first
    changed = frame.copy()
    changed.loc[5, "g2"] += 0.001
    others = [
        MemorySource(changed),
        MemorySource(frame.iloc[::-1]),
        MemorySource(frame.rename(columns={"g1": "g0"})),
        MemorySource(frame, conditions="kind"),
        MemorySource(frame, name="other"),
    ]
    assert len({first, *(source.identity() for source in others)}) == 1 + len(others)


def test_a_frame_that_is_changed_later_is_another_dataset(frame: pd.DataFrame) -> None:
    source = MemorySource(frame)
    before = source.identity()
    frame.loc[0, "g1"] += 1
    assert source.identity() != before


def test_an_adata_takes_named_conditions_only(table: Table) -> None:
    adata = anndata.AnnData(X=table.X, obs=table.obs, var=pd.DataFrame(index=list(table.features)))
    assert MemorySource(adata).load().schema.conditions == ()
    found = MemorySource(adata, conditions=["tissue"], group="donor").load()
    assert found.schema.conditions == ("tissue",)
    assert found.schema.group == "donor"
    assert list(adata.obs.columns) == list(table.obs.columns)


def test_an_adata_that_this_program_made_keeps_its_roles(table: Table) -> None:
    assert MemorySource(to_anndata(table)).load().schema == table.schema


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda frame: frame.assign(patient=[None, *frame["patient"][1:]]),
            "dataset 'table': column 'patient', row 's0': is empty",
        ),
        (
            lambda frame: frame.assign(g1=["high", *frame["g1"][1:]]),
            "column 'g1', row 's0': got 'high', expected a number",
        ),
        (lambda frame: frame.assign(g1=-np.inf), "row 's0', column 'g1': -inf is not a finite number"),
        (lambda frame: frame[["sample", "patient"]], "no column is left for features"),
    ],
)
def test_a_bad_frame_names_row_and_column(
    frame: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        MemorySource(change(frame)).load()


def test_what_does_not_fit_is_one_sentence(frame: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="dataset 'table': unknown option 'condition'; did you mean 'conditions'"):
        MemorySource(frame, condition="kind")
    with pytest.raises(ConfigError, match="unknown option 'file'"):
        MemorySource(frame, file="x.csv")
    with pytest.raises(DataError, match=r"dataset 'table': got builtins.list, expected a pandas.DataFrame"):
        MemorySource([1, 2])


def test_its_card_says_what_it_is(frame: pd.DataFrame) -> None:
    assert MemorySource(frame, name="cohort").card.summary == "DataFrame of 24 rows"
    card = MemorySource(frame, title="A cohort", licence="CC0").card
    assert (card.title, card.licence) == ("A cohort", "CC0")


def test_names_may_be_doubled_or_lack_a_blank_and_the_note_is_that_of_a_file(frame: pd.DataFrame) -> None:
    doubled = pd.concat([frame, frame.assign(sample=frame["sample"] + "x")]).rename(columns={"kind": "kind "})
    table = MemorySource(doubled, conditions=["kind", "kind "], ignore=["patient"], id="sample").load()
    assert table.schema.conditions == ("kind ",)
    assert table.source.note == "table, 48 rows; 24 of 48 rows repeat an earlier row"
    with pytest.raises(DataError, match="the condition patient has 24 values in 24 rows"):
        MemorySource(frame.assign(patient=range(24)), conditions=["patient"], ignore=["kind"]).load()
