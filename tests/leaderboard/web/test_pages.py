from __future__ import annotations

import doctest
import json
import posixpath
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest

from tabgenbench.records import Card
from tabgenbench_leaderboard.board.aggregate import assemble_board, build_board
from tabgenbench_leaderboard.board.collect import collect_cells
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.web import generator_page, site
from tabgenbench_leaderboard.web.pages import web_files
from tabgenbench_leaderboard.web.site import Site

FakeRun = Any
VOID = {"meta", "br", "link", "img", "hr", "input"}
NASTY = "<script>alert(1)</script>"


class Outline(HTMLParser):
    """Checks the nesting of elements, and collects ids, links and what the page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self._note(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        assert not [name for name in values if name.startswith("on")], "no handler in an attribute"
        self.ids += [values["id"]] if "id" in values else []
        if tag == "a":
            self.links.append(values["href"])
        elif tag in ("script", "img", "link"):
            self.loaded.append(values.get("src") or values["href"])


def outline(page: bytes) -> Outline:
    found = Outline()
    found.feed(page.decode())
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    return found


def render(run: FakeRun) -> dict[str, bytes]:
    """Return the files of a web board without figures, which take most of the time."""
    cells = collect_cells(run.store, run.suite)
    return web_files(Site(assemble_board(run.suite, cells), {}, cells))


def pages(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name.endswith(".html")}


def call(script: bytes) -> list[Any]:
    """Return the arguments of the call in a data file."""
    found = re.fullmatch(r"tabgenbench[.]\w+\((.*)\);\n", script.decode(), re.DOTALL)
    assert found
    arguments: list[Any] = json.loads(f"[{found[1]}]")
    return arguments


@pytest.fixture
def several(run: FakeRun) -> FakeRun:
    """Two datasets with a question, five splits, three models, of which one lacks a dataset, and two controls."""
    values = {"cvae": 0.2, "tvae": 0.5, "ctgan": 0.6, "shuffled": 1.2, "real-resample": 0.1}
    for dataset in ("a", "b"):
        for split in range(5):
            for label, value in values.items():
                if (label, dataset) != ("ctgan", "b"):
                    growth = 0.0 if label in ("shuffled", "real-resample") else 0.01 * split
                    scores = {"distance": {"distance": value * (1 + growth)}}
                    run.cell(label, scores, dataset=dataset, split=split)
    return run


def test_there_is_a_page_for_each_generator_dataset_and_metric(full_run: FakeRun) -> None:
    assert sorted(name for name in pages(render(full_run)) if name.startswith("web/")) == [
        "web/dataset-cells.html",
        "web/generator-condition-mvn.html",
        "web/generator-ctgan.html",
        "web/generator-cvae-epochs-30-hidden-64-32.html",
        "web/generator-cvae.html",
        "web/generator-real-resample.html",
        "web/generator-shuffled.html",
        "web/generator-truth.html",
        "web/generator-wgan.html",
        "web/help.html",
        "web/metric-dendrogram.html",
        "web/metric-gamma.html",
        "web/metric-moments.html",
    ]


def test_a_generator_of_a_merged_suite_is_run_again_by_one_command_on_its_own_datasets(several: FakeRun) -> None:
    several.suite = several.suite.model_copy(
        update={"command": "tabgenbench run s -g cvae; tabgenbench run s -g ctgan"}
    )
    page = render(several)["web/generator-ctgan.html"].decode()
    assert "tabgenbench run s -d a -g ctgan" in page
    assert page.count("tabgenbench run s ") == 1


def test_pages_are_well_formed_and_every_local_link_leads_to_a_file_or_an_id(full_run: FakeRun) -> None:
    cells = collect_cells(full_run.store, full_run.suite)
    files = web_files(Site(assemble_board(full_run.suite, cells), {}, cells, records=True))
    ids = {name: outline(page).ids for name, page in pages(files).items()}
    for name, page in pages(files).items():
        found = outline(page)
        for link in [*found.links, *found.loaded]:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme == "https"
                assert link not in found.loaded, "nothing is loaded from the network"
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), parts.path)) if parts.path else name
            if target.startswith("records/"):
                assert (full_run.store.root / target.removeprefix("records/")).is_file()
            elif target != "manifest.json":
                assert target in files, f"{name} links {link}"
                if parts.fragment and target.startswith("web/"):
                    assert parts.fragment in ids[target]


def test_a_page_shows_the_card_the_command_and_the_single_scores(full_run: FakeRun) -> None:
    page = render(full_run)["web/generator-condition-mvn.html"].decode()
    for words in ("What condition-mvn is", "Someone 2023", "MIT", '<a href="https://x.org/a_b"'):
        assert words in page
    assert "tabgenbench run tiny --splits 3 -g condition-mvn" in page
    assert page.count("<th>split 0, 0, ") == 2, "one line for each draw"
    assert f"<code>{full_run.key('cells', 'condition-mvn', 0, 0)}</code>" in page
    assert "records/cells" not in page, "only a published board has its records beside it"


def test_without_records_a_page_has_values_by_split_and_says_what_is_left_out(full_run: FakeRun) -> None:
    files = web_files(Site(build_board(full_run.store, full_run.suite), {}))
    page = files["web/generator-cvae.html"].decode()
    assert page.count('<th scope="col">split ') == 3
    assert "has no single cells" in page
    assert "with machines and records" not in page


def test_a_failure_is_on_the_page_of_its_generator(full_run: FakeRun) -> None:
    page = render(full_run)["web/generator-ctgan.html"].decode()
    assert "needs 20.0 GiB, the limit is 4.0 GiB | see &lt;docs&gt;" in page


def test_the_notes_on_the_page_of_a_generator_name_no_other_generator(run: FakeRun) -> None:
    for generator in ("cvae", "tvae"):
        run.cell(generator, {"gamma": {"gamma": 0.5}}, notes=["constant features: 3"])
    page = render(run)["web/generator-cvae.html"].decode()
    assert "constant features: 3 (<code>cvae</code>)" in page
    assert "<code>cvae</code>, <code>tvae</code>" not in page
    assert "fallback rule" not in page


def test_loss_curves_are_drawn_with_a_description(full_run: FakeRun) -> None:
    page = render(full_run)["web/generator-cvae.html"].decode()
    assert re.search(r'<svg [^>]*role="img" aria-label="[^"]+ of cvae: from [^"]+"', page)
    assert "<polyline" in page


def test_the_data_of_a_dataset_are_the_values_of_the_board(several: FakeRun) -> None:
    files = render(several)
    index, head, rows = call(files["web/data-a-1.js"])
    assert (index, head["splits"], head["questions"]) == (
        0,
        5,
        [{"question": "fidelity", "titles": ["distance"], "ranked": 3}],
    )
    assert [column["title"] for column in head["columns"]] == ["distance"]
    board = build_board(several.store, several.suite)
    for row, found in zip(board.datasets[0].rows, rows, strict=True):
        assert found[1] == row.label
        assert found[6][0][0] == pytest.approx(row.questions[0].mean, abs=1e-4)
        assert found[7][0][:3] == [*(pytest.approx(v, rel=1e-4) for v in mean_and_half(row.scores[0])), 5]
    assert rows[0][6][0][3:] == [3, 3, 0], "ctgan is third, and shares its rank with nobody"


def mean_and_half(value: Any) -> tuple[float, float]:
    return value.mean, (value.ci_high - value.ci_low) / 2


def test_the_data_of_all_datasets_set_incomplete_models_apart(several: FakeRun) -> None:
    [info] = call(render(several)["web/data-board.js"])
    assert info["measures"][0]["title"] == "fidelity"
    found = {one["label"]: one["across"][0] for one in info["generators"]}
    assert found["cvae"][:3] == [2, 0, 1]
    assert found["ctgan"][:3] == [1, 0, 0]
    assert found["ctgan"][5] is None, "no mean rank"


def test_without_a_value_over_all_datasets_the_first_dataset_is_shown(run: FakeRun) -> None:
    for dataset in ("a", "b"):
        for split in range(2):
            run.cell("cvae", {"distance": {"distance": 0.2}}, dataset=dataset, split=split)
    files = render(run)
    [info] = call(files["web/data-board.js"])
    assert info["measures"] == []
    assert [one["across"] for one in info["generators"]] == [[]]
    assert b"A value is a mean over splits;" in files["index.html"]
    assert b"is the value of real rows" not in files["index.html"]


def test_large_data_are_divided_into_several_files(several: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = call(render(several)["web/data-a-1.js"])
    monkeypatch.setattr("tabgenbench_leaderboard.web.data_files.MAX_BYTES", 700)
    files = render(several)
    names = call(files["web/data-board.js"])[0]["datasets"][0]["files"]
    assert len(names) > 1
    parts = [call(files[f"web/{name}"]) for name in names]
    assert [part[1] for part in parts] == [whole[1], *[None] * (len(names) - 1)]
    assert [row for part in parts for row in part[2]] == whole[2]


def test_names_and_cards_of_plugins_are_only_text(run: FakeRun) -> None:
    card = Card(summary=NASTY, citation=NASTY, licence=NASTY, url="javascript:alert(1)")
    for split in range(2):
        record = run.cell(NASTY, {"gamma": {"gamma": 0.5 + split}}, dataset=NASTY, split=split, note=NASTY, title=NASTY)
        run.store.write_cell(record.model_copy(update={"cell": record.cell.model_copy(update={"card": card})}))
        run.cell("shuffled", {"gamma": {"gamma": 0.1 * split}}, dataset=NASTY, split=split)
    files = render(run)
    for name, page in files.items():
        if name.endswith((".html", ".js")):
            assert b"<script>alert" not in page, name
    for page in pages(files).values():
        assert not [link for link in outline(page).links if link.startswith("javascript:")]
    page = files["web/generator-script-alert-1-script.html"].decode()
    assert "javascript:alert(1)" in page, "the address is shown as text"
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 4


def test_a_generator_whose_options_depend_on_the_dataset_has_a_command_for_each(run: FakeRun) -> None:
    for dataset, epochs in (("a", 200), ("b", 30), ("c", 200)):
        run.cell(f"cvae:epochs={epochs}", {"gamma": {"gamma": 0.5}}, dataset=dataset, title="CVAE")
    page = render(run)["web/generator-cvae.html"].decode()
    assert re.findall("<code>(tabgenbench run .*?)</code>", page) == [
        "tabgenbench run tiny --splits 3 -d a -d c -g cvae:epochs=200",
        "tabgenbench run tiny --splits 3 -d b -g cvae:epochs=30",
    ]


def test_the_filter_of_extras_is_there_if_a_generator_needs_one(several: FakeRun) -> None:
    files = render(several)
    assert b'id="extra"' not in files["index.html"]
    assert b'"extra"' not in files["web/data-board.js"]
    assert b"<dt>Needs" not in files["web/generator-tvae.html"]
    place = next(row for row in several.suite.rows if row.label == "tvae")
    record = several.store.read_cell(place.key)
    card = record.cell.card.model_copy(update={"extra": "sdv"})
    several.store.write_cell(record.model_copy(update={"cell": record.cell.model_copy(update={"card": card})}))
    files = render(several)
    assert b'id="extra"' in files["index.html"]
    [info] = call(files["web/data-board.js"])
    assert {one["label"]: one["extra"] for one in info["generators"] if "extra" in one} == {"tvae": "sdv"}
    assert b"<dt>Needs</dt><dd>the extra <code>sdv</code>" in files["web/generator-tvae.html"]


def test_names_that_differ_in_signs_or_case_have_their_own_pages(run: FakeRun) -> None:
    for label in ("cvae:a=1", "cvae:a=-1", "CVAE:A=1"):
        run.cell(label, {"gamma": {"gamma": 0.5}})
    found = sorted(name for name in render(run) if name.startswith("web/generator-"))
    assert found == [f"web/generator-cvae-a-1{number}.html" for number in ("-2", "-3", "")]


def test_equal_records_give_equal_bytes(several: FakeRun) -> None:
    assert render(several) == render(several)


def test_help_explains_the_board_in_ten_sentences(run: FakeRun) -> None:
    run.cell("cvae", {"gamma": {"gamma": 0.5}})
    page = render(run)["web/help.html"].decode()
    assert page.count("<li>") == 10
    assert "(0.40 - 0.11) / (0.40 - 0.05) = 0.83" in page
    assert round((0.40 - 0.11) / (0.40 - 0.05), 2) == 0.83


def test_a_metric_page_has_limitations_floor_and_planted_failures(full_run: FakeRun) -> None:
    page = render(full_run)["web/metric-gamma.html"].decode()
    for words in (
        "Agreement of the gene-gene correlation matrices",
        "variance, and anything inside a condition",
        "0 at the floor shuffled, 1 at the ceiling real-resample",
        "Viñas et al. 2022",
    ):
        assert words in page


def test_a_metric_page_shows_why_a_score_is_not_scaled_without_signs_of_markdown(run: FakeRun) -> None:
    run.cell("cvae", {"distance": {"distance": 0.5}})
    page = render(run)["web/metric-distance.html"].decode()
    assert "no: the board has no control shuffled" in page
    assert "`" not in page


def test_a_board_without_scores_has_its_pages(run: FakeRun) -> None:
    run.broken("cvae", "failed", "ValueError: nothing fits")
    files = render(run)
    assert "ValueError: nothing fits" in files["web/generator-cvae.html"].decode()
    assert isinstance(build_board(run.store, run.suite), Board)


def test_the_examples_of_docstrings_hold() -> None:
    for module in (generator_page, site):
        found = doctest.testmod(module)
        assert (found.attempted > 0, found.failed) == (True, 0)
