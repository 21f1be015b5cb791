"""The headline of a board: a summary that fits a screen of a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from tabulate import MIN_PADDING, SEPARATING_LINE, tabulate

from tabgenbench.formatting import count_text, duration_text, end_cut, shortened
from tabgenbench_leaderboard.board.formatting import (
    column_decimals,
    direction_text,
    features_text,
    range_text,
    score_text,
)
from tabgenbench_leaderboard.board.headline import control_descriptions, headline_columns, headline_sentences
from tabgenbench_leaderboard.board.model import Board, BoardRow, DatasetBoard
from tabgenbench_leaderboard.pages.document import Cell, Grid, Section, quote

__all__ = ["COLUMNS", "LINES", "again", "headline_grid", "headline_text"]

LINES, COLUMNS = 46, 100
"""The screen has 50 lines; the command that prints the headline prints a few more lines."""
_MOST_DATASETS, _LONGEST_LABEL, _SHORTEST_LABEL = 2, 32, 18
_LEGEND = (
    "Mean ± half of the 95 % interval over splits; fit: mean time of a training. *: best model, distinguishable from "
    "every other model."
)


def headline_text(board: Board, where: Sequence[str]) -> str:
    """Return one table per dataset, sentences that summarise them, and the lines that locate the full board.

    The text has at most `LINES` lines of at most `COLUMNS` columns, except for long paths. Rows and datasets that do
    not fit are counted. The controls are described if there is room.

    Args:
        board: the board.
        where: lines that say where the full board is; they are not wrapped, because they contain paths.
    """
    title = f"{quote(board.suite)}: {quote(board.summary)}" if board.summary else quote(board.suite)
    head = _wrapped(title)
    foot = _wrapped(_LEGEND)
    left_out = len(board.datasets) - _MOST_DATASETS
    if left_out > 0:
        foot += _wrapped(f"{count_text(left_out, 'more dataset')} on the full board.")
    foot += where
    sentences = [line for sentence in headline_sentences(board) for line in _wrapped(sentence)]
    shown = board.datasets[:_MOST_DATASETS]
    lines = LINES - len(head) - len(sentences) - len(foot) - 1
    room = lines // max(1, len(shown))
    tables = [line for dataset in shown for line in ["", *_table_lines(dataset, room - 1)]]
    controls = _control_lines(control_descriptions(shown), lines - len(tables))
    return "\n".join([*head, *tables, "", *sentences, *controls, *foot]) + "\n"


def again(arguments: str) -> list[str]:
    """Return the lines that name the command that writes the full board."""
    command = f"tabgenbench leaderboard {arguments} --out DIR"
    return ["The full board, with all scores, comparisons and figures:", f"  {command}"]


def headline_grid(dataset: DatasetBoard) -> Grid:
    """Return the headline scores and the time to fit of every generator."""
    columns = headline_columns(dataset)
    header = ("generator", *(_heading(dataset, i) for i in columns), "fit")
    rows: list[tuple[Cell, ...] | Section] = []
    for name, group in (("models", dataset.models), ("controls", dataset.controls)):
        if group:
            rows.append(Section(name))
            rows += [
                (Cell(quote(row.label)), *(Cell(*cell) for cell in _scores(dataset, row, columns)), Cell(_fit(row)))
                for row in group
            ]
    return Grid(header, tuple(rows), f"Headline scores on {dataset.dataset}")


def _heading(dataset: DatasetBoard, index: int) -> str:
    column = dataset.columns[index]
    return f"{quote(column.title)} {direction_text(column, short=True)}"


def _scores(dataset: DatasetBoard, row: BoardRow, columns: Sequence[int]) -> list[tuple[str, bool]]:
    decimals = {i: column_decimals([other.scores[i] for other in dataset.rows]) for i in columns}
    return [(score_text(row.scores[i], decimals[i]), row.scores[i].best) for i in columns]


def _fit(row: BoardRow) -> str:
    return duration_text(row.costs.fit_seconds.mean) if row.costs.fit_seconds else "-"


def _table_lines(dataset: DatasetBoard, n_lines: int) -> list[str]:
    """Return the table of a dataset in at most this many lines, with as many columns as fit."""
    models, controls = _chosen(dataset, n_lines - 4)
    rows = [*models, *controls]
    columns = headline_columns(dataset)
    cells = [[f"*{text}" if best else text for text, best in _scores(dataset, row, columns)] for row in rows]
    headings = [_heading(dataset, i) for i in columns]
    widths = [max(map(len, texts)) + 2 for texts in zip([_padded(text) for text in headings], *cells, strict=True)]
    fits = [_fit(row) for row in rows]
    taken = max(map(len, [_padded("fit"), *fits])) + 2
    while len(widths) > 1 and taken + sum(widths) > COLUMNS - _SHORTEST_LABEL:
        widths.pop()
    shown = len(widths)
    room = min(_LONGEST_LABEL, COLUMNS - taken - sum(widths))
    labels = shortened((quote(row.label) for row in rows), room)
    if max(map(len, labels.values())) > room:  # equal shortened names get a number
        labels = shortened((quote(row.label) for row in rows), room - len(" (99)"))
    lines: list[list[str] | str] = [
        [labels[quote(row.label)], *found[:shown], fit] for row, found, fit in zip(rows, cells, fits, strict=True)
    ]
    if models and controls:
        lines.insert(len(models), SEPARATING_LINE)
    header = ["generator", *headings[:shown], "fit"]
    align = ("left", *("right" for _ in header[1:]))
    table = tabulate(lines, header, tablefmt="simple", colalign=align, disable_numparse=True)
    more = len(dataset.rows) - len(rows)
    counted = [f"and {count_text(more, 'more row')} on the full board"] if more else []
    return [_facts(dataset), *(line.rstrip() for line in table.splitlines()), *counted]


def _padded(heading: str) -> str:
    """Return a heading with the padding that `tabulate` adds."""
    return heading + " " * MIN_PADDING


def _chosen(dataset: DatasetBoard, most: int) -> tuple[Sequence[BoardRow], Sequence[BoardRow]]:
    """Return the models and the controls that fit, at least some of each."""
    models, controls = dataset.models, dataset.controls
    if len(models) + len(controls) <= most:
        return models, controls
    most -= 1  # for the line that counts the others
    n_controls = min(len(controls), max(most - len(models), most // 3))
    return models[: most - n_controls], controls[:n_controls]


def _control_lines(descriptions: Sequence[str], most: int) -> list[str]:
    """Return descriptions of controls in at most this many lines; those that do not fit are counted."""
    for shown in range(len(descriptions), 0, -1):
        left = len(descriptions) - shown
        more = [f"{count_text(left, 'more control')} on the full board."] if left else []
        lines = _lines_of(quote(" ".join(["The controls are:", *descriptions[:shown], *more])))
        if len(lines) <= most:
            return lines
    return []


def _facts(dataset: DatasetBoard) -> str:
    """Return the sizes of a dataset on one line. Validation rows make room for two kinds of features."""
    title, n_splits = quote(dataset.dataset), count_text(len(dataset.splits), "split")
    if dataset.n_train is None:
        return end_cut(f"{title}: {n_splits}", COLUMNS)
    has_validation = dataset.n_validation is not None and dataset.n_validation[1]
    validation = f", {range_text(dataset.n_validation)} validation" if has_validation else ""
    train, test = range_text(dataset.n_train), f"{range_text(dataset.n_test)} test rows"
    texts = [
        f"{title}: {n_splits}, {train} training{more} and {test}, {features_text(dataset)}" for more in (validation, "")
    ]
    is_short = len(texts[0]) <= COLUMNS or dataset.n_categorical is None
    return end_cut(texts[0] if is_short else texts[1], COLUMNS)


def _lines_of(text: str) -> list[str]:
    return textwrap.wrap(text, COLUMNS, break_long_words=True, break_on_hyphens=False)


def _wrapped(text: str) -> list[str]:
    """Return a sentence on at most three lines."""
    lines = _lines_of(text)
    return lines if len(lines) <= 3 else [*lines[:2], end_cut(" ".join(lines[2:]), COLUMNS)]
