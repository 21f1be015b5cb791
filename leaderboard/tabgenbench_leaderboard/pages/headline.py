"""The headline of a board: a summary as text that fits one screen of a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import MIN_PADDING, SEPARATING_LINE, tabulate

from tabgenbench.formatting import bytes_text, count_text, duration_text, end_cut, shortened
from tabgenbench_leaderboard.board.formatting import (
    column_decimals,
    direction_text,
    estimate_text,
    features_text,
    range_text,
    score_text,
)
from tabgenbench_leaderboard.board.generators import GeneratorRows, group_generators
from tabgenbench_leaderboard.board.headline import control_descriptions, headline_columns, headline_sentences
from tabgenbench_leaderboard.board.model import Board, BoardRow, DatasetBoard
from tabgenbench_leaderboard.board.scaling import find_ceiling
from tabgenbench_leaderboard.pages.calibration import calibration_note
from tabgenbench_leaderboard.pages.document import Cell, Grid, Section, cells, quote
from tabgenbench_leaderboard.pages.summary_tables import rank_cells

__all__ = ["COLUMNS", "LINES", "again", "headline_grid", "headline_text", "verdict_grid"]

LINES, COLUMNS = 46, 100
"""Maximum size of the headline. A screen has 50 lines, and the command prints a few lines besides the headline."""
_MOST_DATASETS, _LONGEST_LABEL, _SHORTEST_LABEL = 2, 32, 18
_MOST_ACROSS = 12
_DECIMALS = 2
_LEGEND = (
    "Mean ± half of the 95 % interval over splits; fit: mean time of a training; memory: largest peak. *: best model, "
    "better than every other model by paired tests with Holm's correction."
)
_RANKS = "1-2 of 5: the ranks among the models that these tests leave open."
_QUESTIONS = "Questions: means of scaled headline scores, 1 = {ceiling}, 0 = floor."
_ACROSS = "Over datasets: mean rank and mean value (1 = {ceiling}, 0 = floor), ± half of the interval."


def headline_text(board: Board, where: Sequence[str]) -> str:
    """Return the headline as text: tables, sentences that summarise the comparisons, and the lines ``where``.

    The text has at most `LINES` lines. Lines have at most `COLUMNS` characters, except for the lines ``where``. If rows
    or datasets do not fit, the text states how many are left out. The controls are described if enough lines are left.

    Args:
        board: the board to summarise.
        where: lines that say where the full board is; these lines are not wrapped.
    """
    title = f"{quote(board.suite)}: {quote(board.summary)}" if board.summary else quote(board.suite)
    head = _wrapped(title)
    together = _across_lines(board) if len(board.datasets) > _MOST_DATASETS else []
    sentences = [line for sentence in headline_sentences(board) for line in _wrapped(sentence)]
    legend = [_LEGEND]
    answers = [question for dataset in board.datasets for row in dataset.rows for question in row.questions]
    if answers and not together:
        legend.append(_QUESTIONS.format(ceiling=find_ceiling(board.datasets).text))
    if any(answer.rank for answer in answers):
        legend.append(_RANKS)
    if together:
        legend.append(_ACROSS.format(ceiling=find_ceiling(board.datasets).text))
    if note := calibration_note(board):
        legend.append(note)
    foot = [*_lines_of(" ".join(legend)), *where]
    # One line counts the datasets that are not shown, and one blank line stands above the sentences.
    lines = LINES - len(head) - len(sentences) - len(foot) - len(together) - 1 - (len(board.datasets) > _MOST_DATASETS)
    shown = board.datasets[:_MOST_DATASETS]
    if together and lines // len(shown) < max(len(_table_lines(dataset, LINES)) + 1 for dataset in shown):
        shown = shown[:1]
    left_out = len(board.datasets) - len(shown)
    if left_out > 0:
        foot = [*_lines_of(f"{count_text(left_out, 'more dataset')} on the full board."), *foot]
    room = lines // max(1, len(shown))
    tables = [line for dataset in shown for line in ["", *_table_lines(dataset, room - 1)]]
    controls = _control_lines(control_descriptions(shown), lines - len(tables))
    return "\n".join([*head, *together, *tables, "", *sentences, *controls, *foot]) + "\n"


def again(arguments: str) -> list[str]:
    """Return two lines with the command that writes the full board; ``arguments`` select the board."""
    command = f"tabgenbench leaderboard {arguments} --out DIR"
    return ["The full board, with all scores, comparisons and figures:", f"  {command}"]


@dataclass(frozen=True)
class _Column:
    heading: str
    cells: tuple[Cell, ...]

    @property
    def texts(self) -> list[str]:
        return [f"*{cell.text}" if cell.strong else cell.text for cell in self.cells]


def headline_grid(dataset: DatasetBoard) -> Grid:
    """Return a dataset's main table, with questions, rank intervals, headline scores, times to fit and memory."""
    columns = [*_score_columns(dataset, dataset.rows), *_cost_columns(dataset, dataset.rows)]
    lines = [
        (Cell(f"`{quote(row.label)}`"), *(column.cells[i] for column in columns)) for i, row in enumerate(dataset.rows)
    ]
    n_models = len(dataset.models)
    rows: list[tuple[Cell, ...] | Section] = []
    for name, group in (("models", lines[:n_models]), ("controls", lines[n_models:])):
        rows += [Section(name), *group] if group else []
    header = ("generator", *(column.heading for column in columns))
    return Grid(header, tuple(rows), f"Headline of {dataset.dataset}")


