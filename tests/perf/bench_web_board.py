"""Open a web board of 500 generators and 60 scores in a browser; print its size, and the times to load and to sort it.

The bars: at most 10 MB, loaded in under 2 s, sorted in under 0.3 s. The time to load ends when the table is drawn; the
time to sort ends when the browser has laid out the sorted table. Processor time of the page's thread shows how much
other work on the machine prolonged the wall time. Without a browser, only the size is measured.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from browser import find_browser, open_browser, resize
from made_boards import board_of_size

from tabgenbench_leaderboard.web.pages import web_files
from tabgenbench_leaderboard.web.site import Site

GENERATORS, SCORES = 500, 60
MEGABYTES, LOAD_SECONDS, SORT_SECONDS = 10.0, 2.0, 0.3
SORT = """
const start = performance.now();
document.querySelector(`[data-column="${arguments[0]}"]`).click();
document.getElementById("verdict").getBoundingClientRect();
return (performance.now() - start) / 1000;
"""
ALL_COLUMNS = """
for (const box of document.querySelectorAll("#columns input")) box.checked = true;
document.getElementById("columns").dispatchEvent(new Event("change"));
"""


def load(browser: Any, page: Path) -> float:
    """Return the seconds until the table of a page is drawn."""
    browser.get("about:blank")
    start = time.perf_counter()
    browser.get(page.as_uri())
    while not browser.execute_script("return document.body.dataset.ready"):
        time.sleep(0.005)
    return time.perf_counter() - start


def sort(browser: Any) -> float:
    """Return the median of the seconds to sort by different columns, and print the processor time of a sort."""
    columns = ("q:fidelity", "q:structure", "fit", "q:utility", "label")
    before = processor_seconds(browser)
    times = [float(browser.execute_script(SORT, column)) for column in columns]
    spent = (processor_seconds(browser) - before) / len(columns)
    print(f"  processor time of a sort: {spent:.2f} s")
    return statistics.median(times)


def processor_seconds(browser: Any) -> float:
    """Return the processor time of the page's thread since the page was opened."""
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def report(name: str, found: float, bar: float, unit: str) -> bool:
    """Print a measurement with its bar; return whether the bar is met."""
    print(f"  {name}: {found:.2f} {unit}; bar {bar:g} {unit}: {'met' if found < bar else 'missed'}", flush=True)
    return found < bar


def main() -> int:
    """Measure the board; return 1 if a bar is missed."""
    start = time.perf_counter()
    files = web_files(Site(board_of_size(generators=GENERATORS, scores=SCORES), {}))
    print(f"{GENERATORS} generators, {SCORES} scores: {len(files)} files in {time.perf_counter() - start:.1f} s")
    largest = max(len(content) for content in files.values()) / 1e6
    met = [
        report("size of the folder", sum(map(len, files.values())) / 1e6, MEGABYTES, "MB"),
        report("largest file", largest, 2, "MB"),
    ]
    if find_browser() is None:
        print("  times were not measured: this machine has no chromium with chromedriver")
        return int(not all(met))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, content in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)
        browser = open_browser(folder / "profile")
        try:
            resize(browser, 1280)
            browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
            load(browser, folder / "index.html")  # the first page also waits for the browser's own start
            times = [load(browser, folder / "index.html") for _ in range(3)]
            met.append(report("load, median of 3", statistics.median(times), LOAD_SECONDS, "s"))
            met.append(report("sort, median of 5", sort(browser), SORT_SECONDS, "s"))
            browser.execute_script(ALL_COLUMNS)
            met.append(report("sort with all columns shown, median of 5", sort(browser), SORT_SECONDS, "s"))
        finally:
            browser.quit()
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
