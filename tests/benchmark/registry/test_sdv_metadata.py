from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tabgenbench.errors import DataError
from tabgenbench.interfaces.dataset import DatasetSource
from tabgenbench.registry.file_source import FileSource, looks_like_file
from tabgenbench.registry.memory_source import MemorySource

ROWS = "key,height,grade,status,member,joined,mail,code\n" + "".join(
    f"k{i},{1.5 + i / 8},{i % 3},{'ab'[i % 2]},{i % 2},{i + 1:02}2021,m{i}@x.org,{7000 + i}\n" for i in range(8)
)
COLUMNS: dict[str, Any] = {
    "key": {"sdtype": "id", "regex_format": "k[0-9]"},
    "height": {"sdtype": "numerical", "computer_representation": "Float"},
    "grade": {"sdtype": "ordinal", "range_values": [0, 1, 2]},
    "status": {"sdtype": "categorical"},
    "member": {"sdtype": "boolean"},
    "joined": {"sdtype": "datetime", "datetime_format": "%m%Y"},
    "mail": {"sdtype": "email", "pii": True},
    "code": {"sdtype": "unknown", "pii": True},
}
TABLE = {"columns": COLUMNS, "primary_key": "key"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a table and its metadata in both formats."""
    (tmp_path / "members.csv").write_text(ROWS)
    (tmp_path / "named.json").write_text(json.dumps({"tables": {"members": TABLE}, "relationships": []}))
    (tmp_path / "plain.json").write_text(json.dumps({**TABLE, "METADATA_SPEC_VERSION": "SINGLE_TABLE_V1"}))
    return tmp_path


def test_both_formats_give_the_kinds_of_the_columns_by_each_way_to_name_them(folder: Path) -> None:
    (folder / "card.toml").write_text('file = "members.csv"\nmetadata = "plain.json"\ntargets = ["status"]\n')
    sources: list[DatasetSource] = [
        FileSource.from_path(folder / "named.json"),
        FileSource.from_path(folder / "plain.json", {"file": "members.csv"}),
        FileSource.from_path(folder / "members.csv", {"metadata": "plain.json"}),
        FileSource.from_path(folder / "card.toml"),
        MemorySource(pd.read_csv(folder / "members.csv", dtype={"joined": str}), metadata=str(folder / "named.json")),
    ]
    assert [source.name for source in sources] == ["members", "plain", "members", "card", "table"]
    for source in sources:
        table = source.load()
        assert table.schema.conditions == ()
        assert table.schema.categorical_features == ("grade", "status", "member")
        assert table.features == ("height", "joined")
        assert [(date.column, date.format) for date in table.schema.dates] == [("joined", "%m%Y")]
        assert list(table.obs.index) == [f"k{i}" for i in range(8)]
    assert sources[3].load().schema.targets == ("status",)


def test_options_win_over_the_metadata(folder: Path) -> None:
    source = FileSource.from_path(folder / "named.json", {"conditions": ["status"], "ignore": ["joined"], "name": "us"})
    table = source.load()
    assert source.name == "us"
    assert (table.schema.conditions, table.schema.categorical_features) == (("status",), ("grade", "member"))
    assert table.features == ("height",)  # without the columns that the metadata leaves out


def test_a_sequence_key_is_the_group(folder: Path) -> None:
    plain = {"columns": COLUMNS | {"status": {"sdtype": "id"}}, "primary_key": "key", "sequence_key": "status"}
    (folder / "plain.json").write_text(json.dumps(plain))
    assert FileSource.from_path(folder / "members.csv", {"metadata": "plain.json"}).load().schema.group == "status"


def test_identity_follows_the_kinds_and_not_the_name_of_the_metadata(folder: Path) -> None:
    def identity() -> str:
        path = next(folder.glob("plain*.json"))
        return FileSource.from_path(folder / "members.csv", {"metadata": path.name}).identity()

    first = identity()
    (folder / "plain.json").rename(folder / "plain-2.json")
    assert identity() == first
    (folder / "plain-2.json").write_text(json.dumps(TABLE | {"columns": COLUMNS | {"grade": {"sdtype": "numerical"}}}))
    assert identity() != first


def changed(**columns: Any) -> str:
    return json.dumps({**TABLE, "columns": COLUMNS | columns})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed(grade={"sdtype": "numercal"}), "column 'grade' has the sdtype 'numercal', .*did you mean 'numerical'"),
        (changed(grade={"sdtype": "colour"}), "'colour', expected one of numerical, .*or add \"pii\": true"),
        (changed(grade={"type": "numerical"}), "column 'grade' has no sdtype"),
        (changed(joined={"sdtype": "datetime", "datetime_format": 3}), "'joined': got the datetime_format 3"),
        (changed(salary={"sdtype": "categorical"}), "members.csv: no column 'salary'"),
        (json.dumps({**TABLE, "primary_key": "kex"}), "primary_key is 'kex', which is no column; did you mean 'key'"),
        (json.dumps({"tables": {"a": TABLE, "b": TABLE}}), "describes 2 tables, expected one"),
        (json.dumps({"tables": {"a": 3}}), "table 'a' is 3, expected an object"),
        (json.dumps({"columns": [{"name": "age"}]}), 'has no "columns", expected an object'),
        ("[1, 2]", "got a JSON list, expected the metadata of one table"),
        ("{", "is not JSON"),
    ],
)
def test_unknown_content_is_named(folder: Path, text: str, message: str) -> None:
    (folder / "plain.json").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        FileSource.from_path(folder / "members.csv", {"metadata": "plain.json"}).load()
    assert "\n" not in str(caught.value)


def test_missing_files_are_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"plain.json: does not name its table; run with plain.json:file=table.csv"):
        FileSource.from_path(folder / "plain.json")
    with pytest.raises(DataError, match=r"none.json: cannot be read \(No such file or directory\)"):
        FileSource.from_path(folder / "members.csv", {"metadata": "none.json"})
    assert looks_like_file("metadata.json:file=table.csv")
