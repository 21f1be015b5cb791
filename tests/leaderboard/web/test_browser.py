"""Web boards in a real browser, opened from disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import find_browser, open_browser, resize
from made_boards import NASTY, write_run

from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.aggregate import assemble_board
from tabgenbench_leaderboard.board.collect import collect_cells
from tabgenbench_leaderboard.web.pages import web_files
from tabgenbench_leaderboard.web.site import Site

pytestmark = pytest.mark.slow
Browser = Any


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The web board of 8 generators, 3 datasets and 40 scores."""
    store = Store(tmp_path_factory.mktemp("made") / "store")
    suite = write_run(store)
    cells = collect_cells(store, suite)
    out = tmp_path_factory.mktemp("board")
    for name, content in web_files(Site(assemble_board(suite, cells), {}, cells)).items():
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_bytes(content)
    return out


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    pytest.importorskip("selenium", reason="the package selenium is not installed")
    if find_browser() is None:
        pytest.skip("this machine has no chromium with chromedriver")
    browser = open_browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


@pytest.fixture
def visit(started: Browser, folder: Path) -> Iterator[Callable[..., Browser]]:
    """Open a page of the board, and check at the end that no page wrote an error to the console."""
    started.get_log("browser")

    def open_page(name: str = "index.html", width: int = 1280) -> Browser:
        started.get("about:blank")
        resize(started, width)
        started.get(f"{folder.as_uri()}/{name}")
        if name.startswith("index.html"):
            wait(started, "document.body.dataset.ready")
        return started

    yield open_page
    assert [entry for entry in started.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def wait(browser: Browser, condition: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 20).until(lambda page: page.execute_script(f"return {condition}"))


def labels(browser: Browser, body: str = "models") -> list[str]:
    """Return the visible generators of a group of rows in their order."""
    script = (
        f"return [...document.querySelectorAll('#verdict tbody.{body} tr:not(.section) th')]"
        ".map((head) => head.textContent)"
    )
    found: list[str] = browser.execute_script(script)
    return found


def press(browser: Browser, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def tab_to(browser: Browser, selector: str) -> None:
    """Press the tab key until the element with this selector has the focus."""
    for _ in range(200):
        press(browser, "\ue004")
        if browser.execute_script(f"return document.activeElement.matches({selector!r})"):
            return
    raise AssertionError(f"the tab key never reaches {selector}")


def test_sort_filter_and_open_a_generator_by_keyboard_alone(visit: Callable[..., Browser]) -> None:
    browser = visit()
    models = [NASTY, "model-1", "model-2", "model-3", "model-4"]
    assert labels(browser) == models
    assert labels(browser, "models-without-all-results") == ["model-0"]
    assert labels(browser, "controls") == ["real-resample", "shuffled"]
    tab_to(browser, "#search")
    press(browser, "model-3")
    assert labels(browser) == ["model-3"]
    assert browser.find_element("id", "count").text == "1 of 8 generators"
    press(browser, *["\ue003"] * 7)
    tab_to(browser, "#dataset")
    press(browser, "table-1")
    wait(browser, "document.body.dataset.ready === 'table-1'")
    tab_to(browser, "#controls")
    press(browser, " ")
    assert labels(browser, "controls") == []
    tab_to(browser, '[data-column="q:fidelity"]')
    assert "Mean of scaled headline scores" in browser.find_element("id", "explain").text
    press(browser, "\ue007")
    ordered = labels(browser)
    values = browser.execute_script(
        "return [...document.querySelectorAll('#verdict tbody.models tr:not(.section) td:nth-child(2)')]"
        ".map((cell) => parseFloat(cell.textContent))"
    )
    assert values == sorted(values, reverse=True)
    assert ordered != models
    press(browser, "\ue007")
    assert labels(browser) == ordered[::-1]
    tab_to(browser, "tbody.models tr:nth-child(2) a")
    press(browser, "\ue007")
    wait(browser, "document.querySelector('h1') && !document.querySelector('#verdict')")
    assert browser.find_element("tag name", "h1").text == ordered[-1]


def test_a_reader_hides_generators_that_need_an_extra(visit: Callable[..., Browser]) -> None:
    browser = visit("index.html#e=-")
    assert labels(browser) == [NASTY, "model-1", "model-3"]
    select = browser.find_element("id", "extra")
    assert select.text.split() == ["any", "none", "needed", "without", "forest", "without", "sdv"]
    select.send_keys("without f")
    assert labels(browser) == [NASTY, "model-1", "model-2", "model-3"]
    assert browser.current_url.endswith("#e=forest")


def test_the_address_reproduces_the_view(visit: Callable[..., Browser]) -> None:
    browser = visit("index.html#d=table-2&q=privacy&sort=q:privacy&c=0&x=memory")
    assert browser.find_element("id", "caption").text == "Verdict on table-2"
    heads = browser.find_elements("css selector", "#verdict thead th")
    assert [head.text for head in heads[:2]] == ["generator", "privacy"]
    assert heads[1].get_attribute("aria-sort") == "descending"
    assert "fidelity" not in [head.text for head in heads]
    assert labels(browser, "controls") == []
    assert browser.execute_script("return document.getElementById('plot-x').value") == "memory"
    lines = browser.execute_script("return tabgenbench.table.csv()").split("\r\n")
    assert lines[0].startswith("generator,group,privacy,privacy low,privacy high,privacy note,")
    assert [line.split(",")[0] for line in lines[1:-1]] == [*labels(browser), "model-0"]
    browser.find_element("id", "reset").click()
    wait(browser, "document.body.dataset.ready === 'all 3 datasets'")
    assert "#" not in browser.current_url


def test_plots_and_the_comparison_show_the_values_of_the_table(visit: Callable[..., Browser]) -> None:
    browser = visit("index.html#d=table-0&a=model-1&b=model-2")
    assert len(browser.find_elements("css selector", "#plot circle")) == 6
    assert len(browser.find_elements("css selector", "#plot rect.control")) == 2
    assert "Pareto front" in browser.find_element("css selector", "#plot figcaption").text
    assert len(browser.find_elements("css selector", "#rank-plot rect.bar")) == 6
    heads = [head.text for head in browser.find_elements("css selector", "#comparison thead th")]
    assert heads == ["column", "model-1", "model-2", "first minus second", "paired test"]
    verdicts = {cell.text for cell in browser.find_elements("css selector", "#comparison td:last-child")}
    assert verdicts & {"better", "worse"}


def test_names_in_the_plot_cover_neither_dots_nor_each_other(visit: Callable[..., Browser]) -> None:
    script = """
        const row = (label, x, y) => ({label, generator: 0, control: true, cells: {x: {value: x}, y: {value: y}}});
        const places = [['a long name', 0, 0], ['long too', 0.1, 0], ['near', 0.1, 0.01], ['far', 1, 1]];
        const rows = places.map((place) => row(...place));
        const [x, y] = ['x', 'y'].map((id) => ({id, title: id, kind: 'score', better: 1}));
        tabgenbench.plots.tradeOff({rows}, x, y, true);
        const boxes = [...document.querySelectorAll('#plot a')].map((link) =>
            [...link.querySelectorAll('rect, text')].map((one) => one.getBoundingClientRect()));
        const covers = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        const names = boxes.map((one) => one[1]).filter((one) => one);
        const others = (name) => boxes.flat().filter((one) => one !== name);
        return [names.length, names.filter((name) => others(name).some((one) => covers(one, name))).length];
    """
    for width in (1280, 390):
        named, covered = visit(width=width).execute_script(script)
        assert named >= 2
        assert covered == 0


def test_names_of_the_ranks_are_cut_at_their_end_on_a_phone(visit: Callable[..., Browser]) -> None:
    script = """
        const row = (label) => ({label, control: false, cells: {x: {ranks: [null, 1, 2], note: ''}}});
        const rows = ['short', 'a hierarchical model with its whole covariance'].map(row);
        tabgenbench.plots.ranks({rows, index: 0}, {id: 'x', title: 'x'});
        const texts = [...document.querySelectorAll('#rank-plot text[text-anchor=end]')];
        return texts.map((text) => [text.textContent, text.getBBox().x >= 0]);
    """
    (first, first_fits), (second, second_fits) = visit(width=390).execute_script(script)
    assert (second, first_fits, second_fits) == ("short", True, True)
    assert re.fullmatch("a hierarchical [^…]*…", first)


def test_intervals_of_mean_ranks_end_at_the_first_and_the_last_rank(visit: Callable[..., Browser]) -> None:
    script = """
        const row = (label, ranks) => ({label, control: false, cells: {x: {ranks, note: ''}}});
        const rows = [row('a', [1.2, 0.6, 1.8]), row('b', [1.8, 1.2, 2.4])];
        tabgenbench.plots.ranks({rows, index: null}, {id: 'x', title: 'x'});
        const number = (one, name) => Number(one.getAttribute(name));
        const lines = [...document.querySelectorAll('#rank-plot line.grid')].map((line) => number(line, 'x1'));
        const bars = [...document.querySelectorAll('#rank-plot rect.bar')];
        return [lines, number(bars[0], 'x'), number(bars[1], 'x') + number(bars[1], 'width')];
    """
    lines, left, right = visit().execute_script(script)
    assert (left, right) == (lines[0] - 4, lines[1] + 4)


def test_the_pareto_front_has_the_points_that_no_other_point_exceeds(visit: Callable[..., Browser]) -> None:
    script = (
        "return tabgenbench.plots.front([[1, 1], [2, 2], [3, 2], [1, 0]].map(([x, y]) => ({x, y})), "
        "{better: -1}, {better: 1}).map(({x, y}) => [x, y])"
    )
    assert visit().execute_script(script) == [[1, 1], [2, 2]]


def test_names_and_cards_run_no_script(visit: Callable[..., Browser]) -> None:
    from selenium.common.exceptions import NoAlertPresentException

    for page in ("index.html", "web/generator-script-alert-1-script.html", "web/dataset-table-0.html"):
        browser = visit(page)
        with pytest.raises(NoAlertPresentException):
            _ = browser.switch_to.alert
        assert browser.execute_script("return document.querySelectorAll('a[href^=javascript]').length") == 0
        assert NASTY in browser.find_element("tag name", "body").text


@pytest.mark.parametrize("page", ["index.html", "web/generator-model-1.html", "web/metric-far.html", "web/help.html"])
def test_a_phone_shows_every_page_without_scrolling_it_sideways(visit: Callable[..., Browser], page: str) -> None:
    browser = visit(page, width=390)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
