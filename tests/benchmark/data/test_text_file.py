from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from tabgenbench.data.frame_file import read_frame
from tabgenbench.errors import DataError

ROWS = "sex,a,b\nf,1.5,2\nm,3,4\nf,5,7.5\n"


def save(folder: Path, content: str | bytes, name: str = "my.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(ROWS.encode()),
        ROWS.encode("utf-16"),
        ROWS.encode("utf-16-be").join([b"\xfe\xff", b""]),
        gzip.compress(ROWS.encode("utf-16")),
        ROWS.encode("utf-8-sig"),
        ROWS.replace("\n", "\r").encode("utf-8-sig"),
        ROWS.replace("\n", "\r\n").encode(),
    ],
    ids=["gzip", "UTF-16 LE", "UTF-16 BE", "gzip of UTF-16", "mark", "mark and CR", "CRLF"],
)
def test_every_form_of_a_text_file_is_the_same_table(tmp_path: Path, content: bytes) -> None:
    expected = read_frame(save(tmp_path, ROWS, "plain.csv"))
    pd.testing.assert_frame_equal(read_frame(save(tmp_path, content)), expected)


def test_a_file_named_gz_may_be_plain_text(tmp_path: Path) -> None:
    assert read_frame(save(tmp_path, ROWS, "my.csv.gz")).shape == (3, 3)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (ROWS.replace(",", ";").replace(".", ","), "my.csv", "is separated by ';', expected ','; .*decimal sign"),
        (ROWS.replace(",", ";"), "my.csv", "is separated by ';', expected ','"),
        ('"a; or so, more";b;c\n1,5;2;3\n', "my.csv", "is separated by ';', expected ','"),
        (ROWS.replace(",", "\t"), "my.csv", "is separated by tabs, expected ','; .* or rename the file to .tsv"),
        (ROWS, "my.txt", "is separated by ',', expected tabs; .* or rename the file to .csv"),
        (ROWS.replace(",", "|"), "my.tsv", r"is separated by '\|', expected tabs"),
        (b"PK\x03\x04 and so on", "my.csv", "is a zip archive or an Excel workbook, expected text"),
        (gzip.compress(b"PAR1 and so on", mtime=0), "my.csv", "is a Parquet file, expected text"),
        (ROWS.encode("utf-16-le"), "my.csv", "contains zero bytes, .* UTF-16 without a byte order mark"),
        (b"sex,a\nm\xe4nnlich,1\n", "my.csv", "is not UTF-8 text, perhaps .* Windows-1252"),
    ],
)
def test_a_text_of_another_kind_is_named(tmp_path: Path, content: str | bytes, name: str, message: str) -> None:
    with pytest.raises(DataError, match=f"{name}: {message}"):
        read_frame(save(tmp_path, content, name))


@pytest.mark.parametrize("name", ["dose, mg", "dose; mg", "gene|symbol"])
def test_a_mark_in_a_single_name_is_no_other_delimiter(tmp_path: Path, name: str) -> None:
    assert list(read_frame(save(tmp_path, f'"{name}"\n1\n2\n4\n')).columns) == [name]


@pytest.mark.parametrize(
    "content",
    [
        "u,6.1,5.3,4.4\nv,3.1,7.2,4.1\nu,7.7,4.9,9\n",
        "5.1,3.5\n4.9,3.0\n6,4\n",
        "u,1,0,0\nv,0,1,1\n",  # two names are equal
        "3,1,7\n2,0,9\n5,4,6\n",
    ],
)
def test_a_missing_header_is_named(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match=r"my.csv: column names are numbers \(.*\), is the header missing\?"):
        read_frame(save(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        "kind,0,1,2\nu,0.5,1.5,2.5\nv,-1,-2,5\n",  # as pandas numbers columns
        "kind,2010,2015,2020\nu,1000,1000,1000\nv,3000,3000,3000\n",
        "kind,400.5,500.5,600\nu,0.1,0.2,0.3\nv,0.2,0.3,0.9\n",  # wavelengths
        "kind,1e3,b,7\nu,1,2,3\nv,2000,3,9\n",
        "2024\n2000\n3000\n",
    ],
)
def test_names_that_are_numbers_may_be_meant(tmp_path: Path, content: str) -> None:
    assert list(read_frame(save(tmp_path, content), text=["kind"]).columns) == content.partition("\n")[0].split(",")


@pytest.mark.parametrize("name", ["Unnamed: 0", "Unnamed: 0.1", "Unnamed: 0_level_0"])
def test_the_index_that_pandas_has_written_names_the_rows(tmp_path: Path, name: str) -> None:
    frame = read_frame(save(tmp_path, f"{name},a\n7,1\n9,2\n"))
    assert (list(frame.index), list(frame.columns), frame.attrs["ids"]) == (["7", "9"], ["a"], name)


def test_older_copies_of_the_index_are_dropped_and_other_columns_stay(tmp_path: Path) -> None:
    frame = read_frame(save(tmp_path, "Unnamed: 0,Unnamed: 0.1,a,Unnamed: 3\n0,4,1,2\n1,5,2,3\n"))
    assert list(frame.columns) == ["a", "Unnamed: 3"]
    assert list(read_frame(save(tmp_path, "a,Unnamed: 0\n1,2\n3,4\n")).columns) == ["a", "Unnamed: 0"]
