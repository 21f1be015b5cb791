from __future__ import annotations

import pytest
from tests.helpers.cell_records import planned_cell

from tabgenbench.formatting import rough_duration_text
from tabgenbench.run.estimate import Estimate, range_text
from tabgenbench.run.estimator import CellEstimate

MIB = 2.0**20


def cells(label: str, *found: CellEstimate) -> list[tuple[object, CellEstimate]]:
    return [(planned_cell(f"{label}{i}", label=label), one) for i, one in enumerate(found)]


def known(
    seconds: float, *keys: str, low: float | None = None, high: float | None = None, **values: object
) -> CellEstimate:
    low, high = seconds if low is None else low, seconds if high is None else high
    return CellEstimate(seconds=seconds, low=low, high=high, earlier=keys or ("k",), bytes=MIB, **values)


NOTHING = CellEstimate(seconds=None, bytes=MIB)


def line(*parts: list[tuple[object, CellEstimate]], workers: int = 1, split_bytes: float = 0) -> str:
    return Estimate.of([one for part in parts for one in part], workers=workers, split_bytes=split_bytes).line


def test_all_generators_are_known() -> None:
    found = line(cells("a", known(400), known(500)), cells("b", known(900)), workers=2, split_bytes=5 * MIB)
    assert found == "about 15 min and 8 MiB of disk (2 of 2 generators have earlier records)"


def test_a_run_is_not_shorter_than_its_longest_cell() -> None:
    assert line(cells("a", known(7200)), cells("b", known(60)), workers=8).startswith("about 2.0 h and ")


def test_sources_that_differ_give_a_range() -> None:
    assert line(cells("a", known(700, low=300, high=1500))).startswith("5 to 25 min and ")


def test_unknown_generators_and_metrics_are_named() -> None:
    assert (
        line(cells("a", known(700)), cells("ctgan", NOTHING))
        == "at least 12 min and 2 MiB of disk (1 of 2 generators have earlier records; unknown: ctgan)"
    )
    found = line(cells("a", known(700, unknown=("gamma",))))
    assert found == (
        "at least 12 min and 1 MiB of disk (1 of 1 generator have earlier records; "
        "metrics without earlier record: gamma)"
    )
    assert line(cells("ctgan", NOTHING)) == "unknown time and 1 MiB of disk (no earlier record of ctgan)"
    both = line(cells("ctgan", NOTHING), cells("tvae", NOTHING))
    assert both == "unknown time and 2 MiB of disk (no earlier record of its 2 generators)"
    many = line(cells("a", known(1)), *(cells(name, NOTHING) for name in "bcdefg"))
    assert many.endswith("; unknown: b, c, d, e and 2 more)")


@pytest.mark.parametrize(
    ("found", "source"),
    [
        ([known(1, "x", "y"), known(1, "y", "z")], "3 earlier cells"),
        ([known(1, "x"), known(1, "y", is_scaled=True)], "2 earlier cells, some of other sizes"),
        ([known(1, "x", is_scaled=True)], "1 earlier cell of other sizes"),
        ([known(1, "x", is_timed=True)], "its first epochs"),
        ([NOTHING], "no earlier record"),
        ([NOTHING, known(1)], "no earlier record"),
    ],
)
def test_the_source_is_shown(found: list[CellEstimate], source: str) -> None:
    [one] = Estimate.of(cells("a", *found), workers=1).generators
    assert one.source == source


def test_rows_of_the_table() -> None:
    found = Estimate.of([*cells("a", known(400, low=200, high=500), known(500)), *cells("b", NOTHING)], workers=2)
    assert [one.row for one in found.generators] == [
        ["a", 2, "about 8 min", "about 15 min", "2 MiB", "1 earlier cell"],
        ["b", 1, "unknown", "unknown", "1 MiB", "no earlier record"],
    ]
    assert found.n_cells == 3


def test_a_generator_that_was_timed_has_its_own_line() -> None:
    found = Estimate.of([*cells("a", known(60)), *cells("ctgan", *3 * [known(600, is_timed=True)])], workers=2)
    assert found.timed_line("ctgan") == (
        "about 15 min for ctgan (3 cells), from its first epochs; the whole run: about 16 min and 4 MiB of disk"
    )


def test_texts_of_times() -> None:
    assert range_text(80, 40, 130) == "40 s to 2 min"
    assert [rough_duration_text(seconds) for seconds in (0, 19.6, 89, 91, 5399, 5400, 172_801)] == [
        "1 s",
        "20 s",
        "90 s",
        "2 min",
        "90 min",
        "1.5 h",
        "2.0 days",
    ]
