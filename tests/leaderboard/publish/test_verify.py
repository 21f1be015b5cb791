from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tabgenbench.store.store import Store
from tabgenbench_leaderboard.publish.publish import publish_board
from tabgenbench_leaderboard.publish.verify import Verified, verify_folder

Call = Callable[..., Result]
SUITE = "quickstart"


def findings(folder: Path) -> list[str]:
    return [str(finding) for finding in verify_folder(folder).findings]


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record, indent=1) + "\n")


def list_in_manifest(board: Path, *paths: Path) -> None:
    """Write the hashes of changed files into the manifest."""

    def change(manifest: dict[str, Any]) -> None:
        for path in paths:
            content = path.read_bytes()
            facts = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            manifest["files"][path.relative_to(board).as_posix()] = facts

    edit(board / "manifest.json", change)


def score_paths(folder: Path, metric: str) -> list[Path]:
    paths = sorted(folder.glob("records/cells/*/scores/*.json"))
    return [path for path in paths if json.loads(path.read_text())["metric"] == metric]


def rebuilt(folder: Path, tmp_path: Path) -> Path:
    """Publish changed records, as somebody who forges a whole board does."""
    forged = tmp_path / "forged"
    publish_board(Store(folder / "records"), SUITE, forged, partial=False, force=False)
    return forged


def test_a_published_board_has_no_findings(published_board: Path) -> None:
    verified: Verified = verify_folder(published_board)
    assert verified.findings == ()
    assert verified.notes == ()
    assert (verified.checked.cells, verified.compared > 8) == (4, True)


def test_a_changed_digit_in_a_record_is_found(board: Path) -> None:
    path = score_paths(board, "gamma")[0]
    place = path.relative_to(board).as_posix()

    def change(record: dict[str, Any]) -> None:
        record["draws"][0]["scores"]["gamma"] += 0.001

    edit(path, change)
    found = findings(board)
    assert any(line.startswith(f"{place}: SHA-256 is") and "which manifest.json lists" in line for line in found)
    assert any(line.startswith("scores.csv: line ") and "as the records give" in line for line in found)


def test_a_changed_digit_on_a_page_is_found(board: Path) -> None:
    path = board / "scores.csv"
    path.write_text(path.read_text().replace("0.", "1.", 1))
    assert [line.partition(":")[0] for line in findings(board)] == ["scores.csv", "scores.csv"]


def test_a_swapped_split_is_found(board: Path) -> None:
    records = [json.loads(path.read_text()) for path in sorted(board.glob("records/cells/*/fit.json"))]
    keys = {one["cell"]["split"]: one["key"] for one in records if one["cell"]["generator"] == "shuffled"}
    paths = {split: board / "records" / "cells" / key / "fit.json" for split, key in keys.items()}
    texts = {split: path.read_text() for split, path in paths.items()}
    for split, path in paths.items():
        path.write_text(texts[1 - split].replace(keys[1 - split], keys[split]))
    found = findings(board)
    for split, key in keys.items():
        place = f"records/cells/{key}/fit.json"
        assert f"{place}: split is {1 - split}; expected {split}, which the suite asks for" in found
        assert any(line.startswith(f"{place}: key is {key}; expected") for line in found)


def test_splits_that_were_renumbered_everywhere_are_found(board: Path, tmp_path: Path) -> None:
    for path in [*board.glob("records/cells/*/fit.json"), *board.glob("records/suites/*.json")]:
        text = path.read_text().replace('"split": 0', '"split": 9').replace('"split": 1', '"split": 0')
        path.write_text(text.replace('"split": 9', '"split": 1'))
    found = findings(board)
    assert any("expected that of split 0 in datasets/" in line for line in found)


def test_a_removed_failure_is_found(board: Path) -> None:
    [path] = [
        path for path in board.glob("records/cells/*/fit.json") if json.loads(path.read_text())["status"] == "failed"
    ]
    shutil.rmtree(path.parent)
    place = f"records/cells/{path.parent.name}/fit.json"
    found = findings(board)
    assert any(line.startswith(f"{place}: missing; expected the record of condition-mean") for line in found)
    assert any(line.startswith("README.md: ") for line in found)


