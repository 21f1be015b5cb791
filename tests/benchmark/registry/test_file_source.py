from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tabgenbench import Schema, Table
from tabgenbench.data.h5ad import to_anndata, write_table
from tabgenbench.errors import ConfigError, DataError
from tabgenbench.registry.file_source import FileSource, looks_like_file

TABLE = "sample,sex,donor,a,b\n" + "".join(f"S{i},{'fm'[i % 2]},{i // 2},{i},{i * i}\n" for i in range(6))
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: str, name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    return to_file


def test_a_path_alone_finds_roles_and_says_so(write: Write) -> None:
    source = FileSource.from_path(write(TABLE, "my.csv"))
    table = source.load()
    assert (source.name, table.source.name, source.card.title) == ("my", "my", "my")
    assert table.schema == Schema(conditions=("sex",), group="donor")
    assert table.features == ("a", "b")
    assert table.source.note == "my.csv, 6 rows; group by default: donor; conditions by default: sex"
    assert json.dumps(source.describe())


def test_options_beside_the_path(write: Write) -> None:
    path = write(TABLE, "my.csv")
    source = FileSource.from_path(path, {"conditions": "sex", "ignore": ["donor"], "log2p1": True, "targets": ["b"]})
    table = source.load()
    assert table.schema == Schema(conditions=("sex",), targets=("b",))
    assert (table.log2p1, table.scale, table.features) == (True, "linear", ("a", "b"))
    assert table.source.note == "my.csv, 6 rows"
    assert dict(table.source.options) == {
        "conditions": ["sex"],
        "targets": ["b"],
        "ignore": ["donor"],
        "log2p1": True,
    }


def test_a_card_names_file_and_roles_and_options_win_over_it(write: Write) -> None:
    write(TABLE.replace("sample", "key"), "data/table.csv")
    card = write(
        """
        title = "My table"
        citation = "Me, 2024"
        file = "data/table.csv"
        id = "key"
        conditions = ["sex"]
        batch = "donor"
        scale = "counts"
        """,
        "mine.toml",
    )
    source = FileSource.from_path(card)
    table = source.load()
    assert (source.name, source.card.title, source.card.citation) == ("mine", "My table", "Me, 2024")
    assert table.schema == Schema(conditions=("sex",), batch="donor")
    assert (table.scale, table.log2p1, list(table.obs.index[:2])) == ("counts", True, ["S0", "S1"])
    assert source.config == FileSource.Config()  # no output except for the card
    other = FileSource.from_path(card, {"log2p1": False, "name": "raw"})
    assert (other.name, other.load().log2p1) == ("raw", False)


def test_no_conditions_when_the_card_says_so(write: Write) -> None:
    path = write(TABLE, "my.csv")
    with pytest.raises(DataError, match=r"column 'sex', row 'S0': got 'f', expected a number; .*condition"):
        FileSource.from_path(path, {"conditions": []}).load()
    assert FileSource.from_path(path, {"conditions": [], "ignore": "sex"}).load().schema.conditions == ()


def test_text_that_can_be_no_condition_is_named(write: Write) -> None:
    many = "a,place\n" + "".join(f"{i},p{i % 25}\n" for i in range(100))
    with pytest.raises(DataError, match=r"column 'place' contains text with 25 values, .*ignore"):
        FileSource.from_path(write(many, "many.csv")).load()
    rare = "a,place\n1,x\n2,x\n3,y\n"
    with pytest.raises(DataError, match=r"column 'place' contains text with 'y' in one row only"):
        FileSource.from_path(write(rare, "rare.csv")).load()
    assert FileSource.from_path(write(rare, "rare.csv"), {"conditions": ["place"]}).load().n_features == 1


def test_a_slip_in_a_column_of_numbers_does_not_make_it_a_condition(write: Write) -> None:
    slip = "sex,a\n" + "f,1\nm,2\n" * 5 + "f,NA\nm,NA\n"
    with pytest.raises(DataError, match=r"column 'a', row '11': got 'NA', expected a number"):
        FileSource.from_path(write(slip, "slip.csv")).load()


def test_true_and_false_are_a_condition(write: Write) -> None:
    table = FileSource.from_path(write("a,ill\n1,True\n2,False\n3,True\n4,False\n", "my.csv")).load()
    assert sorted(table.obs["ill"].unique()) == ["False", "True"]


def test_h5ad_takes_no_conditions_by_default_and_keeps_its_own(table: Table, tmp_path: Path) -> None:
    write_table(table, tmp_path / "draw.h5ad")
    assert FileSource.from_path(tmp_path / "draw.h5ad").load().schema == table.schema
    adata = to_anndata(table)
    del adata.uns["tabgenbench"]
    adata.write_h5ad(tmp_path / "plain.h5ad")
    plain = FileSource.from_path(tmp_path / "plain.h5ad").load()
    assert plain.schema == Schema(group="donor")
    assert plain.source.note.endswith("group by default: donor; conditions by default: none")
    named = FileSource.from_path(tmp_path / "plain.h5ad", {"conditions": ["tissue", "status"], "batch": "site"}).load()
    assert named.schema == table.schema


