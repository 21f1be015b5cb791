"""Differences between two boards (tables of results), except differences of scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabgenbench.formatting import count_text
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.publish.sides import Side

__all__ = ["changes"]

MOST = 8  # maximum number of names that a sentence lists


def changes(first: Side, second: Side) -> Iterator[str]:
    """Yield sentences on the differences between two boards in datasets, trainings, metrics, versions and machines."""
    yield from _dataset_changes(first, second)
    yield from _cell_changes(first, second)
    yield from _metric_changes(first, second)
    yield from _setting_changes(first.board, second.board)


def _dataset_changes(first: Side, second: Side) -> Iterator[str]:
    boards = [{dataset.dataset: dataset for dataset in side.board.datasets} for side in (first, second)]
    for verb, names in (
        ("removed", boards[0].keys() - boards[1].keys()),
        ("added", boards[1].keys() - boards[0].keys()),
    ):
        if names:
            yield f"datasets {verb}: {_listed(sorted(names))}"
    for name in sorted(boards[0].keys() & boards[1].keys()):
        one, other = boards[0][name], boards[1][name]
        if one.fingerprint != other.fingerprint:
            yield f"{name}: another table ({one.note or 'no note'}; {other.note or 'no note'})"
        for what in ("splits", "seeds", "draws", "n_train", "n_test", "n_features", "split_kind"):
            if getattr(one, what) != getattr(other, what):
                yield f"{name}: {what} {_shown(getattr(one, what))} -> {_shown(getattr(other, what))}"
        known = [
            {place[1]: print_ for place, print_ in side.splits.items() if place[0] == name} for side in (first, second)
        ]
        both = known[0].keys() & known[1].keys()
        other_rows = sorted(split for split in both if known[0][split] != known[1][split])
        if other_rows:
            yield f"{name}: other rows in {'splits' if len(other_rows) > 1 else 'split'} {_shown(other_rows)}"


def _cell_changes(first: Side, second: Side) -> Iterator[str]:
    labels = [
        {(dataset.dataset, row.label) for dataset in side.board.datasets for row in dataset.rows}
        for side in (first, second)
    ]
    for verb, places in (("removed", labels[0] - labels[1]), ("added", labels[1] - labels[0])):
        if places:
            yield f"generators {verb}: {_listed([f'{label} on {dataset}' for dataset, label in sorted(places)])}"
    if not (first.cells and second.cells):
        return
    for verb, one, other in (("removed", first, second), ("added", second, first)):
        cells = {place for place in one.cells.keys() - other.cells.keys() if place[:2] in labels[0] & labels[1]}
        if cells:
            yield f"cells {verb}: {len(cells)} of {_listed(sorted({cell[1] for cell in cells}))}"
    retrained: dict[str, int] = {}
    for place in first.cells.keys() & second.cells.keys():
        if first.cells[place] != second.cells[place]:
            retrained[place[1]] = retrained.get(place[1], 0) + 1
    if retrained:
        names = [f"{label} ({number})" for label, number in sorted(retrained.items())]
        yield f"cells with another key (code, options, rows, draws, threads or device): {_listed(names)}"


def _metric_changes(first: Side, second: Side) -> Iterator[str]:
    both = sorted(first.metrics.keys() & second.metrics.keys())
    names = dict.fromkeys(
        label for dataset, label in both if first.metrics[dataset, label] != second.metrics[dataset, label]
    )
    if names:
        yield f"metrics with other code or options: {_listed(list(names))}"
    titles = [
        {column.title for dataset in side.board.datasets for column in dataset.columns} for side in (first, second)
    ]
    for verb, found in (("removed", titles[0] - titles[1]), ("added", titles[1] - titles[0])):
        if found:
            yield f"scores {verb}: {_listed(sorted(found))}"


def _setting_changes(first: Board, second: Board) -> Iterator[str]:
    for name in sorted(first.packages.keys() | second.packages.keys()):
        versions = [" / ".join(board.packages.get(name, ("none",))) for board in (first, second)]
        if versions[0] != versions[1]:
            yield f"{name}: {versions[0]} -> {versions[1]}"
    for what in ("cpu", "gpu", "python", "threads", "device"):
        found = [
            sorted({str(getattr(machine, what)) for machine in board.machines} - {""}) for board in (first, second)
        ]
        if found[0] != found[1]:
            yield f"{what}: {' / '.join(found[0]) or 'none'} -> {' / '.join(found[1]) or 'none'}"


def _shown(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(str, dict.fromkeys(value)))
    return str(value)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST
    return ", ".join(names[:MOST]) + (f" and {count_text(more, 'other')}" if more > 0 else "")