def _score_columns(dataset: DatasetBoard, rows: Sequence[BoardRow]) -> list[_Column]:
    places = headline_columns(dataset)
    values = [
        _Column(
            question.question,
            tuple(
                Cell(
                    estimate_text(row.questions[i], _DECIMALS, expected=row.questions[i].splits), row.questions[i].best
                )
                for row in rows
            ),
        )
        for i, question in enumerate(dataset.questions)
    ]
    ranked = [(f"{question.question} rank", True, i) for i, question in enumerate(dataset.questions)]
    ranked = ranked or [(f"{quote(dataset.columns[i].title)} rank", False, i) for i in places]
    ranks = [
        _Column(heading, rank_cells(dataset, rows, i, question=question))
        for heading, question, i in ranked
        if any((row.questions if question else row.scores)[i].rank for row in dataset.models)
    ]
    scores = []
    for i in places:
        column = dataset.columns[i]
        decimals = column_decimals([row.scores[i] for row in dataset.rows])
        found = tuple(Cell(score_text(row.scores[i], decimals), row.scores[i].best) for row in rows)
        scores.append(_Column(f"{quote(column.title)} {direction_text(column, short=True)}", found))
    return [*values, *ranks, *scores]


def _cost_columns(dataset: DatasetBoard, rows: Sequence[BoardRow]) -> list[_Column]:
    coverage = [_Column("cells ok", cells([f"{row.cells_ok} of {row.cells}" for row in rows]))]
    incomplete = any(row.cells_ok < row.cells for row in dataset.rows)
    times = [row.costs.fit_seconds for row in rows]
    fits = cells([duration_text(seconds.mean) if seconds else "-" for seconds in times])
    peaks = [row.costs.peak_memory_bytes for row in rows]
    memory = cells(["-" if peak is None else bytes_text(peak) for peak in peaks])
    return [*(coverage if incomplete else []), _Column("fit", fits), _Column("memory", memory)]


def _table_lines(dataset: DatasetBoard, n_lines: int) -> list[str]:
    models, controls = _chosen(dataset, n_lines - 4)
    rows = [*models, *controls]
    names = [quote(row.label) for row in rows]
    more = len(dataset.rows) - len(rows)
    counted = [f"and {count_text(more, 'more row')} on the full board"] if more else []
    table = _table(names, _score_columns(dataset, rows), _cost_columns(dataset, rows), above=len(models))
    return [_facts(dataset), *table, *counted]


def verdict_grid(board: Board) -> Grid | None:
    """Return a table of mean values, mean ranks and costs of generators over datasets; None without `Board.across`."""
    if not board.across:
        return None
    groups = _across_groups(board)
    rows: list[tuple[Cell, ...] | Section] = []
    header: tuple[str, ...] = ()
    for name, group in groups.items():
        columns, last = _across_columns(board, group)
        header = ("generator", *(column.heading for column in [*columns, *last]))
        lines = [
            (Cell(f"`{quote(one.label)}`"), *(column.cells[i] for column in [*columns, *last]))
            for i, one in enumerate(group)
        ]
        rows += [Section(name), *lines]
    return Grid(header, tuple(rows), "All datasets together: mean ± half of the 95 % interval over datasets")


def _across_groups(board: Board) -> dict[str, list[GeneratorRows]]:
    is_complete: dict[tuple[str, bool], bool] = {}
    for measure in board.across:
        for row in measure.rows:
            place = (row.label, row.is_control)
            is_complete[place] = is_complete.get(place, True) and row.complete
    generators = [one for one in group_generators(board.datasets) if (one.label, one.is_control) in is_complete]
    models = [one for one in generators if not one.is_control]
    groups = {
        "models": [one for one in models if is_complete[one.label, False]],
        "models without all results": [one for one in models if not is_complete[one.label, False]],
        "controls": [one for one in generators if one.is_control],
    }
    return {name: group for name, group in groups.items() if group}


