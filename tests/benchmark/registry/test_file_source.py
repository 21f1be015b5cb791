from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Gap, Schema, Table
from tabgenbench.data.file_form import to_frame
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
    assert table.schema == Schema(group="donor", categorical_features=("sex",), whole_numbers=("a", "b"))
    assert table.features == ("a", "b")
    assert table.source.note == (
        "my.csv, 6 rows; sample ids: sample; group by default: donor; conditions by default: none; "
        "categorical features by default: sex; "
        "few whole numbers, which categorical_features=[...] makes categories: a, b"
    )
    assert json.dumps(source.describe())


def test_options_beside_the_path(write: Write) -> None:
    path = write(TABLE, "my.csv")
    source = FileSource.from_path(path, {"conditions": "sex", "ignore": ["donor"], "log2p1": True, "targets": ["b"]})
    table = source.load()
    assert table.schema == Schema(conditions=("sex",), targets=("b",), whole_numbers=("a", "b"))
    assert (table.log2p1, table.scale, table.features) == (True, "linear", ("a", "b"))
    assert table.source.note.startswith("my.csv, 6 rows; sample ids: sample; few whole numbers")
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


def test_text_is_generated_where_the_card_names_no_condition(write: Write) -> None:
    path = write(TABLE.replace("sex", "label"), "my.csv")
    assert FileSource.from_path(path).load().schema.conditions == ("label",)
    named = FileSource.from_path(path, {"conditions": []}).load().schema
    assert (named.conditions, named.categorical_features) == ((), ("label",))
    assert FileSource.from_path(path, {"conditions": [], "ignore": "label"}).load().schema.categorical_features == ()


def test_text_like_an_identifier_is_left_out_with_the_way_to_keep_it(write: Write) -> None:
    path = write("a,code\n" + "".join(f"{i},p{i % 60}\n" for i in range(100)), "many.csv")
    table = FileSource.from_path(path).load()
    assert table.schema.categorical_features == ()
    assert "left out, like an identifier or free text: code" in table.source.note
    [_, code] = table.source.layout.columns
    assert (code.role, code.kind) == ("left out", "text")
    assert code.guess == "60 values in 100 rows, like an identifier or free text; categorical_features=[code] keeps it"
    kept = FileSource.from_path(path, {"categorical_features": ["code"]}).load()
    assert kept.schema.categorical_features == ("code",)
    assert FileSource.from_path(path, {"conditions": ["code"]}).load().n_features == 1


@pytest.mark.parametrize("slip", ["?", "-", "<0.01", "high"])
def test_a_slip_in_a_column_of_numbers_is_named(write: Write, slip: str) -> None:
    path = write("sex,a\n" + "f,1\nm,2\n" * 5 + f"f,{slip}\nm,{slip}\n", "slip.csv")
    with pytest.raises(DataError, match=rf"column 'a', row '11': got '{re.escape(slip)}', expected a number"):
        FileSource.from_path(path).load()
    table = FileSource.from_path(path, {"missing_values": [slip]}).load()
    assert table.is_gap("a").sum() == 2


@pytest.mark.parametrize("token", ["", "NA", "N/A", "NaN", "NULL", "#N/A"])
def test_gaps_are_kept_dropped_or_refused(write: Write, token: str) -> None:
    path = write("g,sex,a\n" + "1.5,f,1.25\n2.5,m,2.5\n" * 5 + f"3.5,{token},0.5\n1.5,m,{token}\n", "gaps.csv")
    table = FileSource.from_path(path).load()
    assert table.schema.gaps == (
        Gap(column="sex", shown_by="sex", value="missing"),
        Gap(column="a", shown_by="a is missing", value="yes"),
    )
    assert table.schema.categorical_features == ("sex", "a is missing")
    assert table.source.note.endswith("missing values kept: sex (1), a (1); 8 of 12 rows repeat an earlier row")
    assert np.isnan(table.X).sum() == 1
    dropped = FileSource.from_path(path, {"missing": "drop-rows"}).load()
    assert (dropped.n_rows, dropped.schema.gaps) == (10, ())
    assert dropped.source.note.endswith("2 rows with missing values dropped; 8 of 10 rows repeat an earlier row")
    with pytest.raises(DataError, match=r"column 'sex', row '11': is empty, expected a value; .*missing = keep"):
        FileSource.from_path(path, {"missing": "error"}).load()


def test_true_and_false_are_a_category(write: Write) -> None:
    table = FileSource.from_path(write("a,ill\n1,True\n2,False\n3,True\n4,False\n", "my.csv")).load()
    assert sorted(table.obs["ill"].unique()) == ["False", "True"]
    assert table.schema.categorical_features == ("ill",)


