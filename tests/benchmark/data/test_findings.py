from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgenbench import DataError, Schema, Source, Table
from tabgenbench.data.findings import examples, gene_ids, near_equal_values, quoted_labels, with_findings


def table_of(obs: pd.DataFrame, *conditions: str) -> Table:
    values = np.arange(len(obs) * 2, dtype=np.float32).reshape(-1, 2)
    obs = obs.set_axis([f"S{i}" for i in range(len(obs))]).astype("category")
    return Table(values, obs, ("a", "b"), schema=Schema(conditions=conditions), source=Source("mine", note="6 rows"))


def note_of(table: Table) -> str:
    return with_findings(table, where="mine.csv").source.note


def test_values_that_differ_in_case_or_blanks_are_named_together() -> None:
    values = ["normal", "normal ", "Normal", "normal\xa0", "cancer", "can  cer", "can cer"]
    (note,) = near_equal_values(table_of(pd.DataFrame({"kind": values}), "kind"))
    assert note == (
        r"column 'kind': the values 'Normal', 'normal', 'normal ', 'normal\xa0' differ only in case or blanks "
        "(and 1 more such group)"
    )
    assert near_equal_values(table_of(pd.DataFrame({"kind": ["u", "v", "u"]}))) == []


def test_labels_quote_blanks_at_the_ends() -> None:
    conditions = pd.DataFrame({"kind": ["a", "a ", " b"], "sex": ["f", "", "m"]})
    assert list(quoted_labels(conditions)) == ["kind=a, sex=f", "kind='a ', sex=''", "kind=' b', sex=m"]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([f"ENSG{i:011d}.{i}" for i in range(9)], True),
        ([f"ENSMUSG{i:011d}" for i in range(9)] + ["__no_feature"], True),
        (["1007_s_at", "1053_at", "117_at"], True),
        (["NM_000014.6", "NM_000015", "NR_000016.2"], True),
        (["A1BG", "TP53", "GAPDH", "ACTB", "EGFR", "ZZZ3"], True),
        ([f"S{i}" for i in range(9)], False),
        (["TCGA-A1-0001", "GTEX-1117F", "TP53"], False),
        ([str(i) for i in range(9)], False),
    ],
)
def test_ids_of_genes_are_recognised(ids: list[str], expected: bool) -> None:
    assert gene_ids(ids) is expected


def test_the_note_adds_what_is_unusual_to_what_is_known() -> None:
    table = table_of(pd.DataFrame({"kind": list("uvuvuv")}), "kind")
    assert note_of(table) == "6 rows"
    twice = table.take([0, 1, 2, 0, 1, 2])
    assert note_of(twice) == "6 rows; 3 of 6 rows repeat an earlier row"
    genes = Table(table.X, table.obs.set_axis([f"ENSG{i:011d}" for i in range(6)]), table.features)
    assert "'ENSG00000000000' look like genes: rows are taken as samples" in note_of(genes)


def test_more_possible_combinations_than_rows_are_a_note() -> None:
    kinds, stages = list("uvwuvw"), list("112233")
    table = table_of(pd.DataFrame({"kind": kinds, "stage": stages}).iloc[[0, 0, 1, 2, 3, 4]], "kind", "stage")
    wide = table_of(pd.DataFrame({"kind": list("uuvwxy"), "stage": list("112345")}), "kind", "stage")
    assert "the conditions kind x stage have 9 possible combinations of values for 6 rows; 5 occur" in note_of(table)
    assert "kind x stage have 25 possible combinations" in note_of(wide)


def test_conditions_that_differ_in_every_row_are_an_error() -> None:
    obs = pd.DataFrame({"kind": list("uuvv"), "stage": list("1212")})
    message = (
        "mine.csv: the conditions kind, stage have 4 combinations of values in 4 rows, expected several rows for some"
    )
    with pytest.raises(DataError, match=message):
        note_of(table_of(obs, "kind", "stage"))
    with pytest.raises(DataError, match=r"the condition name has 4 values in 4 rows, .*; name other conditions"):
        note_of(table_of(pd.DataFrame({"name": list("abcd")}), "name"))
    assert note_of(table_of(obs, "kind")) == note_of(table_of(obs[:2], "stage")) == "6 rows"


def test_examples_are_the_first_three() -> None:
    assert examples(["S1", "S2 ", 3, 4]) == "S1, 'S2 ', 3, ..."
    assert examples(["S1", "S2"]) == "S1, S2"
