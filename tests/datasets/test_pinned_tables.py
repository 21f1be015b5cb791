from __future__ import annotations

import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tabgenbench.data.file_form import to_frame
from tabgenbench.errors import ConfigError, DataError
from tabgenbench.interfaces.dataset import Fetchable
from tabgenbench.options import make_options
from tabgenbench_datasets.fetching import Downloader, PinnedFile, blob_sha1
from tabgenbench_datasets.pinned_tables import Adult, Credit, Insurance, Mushrooms, PinnedTable, SNSData

TABLES: list[type[PinnedTable]] = [Adult, Credit, Insurance, Mushrooms, SNSData]

# In the format of the file: no blank in the header and before numbers, one before text, ? for a missing value.
ADULT = """\
age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,sex,capital-gain,capital-loss,\
hours-per-week,native-country,income
39, State-gov,77516, Bachelors,13, Never-married, Sales, Not-in-family, White, Male,2174,0,40, United-States, <=50K
50, ?,83311, HS-grad,9, Divorced, ?, Husband, Black, Female,0,0,13, Cuba, >50K
38, Private,215646, HS-grad,9, Divorced, Sales, Husband, White, Male,0,0,40, United-States, <=50K
40, Private,121772, Bachelors,13, Divorced, Sales, Husband, Black, Female,0,1902,40, ?, >50K
"""


@pytest.fixture
def open_table(tmp_path: Path) -> Callable[..., PinnedTable]:
    """Open a table whose pinned content is a given text."""

    def make(kind: type[PinnedTable], text: str, **options: Any) -> PinnedTable:
        file = PinnedFile(f"tabular/{kind.name}.csv", blob_sha1(text.encode()))
        path = tmp_path / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        config = make_options(kind.Config, options, where=f"dataset {kind.name!r}")
        return kind(config, data_dir=tmp_path, file=file)

    return make


def test_adult_has_the_documented_kinds_and_roles(open_table: Callable[..., PinnedTable]) -> None:
    table = open_table(Adult, ADULT).load().validate()
    numbers = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")
    assert table.features == numbers
    assert table.schema.whole_numbers == numbers
    assert len(table.schema.categorical_features) == 9
    assert (table.schema.conditions, table.schema.targets) == ((), ("income",))
    assert [gap.column for gap in table.schema.gaps] == ["workclass", "occupation", "native-country"]
    assert set(table.obs["income"]) == {"<=50K", ">50K"}
    assert set(table.obs["workclass"]) == {"State-gov", "missing", "Private"}
    assert "blanks before values removed" in table.source.note


def test_an_option_gives_a_column_of_the_card_another_role(open_table: Callable[..., PinnedTable]) -> None:
    source = open_table(Adult, ADULT, conditions=["income"], ignore=["fnlwgt"])
    rows = {row["column"]: row["role"] for row in source.describe()["columns"]}
    assert rows.pop("income") == "condition, target"
    assert len(rows) == 13
    assert set(rows.values()) == {"feature"}
    credit = "amount,default\n10,1\n20,2\n30,1\n"
    by_default = open_table(Credit, credit).load()
    assert by_default.schema.categorical_features == by_default.schema.targets == ("default",)
    conditional = open_table(Credit, credit, conditions="default").load()
    assert (conditional.schema.conditions, conditional.schema.categorical_features) == (("default",), ())
    without = open_table(Insurance, "age,charges,sex\n20,1.5,f\n30,2.5,m\n", ignore="charges").load()
    assert (without.features, without.schema.targets) == (("age",), ())


def test_the_table_can_be_written_in_the_form_of_its_file(open_table: Callable[..., PinnedTable]) -> None:
    frame = to_frame(open_table(Adult, ADULT).load())
    assert list(frame.columns) == ADULT.partition("\n")[0].split(",")
    assert frame["age"].tolist() == [39, 50, 38, 40]
    assert frame["workclass"].tolist() == ["State-gov", None, "Private", "Private"]


def test_mushrooms_are_categories_alone_with_one_constant_column(open_table: Callable[..., PinnedTable]) -> None:
    table = open_table(Mushrooms, "type,stalk_root,veil_type\np,b,p\ne,?,p\np,b,p\ne,b,p\n").load().validate()
    assert table.n_features == 0
    assert table.schema.categorical_features == ("type", "stalk_root")
    assert table.obs["stalk_root"].tolist() == ["b", "missing", "b", "b"]
    assert to_frame(table)["veil_type"].tolist() == ["p"] * 4


