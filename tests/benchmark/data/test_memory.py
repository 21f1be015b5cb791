from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from tabgenbench import DataError
from tabgenbench.data.frame_file import read_frame
from tabgenbench.data.memory import adata_as_read, frame_as_read


def small(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"kind": ["a", "b", "a"], "x": [1.0, 2.0, 3.0], **columns})


def test_a_frame_read_from_a_file_is_as_the_file_itself(tmp_path: Path) -> None:
    frame = small()
    frame.insert(0, "sample", ["p", "q", "r"])
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    pd.testing.assert_frame_equal(frame_as_read(pd.read_csv(path), "table"), read_frame(path))
    numbered = small()
    numbered.to_csv(path, index=False)
    pd.testing.assert_frame_equal(frame_as_read(numbered, "table"), read_frame(path))


def test_an_index_of_its_own_holds_the_ids() -> None:
    frame = small().set_axis(pd.Index([7, 8, 9], name="plate"), axis=0)
    found = frame_as_read(frame, "table")
    assert found.index.tolist() == ["7", "8", "9"]
    assert frame_as_read(frame, "table", ids="plate").index.tolist() == ["7", "8", "9"]
    assert frame.index.tolist() == [7, 8, 9]


def test_a_column_can_hold_the_ids() -> None:
    found = frame_as_read(small(code=[11, 12, 13]), "table", ids="code")
    assert found.index.tolist() == ["11", "12", "13"]
    assert list(found.columns) == ["kind", "x"]


def test_names_of_columns_are_text_and_objects_that_are_numbers_count_as_numbers() -> None:
    frame = pd.DataFrame({3: pd.Series([1, 2], dtype=object), "y": [1, 2]})
    found = frame_as_read(frame, "table")
    assert list(found.columns) == ["3", "y"]
    assert found["3"].dtype == np.int64


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (small().iloc[:0], "table: has 0 rows and 2 columns"),
        (small().set_axis(["k", "k"], axis=1), "column 'k' occurs more than once"),
        (small().set_axis(["s", "s", "t"], axis=0), r"the index holds 's' more than once.*reset_index\(drop=True\)"),
    ],
)
def test_what_is_wrong_is_one_sentence(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        frame_as_read(frame, "table")


def test_an_adata_stays_as_it_is() -> None:
    obs = pd.DataFrame({"kind": ["a", "b"], "note": ["x", "y"]}, index=["s1", "s2"])
    adata = anndata.AnnData(X=np.ones((2, 3), np.float32), obs=obs, var=pd.DataFrame(index=["g1", "g2", "g3"]))
    found = adata_as_read(adata, "cells", ignore=["note", "g2"])
    assert list(found.obs.columns) == ["kind"]
    assert found.var_names.tolist() == ["g1", "g3"]
    assert list(adata.obs.columns) == ["kind", "note"]
    assert adata.shape == (2, 3)
    with pytest.raises(DataError, match="cells: obs has no column 'nota'; did you mean 'note'"):
        adata_as_read(adata, "cells", ignore=["nota"])
