from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tabgenbench.errors import StoreError
from tabgenbench.records import CellRecord
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.publish.manifest import read_manifest
from tabgenbench_leaderboard.publish.pages_workflow import PLACE
from tabgenbench_leaderboard.publish.publish import publish_board
from tabgenbench_leaderboard.publish.readme import replace_table
from tabgenbench_leaderboard.report import Leaderboard

Call = Callable[..., Result]
SUITE = "quickstart"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def copied(store: Store, folder: Path) -> Store:
    shutil.copytree(store.root, folder)
    return Store(folder)


def refusal(store: Store, tmp_path: Path, **more: bool) -> str:
    with pytest.raises(StoreError) as caught:
        publish_board(store, SUITE, tmp_path / "out", **{"partial": False, "force": False, **more})
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    return str(caught.value)


def first_cell(store: Store, status: str = "ok") -> CellRecord:
    return next(record for record in store.cells() if record.status == status)


def test_the_folder_has_the_board_its_records_and_a_manifest(published_board: Path) -> None:
    assert sorted(path.name for path in published_board.iterdir()) == [
        ".nojekyll",
        "README.md",
        "board.json",
        "comparisons.csv",
        "costs.csv",
        "figures",
        "index.html",
        "manifest.json",
        "records",
        "references.bib",
        "scores.csv",
        "scores.parquet",
        "table.tex",
        "web",
    ]
    manifest = read_manifest(published_board)
    assert manifest.files.keys() | {"manifest.json"} == contents(published_board).keys()
    assert (manifest.suite, list(manifest.metrics)) == (SUITE, ["gamma"])
    assert sorted(manifest.datasets["simulated-tissues:n_rows=120,n_genes=6"].splits) == ["0", "1"]
    assert not list(published_board.rglob("*.h5ad"))
    failure = first_cell(Store(published_board / "records"), "failed")
    assert failure.reason != ""


def test_no_host_user_or_path_is_in_any_file(published_board: Path, planted_store: Store) -> None:
    planted = ("mallory", "gpu01", "cluster.example", "/home", "/scratch", str(planted_store.root.parent))
    found = [
        (name, word)
        for name, content in contents(published_board).items()
        for word in planted
        if word.encode() in content
    ]
    assert found == []
    suite = json.loads((published_board / "records" / "suites" / f"{SUITE}.json").read_text())
    assert suite["command"] == f"<path> run {SUITE} --store <path> --address ray://<name>:1"


def test_records_without_names_keep_their_bytes(clean_store: Store, tmp_path: Path, tabgenbench: Call) -> None:
    publish_board(clean_store, SUITE, tmp_path / "out", partial=False, force=False)
    scores = sorted(clean_store.root.glob("cells/*/scores/*.json"))
    assert len(scores) == 4
    for path in scores:
        place = tmp_path / "out" / "records" / path.relative_to(clean_store.root)
        assert place.read_bytes() == path.read_bytes()
    copied(clean_store, tmp_path / "store")
    merged = tabgenbench("merge", tmp_path / "out" / "records", "--into", "store")
    assert (merged.exit_code, "conflict" in merged.output) == (0, False)


def test_publishing_twice_gives_equal_bytes(published_board: Path, planted_store: Store, tmp_path: Path) -> None:
    publish_board(planted_store, SUITE, tmp_path / "again", partial=False, force=False)
    assert contents(tmp_path / "again") == contents(published_board)
    twice = publish_board(planted_store, SUITE, tmp_path / "again", partial=False, force=False)
    assert not twice.is_new


def test_the_records_are_a_store(published_board: Path, tmp_path: Path) -> None:
    shown = Leaderboard().build(published_board / "records").board
    assert [row.label for row in shown.datasets[0].rows] == ["condition-mean", "shuffled"]
    republished = publish_board(
        Store(published_board / "records"), SUITE, tmp_path / "again", partial=False, force=False
    )
    assert contents(republished.folder) == contents(published_board)


def test_a_changed_synthetic_table_is_refused(clean_store: Store, tmp_path: Path) -> None:
    store = copied(clean_store, tmp_path / "store")
    table = store.draw_path(first_cell(store).key, 1)
    table.write_bytes(table.read_bytes()[:-1] + b"\1")
    said = refusal(store, tmp_path)
    assert f"{table.relative_to(store.root)}: SHA-256 is" in said
    assert "as recorded" in said


