from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tabgenbench.options import make_options
from tabgenbench.registry.file_source import FileSource
from tabgenbench_datasets.pinned_tables import Adult
from tabgenbench_datasets.rnaseqdb import RNAseqDB
from tabgenbench_datasets.simulated_cells import SimulatedCells
from tabgenbench_datasets.simulated_clinic import SimulatedClinic
from tabgenbench_datasets.simulated_tissues import SimulatedTissues

GUIDE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)


def test_the_card_in_the_guide_works_and_shows_every_key(tmp_path: Path) -> None:
    card = blocks("toml")[0]
    assert list(tomllib.loads(card)) == list(FileSource.Config.model_fields)
    (tmp_path / "insurance.toml").write_text(card, encoding="utf-8")
    (tmp_path / "insurance.csv").write_text(
        "person,sex,smoker,household,region,comment,charges,bmi,plan,since\n"
        "p1,f,yes,h1,north,none,10,20.5,1,31/12/2020\np2,m,no,h1,south,,30,?,2,01/01/2021\n",
        encoding="utf-8",
    )
    table = FileSource.from_path(tmp_path / "insurance.toml").load()
    assert table.features == ("charges", "bmi", "since")
    assert table.schema.group == "household"
    assert table.schema.categorical_features == ("plan", "bmi is missing")
    assert [date.format for date in table.schema.dates] == ["%d/%m/%Y"]


def test_the_source_in_the_guide_works() -> None:
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    spirals = names["Spirals"]
    table = spirals(make_options(spirals.Config, {"n_rows": 10}, where="guide")).load().validate()
    assert table.X.shape == (10, 2)
    exec(blocks("python")[1], names)
    assert names["register_datasets"]()[0].name == spirals.name


@pytest.mark.parametrize("source", [RNAseqDB, SimulatedTissues, SimulatedCells, SimulatedClinic, Adult])
def test_the_guide_names_every_option_and_each_is_described(source: Any) -> None:
    for option, field in source.Config.model_fields.items():
        assert re.search(rf"`{option}\b", GUIDE) or f"\n{option} = " in GUIDE
        assert field.description