@pytest.mark.parametrize(
    ("dates", "unit", "values"),
    [
        (["2020-01-05", "2020-01-01", "2021-01-01"], "day", [4, 0, 366]),
        (["05.01.2020", "01.01.2020", "13.02.2020"], "day", [4, 0, 43]),
        (["2020-01-01 10:30", "2020-01-01 10:00", "2020-01-02 10:00"], "minute", [30, 0, 1440]),
        (["2020-01-01T10:00:00", "2020-01-01T13:00:00", "2020-01-02T10:00:00"], "hour", [0, 3, 24]),
    ],
)
def test_dates_are_whole_units_since_the_first(write: Write, dates: list[str], unit: str, values: list[int]) -> None:
    path = write("a,day\n" + "".join(f"{i}.5,{dates[i % 3]}\n" for i in range(9)), "my.csv")
    table = FileSource.from_path(path).load()
    assert table.features == ("a", "day")
    assert [(one.column, one.unit) for one in table.schema.dates] == [("day", unit)]
    assert table.X[:3, 1].tolist() == values
    assert to_frame(table)["day"].tolist() == dates * 3


def test_a_single_date_with_gaps_is_a_date(write: Write) -> None:
    table = FileSource.from_path(write("a,day\n" + "1.5,2020-01-05\n2.5,\n" * 5, "my.csv")).load()
    assert table.features == ("a", "day")
    assert [gap.column for gap in table.schema.gaps] == ["day"]
    assert to_frame(table)["day"].fillna("").tolist() == ["2020-01-05", ""] * 5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "a,day\n" + "1,2020-01-05\n2,2020-02-05\n" * 3 + "3,05/02/2020\n",
            r"'day', row '7': got '05/02/2020'.*'2020-01-05'",
        ),
        ("a,day\n" + "1,2020-01-05\n2,2020-02-05\n" * 9 + "3,soon\n", r"'day', row '19': got 'soon', expected a date"),
        (
            "a,t\n1,1990-01-01 00:00:01\n2,2020-01-01 00:00:02\n3,2020-01-01 00:00:03\n",
            r"'t': its times span .* seconds",
        ),
        ("a,n\n1.5,16777216\n2.5,16777217\n", r"'n': whole numbers up to 16,777,217 are too large"),
    ],
)
def test_values_that_float32_or_one_format_cannot_hold_are_named(write: Write, content: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        FileSource.from_path(write(content, "my.csv")).load()


def test_a_column_of_one_value_or_none_is_a_note_and_is_written_as_it_was(write: Write) -> None:
    content = "a,land,empty,n\n" + "".join(f"{i}.5,DE,,7\n" for i in range(6))
    table = FileSource.from_path(write(content, "my.csv")).load()
    assert table.features == ("a", "n")
    assert "one value or none: land, empty, n" in table.source.note
    assert to_frame(table).to_csv(index=False) == content


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
        ('file = "t.csv"\ngroup = "patient"', DataError, r"t.csv: no column 'patient', given as the group"),
        ('file = "t.csv"\ntargets = ["c"]', DataError, r"no column 'c', given as a target"),
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
    assert insurance.schema.categorical_features == ("sex", "smoker", "region")
    assert insurance.schema.whole_numbers == ("age", "children")
    options = {"conditions": ["cluster_id", "group_id"], "group": "donor", "batch": "sample_id"}
    cells = FileSource.from_path(data_dir / "single_cell" / "kang_pbmc_ifnb.h5ad", options).load()
    assert (cells.X.shape, cells.scale, cells.log2p1) == ((1556, 1267), "counts", True)
    glioma = FileSource.from_path(data_dir / "single_cell" / "glioblastoma_panobinostat.h5ad").load()
    assert (glioma.X.shape, glioma.schema.group) == ((5000, 300), "patient_id")
    assert isinstance(glioma.obs, pd.DataFrame)


CARDS = {"kang": (1556, 1267), "glioblastoma": (5000, 300), "mixology": (1408, 11533)}
SINGLE_CELL = Path(__file__).parents[3] / "examples" / "single-cell"


@pytest.mark.parametrize("card", CARDS)
def test_cards_of_single_cell_files_are_valid(card: str) -> None:
    fields = tomllib.loads((SINGLE_CELL / f"{card}.toml").read_text(encoding="utf-8"))
    said = FileSource.Config.model_validate(fields)
    assert (said.name, said.per_10k) == (card, True)
    assert said.citation
    files = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in SINGLE_CELL.glob("*.toml")}
    assert {name for name, fields in files.items() if "file" in fields} == set(CARDS)  # the others are suites


@pytest.mark.data
@pytest.mark.parametrize("card", CARDS)
def test_cards_of_single_cell_files_read_them(card: str, data_dir: Path) -> None:
    path = SINGLE_CELL / f"{card}.toml"
    file = data_dir / "single_cell" / tomllib.loads(path.read_text(encoding="utf-8"))["file"]
    table = FileSource.from_path(path, {"file": str(file)}).load()
    assert (table.X.shape, table.scale, table.schema.per_10k) == (CARDS[card], "counts", True)
    assert (table.X.data == np.rint(table.X.data)).all()


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