def test_a_record_that_is_not_of_its_key_is_refused(clean_store: Store, tmp_path: Path) -> None:
    store = copied(clean_store, tmp_path / "store")
    record = first_cell(store)
    path = store.cell_folder(record.key) / "fit.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    said = refusal(store, tmp_path)
    assert f"cells/{record.key}/fit.json: seed is 1; expected 0, which the suite asks for" in said
    assert f"key is {record.key}; expected" in said


def test_a_metric_whose_options_changed_is_refused(clean_store: Store, tmp_path: Path) -> None:
    store = copied(clean_store, tmp_path / "store")
    path = sorted(store.root.glob("cells/*/scores/*.json"))[0]
    path.write_text(path.read_text().replace('"config": {}', '"config": {"pairs": 3}'))
    assert f"{path.relative_to(store.root)}: key is {path.stem}; expected" in refusal(store, tmp_path)


def test_mixed_splits_are_refused_and_named(clean_store: Store, tmp_path: Path) -> None:
    store = copied(clean_store, tmp_path / "store")
    record = first_cell(store)
    for name in ("split_fingerprint", "dataset_fingerprint"):
        setattr(record.cell, name, "f" * 64)
    store.write_cell(record)
    said = refusal(store, tmp_path)
    assert f"cells/{record.key}/fit.json: split fingerprint is {'f' * 64}; expected" in said
    assert f"cells/{record.key}/fit.json: dataset fingerprint is {'f' * 64}; expected" in said


def test_a_split_that_the_dataset_does_not_have_is_refused(clean_store: Store, tmp_path: Path) -> None:
    store = copied(clean_store, tmp_path / "store")
    for record in [record for record in store.cells() if record.cell.split == 0]:
        record.cell.split_fingerprint = "f" * 64
        store.write_cell(record)
    dataset = first_cell(store).cell.dataset
    expected = f"split fingerprint {'f' * 64} is unknown; expected a split of {dataset} in datasets/"
    assert refusal(store, tmp_path).count(expected) == 2


def test_scores_of_another_metric_or_with_other_descriptions_are_refused(clean_store: Store, tmp_path: Path) -> None:
    store = copied(clean_store, tmp_path / "store")
    first, second, *_ = sorted(store.root.glob("cells/*/scores/*.json"))
    first.write_text(first.read_text().replace('"metric": "gamma"', '"metric": "moments"'))
    second.write_text(second.read_text().replace('"direction": "higher"', '"direction": "lower"', 1))
    said = refusal(store, tmp_path)
    assert f"{first.relative_to(store.root)}: metric is 'moments'; expected 'gamma', which the suite asks for" in said
    assert "the descriptions of its scores differ; expected those of cells/" in said


def test_a_model_that_differs_from_its_hashes_is_refused(clean_store: Store, tmp_path: Path) -> None:
    store = copied(clean_store, tmp_path / "store")
    record = first_cell(store)
    folder = store.model_folder(record.key)
    folder.mkdir()
    (folder / "weights.json").write_text("[1]")
    store.write_cell(record.model_copy(update={"model_hashes": {"weights.json": "f" * 64}}))
    assert f"{folder.relative_to(store.root)}: differs from its hashes; expected those" in refusal(store, tmp_path)


def test_scores_outside_their_range_or_incomplete_are_refused(clean_store: Store, tmp_path: Path) -> None:
    store = copied(clean_store, tmp_path / "store")
    paths = sorted(store.root.glob("cells/*/scores/*.json"))
    gamma = next(path for path in paths if json.loads(path.read_text())["metric"] == "gamma")
    record = json.loads(gamma.read_text())
    record["draws"][0]["scores"]["gamma"] = 1.5
    del record["draws"][1]
    gamma.write_text(json.dumps(record))
    said = refusal(store, tmp_path)
    assert "gamma of draw 0 is 1.5; expected a value from -1 to 1" in said
    assert "draws are 0; expected 2 draws from 0" in said


