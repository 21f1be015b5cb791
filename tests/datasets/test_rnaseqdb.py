from __future__ import annotations

import gzip
import json
import time
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabgenbench.errors import ConfigError, DataError
from tabgenbench.interfaces.dataset import Fetchable
from tabgenbench.options import make_options
from tabgenbench_datasets.fetching import Downloader
from tabgenbench_datasets.rnaseqdb import RNAseqDB
from tabgenbench_datasets.rnaseqdb_files import (
    TISSUE_OF_CODE,
    Manifest,
    donor_of,
    load_manifest,
    study_and_source,
    tissue_of,
)

Files = dict[str, bytes]
KICH = "rnaseqdb/kich-rsem-fpkm-tcga.txt.gz"


@pytest.fixture
def open_source(
    small_files: Files, make_manifest: Callable[..., Manifest], lay: Callable[[Files, Path], Path], tmp_path: Path
) -> Callable[..., RNAseqDB]:
    """Open the small files, with some replaced (by bytes, whose hash is pinned) or omitted (None)."""

    def make(changed: dict[str, bytes | None] | None = None, **options: Any) -> RNAseqDB:
        changed = changed or {}
        pinned = small_files | {path: content for path, content in changed.items() if content is not None}
        there = {path: content for path, content in pinned.items() if changed.get(path, b"") is not None}
        config = make_options(RNAseqDB.Config, options, where="dataset 'rnaseqdb'")
        return RNAseqDB(config, data_dir=lay(there, tmp_path), manifest=make_manifest(pinned))

    return make


def test_rows_are_in_the_order_of_file_names_and_genes_sorted(open_source: Callable[..., RNAseqDB]) -> None:
    table = open_source().load().validate()
    assert list(table.obs.index) == [
        "TCGA-E0-0002-11A-01R",
        "TCGA-KN-0001-01A-01R",
        "TCGA-KN-0001-11A-01R",
        "GTEX-A1-01-SM-1",
        "GTEX-B2-01-SM-1",
    ]
    assert table.features == ("MYC", "TP53")
    assert table.X.tolist() == [[21, 41], [20, 40], [10, 30], [1, 3], [2.5, 4]]
    assert (table.scale, table.log2p1) == ("linear", True)


def test_columns_of_a_row(open_source: Callable[..., RNAseqDB]) -> None:
    obs = open_source().load().obs.astype(str)
    assert list(obs.columns) == ["tissue", "status", "source", "donor", "study"]
    assert list(obs.loc["TCGA-KN-0001-01A-01R"]) == ["kidney", "cancer", "tcga-t", "TCGA-KN-0001", "kich"]
    assert list(obs.loc["TCGA-KN-0001-11A-01R"]) == ["kidney", "normal", "tcga", "TCGA-KN-0001", "kich"]
    assert list(obs.loc["GTEX-A1-01-SM-1"]) == ["kidney", "normal", "gtex", "GTEX-A1", "kidney"]
    assert obs.loc["TCGA-E0-0002-11A-01R", "tissue"] == "esophagus_mus"


def test_options_change_genes_status_and_site(open_source: Callable[..., RNAseqDB]) -> None:
    table = open_source(genes="all", status=3, esca="gas").load()
    assert table.features == ("MYC", "NOLM", "TP53")
    assert set(table.obs["status"]) == {"normal-donor", "normal-adjacent", "tumour"}
    assert table.obs["tissue"].iloc[0] == "esophagus_gas"
    assert dict(table.source.options) == {"genes": "all", "status": 3, "esca": "gas"}


def test_the_note_says_how_many_files_there_are(open_source: Callable[..., RNAseqDB]) -> None:
    note = open_source({KICH: None}).load().source.note
    assert note == "3 of 4 files, 4 rows, 3 genes common to the files present"


def test_describe_counts_tissues_by_source_and_is_json(open_source: Callable[..., RNAseqDB]) -> None:
    facts = json.loads(json.dumps(open_source().describe()))
    assert (facts["files"], facts["common_genes"], facts["landmark_genes"], facts["donors"]) == ("4 of 4", 3, 2, 4)
    assert {"tissue": "kidney", "gtex": 2, "tcga": 1, "tcga-t": 1, "rows": 4} in facts["tissue_by_source"]
    assert len(facts["file_names"]) == 4
    assert KICH.rpartition("/")[2] in facts["file_names"]


def test_identity_changes_with_files_and_options_only(open_source: Callable[..., RNAseqDB]) -> None:
    first = open_source().identity()
    assert open_source().identity() == first
    assert open_source(status=3).identity() != first
    changed = gzip.compress(b"Hugo_Symbol\tEntrez_Gene_Id\tTCGA-KN-0001-11A-01R\nTP53\t0\t1\nMYC\t0\t1\n", mtime=0)
    assert open_source({KICH: changed}).identity() != first


