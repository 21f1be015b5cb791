from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tabgenbench.data.frame_file import read_frame
from tabgenbench.data.text_file import BLANKS


@pytest.mark.parametrize("name", ["my.csv", "my.csv.gz"])
@pytest.mark.parametrize("header", ["age,work,town", "age, work, town"])
def test_blanks_after_each_comma_are_removed_from_names_and_values(tmp_path: Path, name: str, header: str) -> None:
    text = f"{header}\n39, State, A\n50, ?, B\n38,, A\n".encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    frame = read_frame(path, text=["town"], missing=["?"])
    assert list(frame.columns) == ["age", "work", "town"]
    assert frame["work"].dropna().tolist() == ["State"]
    assert frame["town"].tolist() == ["A", "B", "A"]
    assert frame["age"].tolist() == [39, 50, 38]
    assert frame.attrs[BLANKS]


def test_a_blank_before_some_values_stays(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text("a,b,c\n1, x,y\n2,x, y\n")
    frame = read_frame(path)
    assert frame["b"].tolist() == [" x", "x"]
    assert not frame.attrs[BLANKS]


def test_quoted_text_keeps_its_blank(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text('a,b\n1," x, y"\n2,z\n')
    assert read_frame(path)["b"].tolist() == [" x, y", "z"]