def test_an_unreadable_record_is_refused(clean_store: Store, tmp_path: Path) -> None:
    store = copied(clean_store, tmp_path / "store")
    path = store.cell_folder(first_cell(store).key) / "fit.json"
    path.write_text("{")
    assert f"cells/{path.parent.name}/fit.json: unreadable" in refusal(store, tmp_path)
    assert path.read_text() == "{"


def test_two_cells_for_one_place_are_refused(clean_store: Store, tmp_path: Path) -> None:
    store = copied(clean_store, tmp_path / "store")
    suite = store.read_suite(SUITE)
    assert suite is not None
    suite.rows.append(suite.rows[0].model_copy(update={"key": "f" * 32}))
    store.prepare()
    store.write_suite(suite)
    assert "split 0, seed 0, has 2 cells" in refusal(store, tmp_path, partial=True)


def test_words_to_hide_are_removed_from_free_text(planted_store: Store, tmp_path: Path) -> None:
    publish_board(planted_store, SUITE, tmp_path / "out", partial=False, force=False, hide=["see"])
    summary = json.loads((tmp_path / "out" / "records" / "suites" / f"{SUITE}.json").read_text())["summary"]
    assert summary == 'File "<path>/x.py": on <name> by <name> <<address>>, <name> <path> and <path>'


def test_a_partial_board_needs_the_option_and_says_so(clean_store: Store, tmp_path: Path, tabgenbench: Call) -> None:
    store = copied(clean_store, tmp_path / "store")
    record = first_cell(store)
    shutil.rmtree(store.cell_folder(record.key))
    assert f"cells/{record.key}/fit.json: missing; expected the record of" in refusal(store, tmp_path)
    done = tabgenbench("publish", "part", SUITE, "--to", "boards", "--partial")
    assert done.exit_code == 0, done.output
    assert "partial: 1 records are missing" in done.output
    page = Path("boards/part/README.md").read_text()
    assert "This board is partial: 1 cell without a record." in page
    assert len(read_manifest(Path("boards/part")).missing) == 1
    checked = tabgenbench("verify", "part", "--boards", "boards")
    assert checked.exit_code == 0, checked.output


def test_a_folder_is_replaced_only_by_force_and_never_with_foreign_files(
    planted_store: Store, clean_store: Store, board: Path
) -> None:
    before = contents(board)
    with pytest.raises(StoreError, match="exists and differs; replace it with --force"):
        publish_board(clean_store, SUITE, board, partial=False, force=False)
    (board / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"contains 'notes.txt', which is not of a board"):
        publish_board(clean_store, SUITE, board, partial=False, force=True)
    assert contents(board) == {**before, "notes.txt": b"mine"}
    (board / "notes.txt").unlink()
    assert publish_board(clean_store, SUITE, board, partial=False, force=True).is_new
    assert [path.name for path in board.parent.iterdir()] == ["demo"]


def test_the_command_updates_the_readme_and_writes_a_workflow(clean_store: Store, tabgenbench: Call) -> None:
    readme = Path("README.md")
    readme.write_text("before\n<!-- board: demo -->\n<!-- /board: demo -->\nafter\n")
    arguments = ("publish", "demo", SUITE, "--store", clean_store.root, "--workflow")
    done = tabgenbench(*arguments)
    assert done.exit_code == 0, done.output
    assert "README.md: table of demo replaced" in done.output
    text = readme.read_text()
    assert text.startswith("before\n<!-- board: demo -->\n| generator")
    assert "[The board](leaderboard/boards/demo/README.md)" in text
    assert text.endswith("<!-- /board: demo -->\nafter\n")
    assert "path: leaderboard/boards" in PLACE.read_text()
    assert "${{ steps.deployment.outputs.page_url }}" in PLACE.read_text()
    again = tabgenbench(*arguments)
    assert again.exit_code == 0, again.output
    assert "unchanged" in again.output
    assert readme.read_text() == text


def test_a_page_without_markers_stays() -> None:
    assert replace_table("a <!-- board: x -->", "x", "t\n") is None
    assert replace_table("<!-- board: x -->\n<!-- /board: x -->", "y", "t\n") is None


def test_a_name_that_is_a_path_is_refused(clean_store: Store, tabgenbench: Call) -> None:
    done = tabgenbench("publish", "../x", SUITE, "--store", clean_store.root)
    assert done.exit_code == 2
    assert "NAME: got '../x', expected the name of a folder" in done.output