def test_a_file_of_another_name_is_left_alone(open_source: Callable[..., RNAseqDB]) -> None:
    source = open_source()
    before = source.identity()
    (source.root / "rnaseqdb" / "mine-rsem-fpkm-gtex.txt.gz").write_bytes(b"no gzip")
    (source.root / (KICH + ".part")).write_bytes(b"half")
    assert source.identity() == before
    assert source.load().n_rows == 5


@pytest.mark.parametrize("call", ["load", "identity", "describe"])
def test_a_truncated_file_is_refused_with_both_hashes(
    open_source: Callable[..., RNAseqDB], small_files: Files, call: str
) -> None:
    source = open_source()
    path = source.root / KICH
    path.write_bytes(small_files[KICH][:-9])
    with pytest.raises(DataError, match=r"kich-.*tcga.txt.gz: git blob SHA-1 \w{40} .*expected \w{40}; run: tab"):
        getattr(source, call)()
    assert [status.status for status in source.verify()].count("wrong") == 1


@pytest.mark.parametrize("call", ["load", "identity"])
def test_missing_folders_and_tables_are_named(tmp_path: Path, open_source: Callable[..., RNAseqDB], call: str) -> None:
    with pytest.raises(DataError, match=r"nowhere/rnaseqdb: no such folder.*dataset fetch rnaseqdb"):
        getattr(RNAseqDB(data_dir=tmp_path / "nowhere"), call)()
    (tmp_path / "empty" / "rnaseqdb").mkdir(parents=True)
    with pytest.raises(DataError, match=r"empty/rnaseqdb: none of the 52 files"):
        getattr(RNAseqDB(data_dir=tmp_path / "empty"), call)()
    with pytest.raises(DataError, match=r"test_l1000.gct: the table of landmark genes is missing; .*genes=all"):
        getattr(open_source({"l1000/test_l1000.gct": None}), call)()
    assert open_source({"l1000/test_l1000.gct": None}, genes="all").load().n_features == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Hugo_Symbol\tEntrez_Gene_Id\tS1\nMYC\t0\ttext\nTP53\t0\t1\n", r"gene 'MYC', sample 'S1': got 'text'"),
        ("Hugo_Symbol\tEntrez_Gene_Id\tS1\nMYC\t0\t\nTP53\t0\t1\n", r"gene 'MYC', sample 'S1': got ''"),
        ("Hugo_Symbol\tEntrez_Gene_Id\tS1\nMYC\t0\tnan\nTP53\t0\t1\n", r"gene 'MYC', sample 'S1': got 'nan'"),
        ("Hugo_Symbol\tEntrez_Gene_Id\tS1\nMYC\t0\t1\nTP53\t0\t-1\n", r"gene 'TP53', sample 'S1': got '-1'"),
        ("Hugo_Symbol\tEntrez_Gene_Id\tS1\nMYC\t0\t1\nTP53\t0\tinf\n", r"gene 'TP53', sample 'S1': got 'inf'"),
        ("Hugo_Symbol\tEntrez_Gene_Id\tS1\nMYC\t0\t1\nTP53\t0\t1\t2\n", r"gene 'TP53' has 2 values for 1 samples"),
        ("Hugo_Symbol\tEntrez_Gene_Id\tS1\nMYC\t0\t1\nMYC\t0\t1\n", r"gene 'MYC' has two rows"),
        ("Symbol\tS1\nMYC\t0\n", r"begins with the columns \['Symbol', 'S1'\]"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(open_source: Callable[..., RNAseqDB], text: str, message: str) -> None:
    with pytest.raises(DataError, match=r"kich-rsem-fpkm-tcga.txt.gz: " + message):
        open_source({KICH: gzip.compress(text.encode())}).load()


def test_a_sample_in_two_files_is_named_with_both(open_source: Callable[..., RNAseqDB]) -> None:
    text = b"Hugo_Symbol\tEntrez_Gene_Id\tGTEX-A1-01-SM-1\nMYC\t0\t1\nTP53\t0\t1\n"
    with pytest.raises(DataError, match=r"'GTEX-A1-01-SM-1' occurs twice, in kich-\S+ and kidney-\S+gz"):
        open_source({KICH: gzip.compress(text)}).load()


def test_a_pinned_file_that_is_no_gzip_and_a_landmark_table_that_is_none(open_source: Callable[..., RNAseqDB]) -> None:
    with pytest.raises(DataError, match="is not a whole gzip file"):
        open_source({KICH: b"plain text"}).load()
    with pytest.raises(DataError, match=r"no column 'pr_gene_symbol'"):
        open_source({"l1000/test_l1000.gct": b"#1.3\n"}).load()


def test_an_unknown_option_or_value_is_named() -> None:
    with pytest.raises(ConfigError, match="unknown option 'gene'; did you mean 'genes'"):
        make_options(RNAseqDB.Config, {"gene": "all"}, where="dataset 'rnaseqdb'")
    with pytest.raises(ConfigError, match="option 'status': got 4"):
        make_options(RNAseqDB.Config, {"status": 4}, where="dataset 'rnaseqdb'")


def test_fetch_brings_every_file_from_where_the_manifest_says(
    serve: Callable[[Files], Any], small_files: Files, make_manifest: Callable[..., Manifest], tmp_path: Path
) -> None:
    server = serve({path.rpartition("/")[2]: content for path, content in small_files.items()})
    manifest = make_manifest(small_files, url=server.url)
    source = RNAseqDB(data_dir=tmp_path, manifest=manifest, downloader=Downloader(backoff=0.001))
    assert isinstance(source, Fetchable)
    assert {status.status for status in source.verify()} == {"missing"}
    seen: list[str] = []
    assert {status.status for status in source.fetch(lambda progress: seen.append(progress.file))} == {"ok"}
    assert set(seen) == set(server.files)
    assert source.load().n_rows == 5


def test_the_address_can_be_a_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    public = load_manifest()
    assert public.expression[0].url == (
        "https://raw.githubusercontent.com/mskcc/RNAseqDB/6a853176fe925bd15f7392e84d433d4b34fb396a/"
        "data/normalized/bladder-rsem-fpkm-gtex.txt.gz"
    )
    monkeypatch.setenv("TABGENBENCH_RNASEQDB_URL", "http://127.0.0.1:9/mirror/")
    assert load_manifest().landmark.url.startswith("http://127.0.0.1:9/mirror/cmap/cmapPy/d1652c3223")


def test_the_manifest_pins_52_files_of_15_tissues() -> None:
    manifest = load_manifest()
    parts = [study_and_source(file.name) for file in manifest.expression]
    assert len(parts) == len({file.blob for file in manifest.expression}) == 52
    assert {source for _, source in parts} == {"gtex", "tcga", "tcga-t"}
    assert len({tissue_of(study, "mus") for study, _ in parts}) == 15
    assert {study for study, _ in parts} == {*TISSUE_OF_CODE, "esca"}


def test_the_card_names_the_pinned_commits() -> None:
    text = files("tabgenbench_datasets").joinpath("cards", "rnaseqdb_files.toml").read_text(encoding="utf-8")
    pins = tomllib.loads(text)
    for part in pins.values():
        assert f"{part['repository']}@{part['commit']}" in RNAseqDB().card.revision


def test_donor_of_an_odd_barcode() -> None:
    assert donor_of("TCGA-A6") == "TCGA-A6"


@pytest.mark.data
def test_the_real_files_give_the_known_figures(data_dir: Path) -> None:
    source = RNAseqDB(data_dir=data_dir)
    started = time.perf_counter()
    identity = source.identity()
    assert time.perf_counter() - started < 5  # 0.1 s on a quiet machine
    facts = source.describe()
    assert identity == source.identity()
    assert facts["note"] == "27 of 52 files, 1,078 rows"
    assert (facts["rows"], facts["common_genes"], facts["landmark_genes"], facts["donors"]) == (1078, 18_154, 969, 964)
    rows = {row["tissue"]: row for row in facts["tissue_by_source"]}
    assert rows["kidney"] == {"tissue": "kidney", "gtex": 32, "tcga": 126, "tcga-t": 60, "rows": 218}
    assert [sum(row[source] for row in rows.values()) for source in ("gtex", "tcga", "tcga-t")] == [280, 573, 225]
    assert {tissue: row["tcga-t"] for tissue, row in rows.items() if row["tcga-t"]} == {
        "liver": 31,
        "kidney": 60,
        "colon": 87,
        "uterus": 47,
    }


@pytest.mark.data
def test_all_genes_of_the_real_files(data_dir: Path) -> None:
    table = RNAseqDB(RNAseqDB.Config(genes="all", status=3), data_dir=data_dir).load().validate()
    assert table.X.shape == (1078, 18_154)
    assert table.obs["status"].value_counts().to_dict() == {"normal-adjacent": 573, "normal-donor": 280, "tumour": 225}
    assert table.X.max() == pytest.approx(6.7e9, rel=0.01)
    landmark = RNAseqDB(data_dir=data_dir).load()
    columns = [table.features.index(gene) for gene in landmark.features]
    assert np.array_equal(table.X[:, columns], landmark.X)