def test_identity_follows_content_and_card_and_not_the_place(write: Write, tmp_path: Path) -> None:
    path = write(TABLE, "my.csv")
    first = FileSource.from_path(path).identity()
    assert FileSource.from_path(write(TABLE, "elsewhere/my.csv")).identity() == first
    assert FileSource.from_path(path, {"log2p1": True}).identity() != first
    path.write_text(TABLE.replace("S1", "S9"), encoding="utf-8")
    assert FileSource.from_path(path).identity() != first
    card = write('file = "my.csv"\n', "card.toml")
    before = FileSource.from_path(card).identity()
    card.write_text('file = "my.csv"\nignore = ["b"]\n', encoding="utf-8")
    assert FileSource.from_path(card).identity() != before


@pytest.mark.parametrize(
    ("card", "error", "message"),
    [
        ('file = "t.csv"\nconditons = ["sex"]', ConfigError, "unknown option 'conditons'; did you mean 'conditions'"),
        ('file = "t.csv"\nscale = "log"', ConfigError, "option 'scale': got 'log'"),
        ('file = "none.csv"', DataError, r"none.csv: no such file"),
        ('title = "x"', DataError, r"the card names no file"),
        ("file = t.csv", DataError, r"is not a TOML file"),
        ('file = "t.csv"\ngroup = "patient"', DataError, r"t.csv: no column 'patient', which the schema names"),
        ('file = "t.csv"\ntargets = ["c"]', DataError, r"target 'c' is neither an obs column nor a feature"),
    ],
)
def test_a_card_that_does_not_fit_is_named(write: Write, card: str, error: type[Exception], message: str) -> None:
    write(TABLE, "t.csv")
    with pytest.raises(error, match=message):
        FileSource.from_path(write(card, "card.toml")).load()


def test_paths_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"card.toml: cannot be read \(No such file"):
        FileSource.from_path(tmp_path / "card.toml")
    with pytest.raises(DataError, match=r"t.csv: no such file"):
        FileSource.from_path(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my.csv", True),
        ("my.csv.gz:scale=counts", True),
        ("a/b", True),
        ("card.TOML", True),
        ("cells.h5ad:conditions=[a,b]", True),
        ("rnaseqdb", False),
        ("rnaseqdb:genes=all", False),
        ("simulated-tissues:n_rows=10", False),
    ],
)
def test_what_looks_like_a_file(text: str, expected: bool) -> None:
    assert looks_like_file(text) is expected


@pytest.mark.data
def test_real_tables_by_path(data_dir: Path) -> None:
    insurance = FileSource.from_path(data_dir / "tabular" / "insurance.csv").load()
    assert insurance.X.shape == (1338, 4)
    assert insurance.schema.conditions == ("sex", "smoker", "region")
    options = {"conditions": ["cluster_id", "group_id"], "group": "donor", "batch": "sample_id"}
    cells = FileSource.from_path(data_dir / "single_cell" / "kang_pbmc_ifnb.h5ad", options).load()
    assert (cells.X.shape, cells.scale, cells.log2p1) == ((1556, 1267), "counts", True)
    glioma = FileSource.from_path(data_dir / "single_cell" / "glioblastoma_panobinostat.h5ad").load()
    assert (glioma.X.shape, glioma.schema.group) == ((5000, 300), "patient_id")
    assert isinstance(glioma.obs, pd.DataFrame)


def test_a_table_of_genes_in_rows_can_be_transposed(write: Write) -> None:
    rows = [f"ENSG0000000000{i}," + ",".join(str(i * j) for j in range(1, 5)) for i in range(5)]
    path = write("\n".join(["gene,S1,S2,S3,S4", "tissue,lung,colon,lung,colon", *rows]), "genes.csv")
    table = FileSource.from_path(path, {"transpose": True, "ignore": ["ENSG00000000000"]}).load()
    assert list(table.obs.index) == ["S1", "S2", "S3", "S4"]
    assert table.features == tuple(f"ENSG0000000000{i}" for i in range(1, 5))
    assert list(table.obs["tissue"]) == ["lung", "colon", "lung", "colon"]
    assert table.X.tolist() == [[j * i for i in range(1, 5)] for j in range(1, 5)]
    plain = FileSource.from_path(
        write("\n".join(["gene,S1,S2", *(row.rpartition(",")[0].rpartition(",")[0] for row in rows)]), "plain.csv")
    )
    assert "sample ids such as 'ENSG00000000000' look like genes" in plain.load().source.note
    assert plain.describe()["sample_ids"] == "ENSG00000000000, ENSG00000000001, ENSG00000000002, ..."


def test_what_cannot_be_transposed_is_named(write: Write, table: Table, tmp_path: Path) -> None:
    numbered = write("a,b\n1,2\n3,4\n", "numbered.csv")
    with pytest.raises(DataError, match=r"numbered\.csv: rows have no names to become columns"):
        FileSource.from_path(numbered, {"transpose": True}).load()
    write_table(table, tmp_path / "table.h5ad")
    with pytest.raises(ConfigError, match="option 'transpose' is for CSV, text and Parquet"):
        FileSource.from_path(tmp_path / "table.h5ad", {"transpose": True}).load()