def test_a_failure_that_was_also_removed_from_the_suite_is_found(board: Path, tmp_path: Path) -> None:
    [path] = [
        path for path in board.glob("records/cells/*/fit.json") if json.loads(path.read_text())["status"] == "failed"
    ]
    key = path.parent.name

    def remove(record: dict[str, Any]) -> None:
        record["rows"] = [row for row in record["rows"] if row["key"] != key]

    shutil.rmtree(path.parent)
    edit(board / "records" / "suites" / f"{SUITE}.json", remove)
    found = findings(board)
    assert any("condition-mean on" in line and "has no row for split 1, seed 0" in line for line in found)


def test_files_that_do_not_belong_are_found(board: Path) -> None:
    (board / "records" / "cells" / "x").mkdir()
    (board / "records" / "cells" / "x" / "fit.json").write_text("{}")
    (board / "table.tex").unlink()
    found = findings(board)
    assert "records/cells/x/fit.json: not listed in manifest.json; expected no other files" in found
    assert any(line.startswith("table.tex: missing; expected a file with SHA-256") for line in found)


def test_a_made_up_value_in_the_parquet_file_is_found_although_the_manifest_was_rewritten(board: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = board / "scores.parquet"
    table = parquet.read_table(path)
    place = table.schema.get_field_index("value")
    column = pyarrow.array([0.99] * table.num_rows, table.schema.types[place])
    parquet.write_table(table.set_column(place, "value", column), path)
    list_in_manifest(board, path)
    assert [line.partition(":")[0] for line in findings(board)] == ["scores.parquet"]


def test_a_path_in_a_record_is_found(board: Path) -> None:
    path = board / "records" / "suites" / f"{SUITE}.json"
    edit(path, lambda record: record.update(command="run --store /home/x/y"))
    found = findings(board)
    assert any("contains a host name, a path or an address" in line for line in found)
    assert any(line.startswith("manifest.json: command: ") for line in found)


def test_figures_are_compared_only_under_the_versions_that_drew_them(board: Path) -> None:
    edit(board / "manifest.json", lambda manifest: manifest["tools"].update(matplotlib="1.0"))
    figure = next(board.glob("figures/*.svg"))
    figure.write_text(figure.read_text().replace("<svg", "<svg data-x='1'", 1))

    list_in_manifest(board, figure)
    verified = verify_folder(board)
    assert verified.findings == ()
    assert verified.notes[0].startswith("figures were not compared: drawn with matplotlib 1.0")
    edit(board / "manifest.json", lambda manifest: manifest["tools"].update(matplotlib=_version("matplotlib")))
    assert {line.partition(":")[0] for line in findings(board)} == {figure.relative_to(board).as_posix()}


def _version(name: str) -> str:
    from importlib.metadata import version

    return version(name)


def test_a_made_up_score_is_found_by_training_again(board: Path, tmp_path: Path, tabgenbench: Call) -> None:
    [path] = [
        path
        for path in score_paths(board, "gamma")
        if '"split": 0' in (path.parents[1] / "fit.json").read_text()
        and '"generator": "shuffled"' in (path.parents[1] / "fit.json").read_text()
    ]

    def improve(record: dict[str, Any]) -> None:
        for draw in record["draws"]:
            draw["scores"]["gamma"] = 0.987

    edit(path, improve)
    forged = rebuilt(board, tmp_path)
    assert findings(forged) == []
    arguments = ("verify", forged, "--rerun", 3, "--seed", 1, "--executor", "inline")
    done = tabgenbench(*arguments)
    assert done.exit_code == 1, done.output
    place = f"cells/{path.parents[1].name}/scores/{path.name}"
    assert f"records/{place}: gamma of draw 0 is 0.987; expected" in done.output
    assert "repeating 3 of 3 cells, chosen by --seed 1" in done.output
    assert "values equal to the last bit" in done.output
    assert "3 of 3 trained again: 2 findings" in done.output


def test_the_command_names_findings_and_fails(board: Path, tabgenbench: Call) -> None:
    (board / "costs.csv").write_text("x\n")
    done = tabgenbench("verify", "demo", "--boards", board.parent)
    assert done.exit_code == 1
    assert "costs.csv: line 1 is 'x'; expected 'dataset,generator" in done.output
    assert done.output.endswith("2 findings\n")
    missing = tabgenbench("verify", "dem", "--boards", board.parent)
    assert missing.exit_code == 2
    assert "did you mean 'demo'?" in missing.output


@pytest.mark.parametrize("content", ["", "{}", "[]"])
def test_another_manifest_is_one_sentence(board: Path, tabgenbench: Call, content: str) -> None:
    (board / "manifest.json").write_text(content)
    done = tabgenbench("verify", board)
    assert done.exit_code == 2
    assert "not a manifest of this program" in done.output