def test_snsdata_keeps_its_gaps(open_table: Callable[..., PinnedTable]) -> None:
    table = open_table(SNSData, "gradyear,gender,age,god\n2006,M,18.9,0\n2007,NA,,3\n2006,F,17.2,1\n").load().validate()
    assert table.is_gap("gender").tolist() == table.is_gap("age").tolist() == [False, True, False]
    assert table.schema.whole_numbers == ("gradyear", "god")


def test_identity_follows_options_and_content(open_table: Callable[..., PinnedTable]) -> None:
    first = open_table(Adult, ADULT).identity()
    assert open_table(Adult, ADULT).identity() == first
    assert open_table(Adult, ADULT, conditions=["income"]).identity() != first
    assert open_table(Adult, ADULT.replace("Cuba", "Peru")).identity() != first


def test_a_wrong_or_missing_file_is_named_with_the_fix(open_table: Callable[..., PinnedTable], tmp_path: Path) -> None:
    source = open_table(Adult, ADULT)
    (tmp_path / "tabular" / "adult.csv").write_text(ADULT + ADULT)
    for call in (source.load, source.identity):
        with pytest.raises(DataError, match=r"adult.csv: git blob SHA-1 .*run: tabgenbench dataset fetch adult"):
            call()
    assert [one.status for one in source.verify()] == ["wrong"]
    (tmp_path / "tabular" / "adult.csv").unlink()
    with pytest.raises(DataError, match=r"adult.csv: cannot be read .*fetch adult, or name --data-dir"):
        source.load()


def test_fetch_downloads_the_file(serve: Callable[..., Any], tmp_path: Path) -> None:
    server = serve({"adult.csv": ADULT.encode()})
    file = PinnedFile("tabular/adult.csv", blob_sha1(ADULT.encode()), f"{server.url}/adult.csv")
    source = Adult(data_dir=tmp_path, file=file, downloader=Downloader(backoff=0.0))
    assert isinstance(source, Fetchable)
    assert [one.status for one in source.fetch(lambda _: None)] == ["ok"]
    assert source.load().n_rows == 4


@pytest.mark.parametrize("kind", TABLES)
def test_the_card_pins_what_the_manifest_pins(kind: type[PinnedTable], tmp_path: Path) -> None:
    text = files("tabgenbench_datasets").joinpath("cards", "pinned_tables.toml").read_text(encoding="utf-8")
    pins = tomllib.loads(text)[kind.name]
    source = kind(data_dir=tmp_path)
    assert source.card.revision == f"{pins['repository']}@{pins['commit']}"
    assert source.card.licence
    assert source.card.citation
    assert source.file.path == f"tabular/{kind.name}.csv"
    assert source.file.url == f"https://raw.githubusercontent.com/{pins['repository']}/{pins['commit']}/{pins['path']}"


def test_the_address_can_be_a_mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TABGENBENCH_TABLES_URL", "http://127.0.0.1:9/mirror/")
    assert Insurance(data_dir=tmp_path).file.url.startswith("http://127.0.0.1:9/mirror/stedy/")


def test_the_file_cannot_be_replaced_by_an_option() -> None:
    with pytest.raises(ConfigError, match="dataset 'adult': unknown option 'file'"):
        make_options(Adult.Config, {"file": "mine.csv"}, where="dataset 'adult'")


SHAPES = {"insurance": (1338, 4, 3), "credit": (1000, 7, 14), "mushrooms": (8124, 0, 22), "snsdata": (30_000, 39, 2)}


@pytest.mark.data
@pytest.mark.parametrize("kind", [one for one in TABLES if one is not Adult])
def test_the_real_files_have_the_known_shapes(kind: type[PinnedTable], data_dir: Path) -> None:
    source = kind(data_dir=data_dir)
    assert [one.status for one in source.verify()] == ["ok"]
    table = source.load().validate()
    assert (*table.X.shape, len(table.schema.categorical_features)) == SHAPES[kind.name]


@pytest.mark.data
def test_the_real_file_of_adult(data_dir: Path) -> None:
    source = Adult(make_options(Adult.Config, {"conditions": ["income"]}, where="adult"), data_dir=data_dir)
    if source.verify()[0].status == "missing":
        pytest.skip("the data root has no tabular/adult.csv")
    table = source.load().validate()
    assert (*table.X.shape, len(table.schema.categorical_features)) == (32_561, 6, 8)
    assert table.obs["income"].value_counts().to_dict() == {"<=50K": 24_720, ">50K": 7_841}
    assert {gap.column: int(table.is_gap(gap.column).sum()) for gap in table.schema.gaps} == {
        "workclass": 1836,
        "occupation": 1843,
        "native-country": 583,
    }