def _across_columns(board: Board, generators: Sequence[GeneratorRows]) -> tuple[list[_Column], list[_Column]]:
    places = [(one.label, one.is_control) for one in generators]
    values, ranks = [], []
    for measure in board.across:
        rows = {(row.label, row.is_control): row for row in measure.rows}
        title = quote(measure.title)
        if any(row.scaled for row in measure.rows):
            values.append(_Column(title, cells([estimate_text(rows[place].scaled, _DECIMALS) for place in places])))
        ranks.append(_Column(f"{title} rank", cells([estimate_text(rows[place].mean_rank, 1) for place in places])))
    coverage = cells([_coverage(board, place) for place in places])
    fits = [duration_text(one.fit_seconds) if one.fit_seconds is not None else "-" for one in generators]
    peaks = [bytes_text(one.peak_memory_bytes) if one.peak_memory_bytes is not None else "-" for one in generators]
    return [*values, *ranks], [
        _Column("datasets", coverage),
        _Column("fit", cells(fits)),
        _Column("memory", cells(peaks)),
    ]


def _coverage(board: Board, place: tuple[str, bool]) -> str:
    found = [
        (row.datasets, len(measure.datasets))
        for measure in board.across
        for row in measure.rows
        if (row.label, row.is_control) == place
    ]
    datasets, asked = min(found, key=lambda counts: counts[0] / counts[1])
    return f"{datasets} of {asked}" if datasets < asked else f"{len(board.datasets)} of {len(board.datasets)}"


def _across_lines(board: Board) -> list[str]:
    groups = _across_groups(board) if any(row.mean_rank for measure in board.across for row in measure.rows) else {}
    complete = groups.get("models", [])
    models = [*complete, *groups.get("models without all results", [])]
    if not models:
        return []
    shown = models[:_MOST_ACROSS]
    counted = len(models) - len(shown)
    rule = "; missing results count as the floor" if board.missing == "floor" else ""
    columns, last = _across_columns(board, shown)
    return [
        "",
        f"All {len(board.datasets)} datasets together{rule}:",
        *_table([quote(one.label) for one in shown], columns, last, above=min(len(complete), len(shown))),
        *([f"and {count_text(counted, 'more model')} on the full board"] if counted else []),
    ]


def _table(names: Sequence[str], columns: Sequence[_Column], last: Sequence[_Column], *, above: int) -> list[str]:
    n_shown = len(columns)
    while n_shown > 1 and not _fits([*columns[:n_shown], *last]):
        n_shown -= 1
    shown = [*columns[:n_shown], *last]
    room = min(_LONGEST_LABEL, COLUMNS - sum(map(_width, shown)))
    labels = shortened(names, room)
    if max(map(len, labels.values()), default=0) > room:  # numbers were added to equal shortened names
        labels = shortened(names, room - len(" (99)"))
    texts = [column.texts for column in shown]
    lines: list[list[str] | str] = [[labels[name], *(column[i] for column in texts)] for i, name in enumerate(names)]
    if 0 < above < len(lines):
        lines.insert(above, SEPARATING_LINE)
    header = ["generator", *(column.heading for column in shown)]
    align = ("left", *("right" for _ in header[1:]))
    table = tabulate(lines, header, tablefmt="simple", colalign=align, disable_numparse=True)
    return [line.rstrip() for line in table.splitlines()]


def _fits(columns: Sequence[_Column]) -> bool:
    return sum(map(_width, columns)) <= COLUMNS - _SHORTEST_LABEL


def _width(column: _Column) -> int:
    return max(map(len, [_padded(column.heading), *column.texts])) + 2


def _padded(heading: str) -> str:
    return heading + " " * MIN_PADDING


def _chosen(dataset: DatasetBoard, most: int) -> tuple[Sequence[BoardRow], Sequence[BoardRow]]:
    models, controls = dataset.models, dataset.controls
    if len(models) + len(controls) <= most:
        return models, controls
    most -= 1  # one line counts the rows that do not fit
    n_controls = min(len(controls), max(most - len(models), most // 3))
    return models[: most - n_controls], controls[:n_controls]


def _control_lines(descriptions: Sequence[str], most: int) -> list[str]:
    for shown in range(len(descriptions), 0, -1):
        left = len(descriptions) - shown
        more = [f"{count_text(left, 'more control')} on the full board."] if left else []
        lines = _lines_of(quote(" ".join(["The controls are:", *descriptions[:shown], *more])))
        if len(lines) <= most:
            return lines
    return []


def _facts(dataset: DatasetBoard) -> str:
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
    lines = _lines_of(text)
    return lines if len(lines) <= 3 else [*lines[:2], end_cut(" ".join(lines[2:]), COLUMNS)]
