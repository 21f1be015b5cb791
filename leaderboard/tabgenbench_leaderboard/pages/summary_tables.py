"""Tables of rank intervals, of scores rescaled to 0 (floor) and 1 (ceiling), and of means over datasets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabgenbench.formatting import count_text
from tabgenbench_leaderboard.board.formatting import estimate_text, rank_text, shown_columns
from tabgenbench_leaderboard.board.model import Board, BoardRow, DatasetBoard
from tabgenbench_leaderboard.board.ranks import RANK_SPLITS
from tabgenbench_leaderboard.board.scaling import find_ceiling
from tabgenbench_leaderboard.board.summary import AcrossMeasure, AcrossRow
from tabgenbench_leaderboard.pages.document import Block, Bullets, Cell, Grid, Heading, Paragraph, Section, quote
from tabgenbench_leaderboard.pages.tables import grouped_rows

__all__ = ["across_blocks", "across_grid", "rank_cells", "ranked_models", "standing_blocks"]

COLUMNS_A_TABLE = 5
DECIMALS = 3


def ranked_models(dataset: DatasetBoard, column: int, *, question: bool) -> int:
    """Return the number of models that have a value in a column and are therefore ranked."""
    return sum(bool((row.questions if question else row.scores)[column].by_split) for row in dataset.models)


def rank_cells(dataset: DatasetBoard, rows: Sequence[BoardRow], column: int, *, question: bool) -> tuple[Cell, ...]:
    """Return one table cell per row, with the rank interval for a score or a question (group of scores)."""
    models = ranked_models(dataset, column, question=question)
    values = [(row.questions if question else row.scores)[column] for row in rows]
    return tuple(Cell(rank_text(value.rank, models), value.best) for value in values)


def standing_blocks(dataset: DatasetBoard) -> list[Block]:
    """Return headings and tables of the rank intervals and the rescaled scores of a dataset."""
    blocks: list[Block] = []
    ranks = list(_rank_grids(dataset))
    if ranks:
        text = (
            "A rank interval contains the ranks that the paired tests leave open. Controls, scores that are not "
            f"ranked, and models with fewer than {RANK_SPLITS} splits have none."
        )
        blocks += [Heading(3, "Rank intervals"), Paragraph(text), *ranks]
    elif len(dataset.models) > 1 and shown_columns(dataset):
        blocks += [Heading(3, "Rank intervals"), Paragraph(_no_ranks_sentence(dataset))]
    scaled = list(_scaled_grids(dataset))
    reasons = _unscaled(dataset)
    if scaled:
        ceiling = find_ceiling([dataset])
        ends = "two controls" if ceiling.is_control else f"a control and the {ceiling.text}"
        text = (
            f"In each split, a score is rescaled to 0 at its floor and 1 at its ceiling, {ends} that the "
            "legend names. Values outside 0 to 1 are shown as they are, and clipped before scores are averaged to the "
            f"value of a question.{_question_sentence(dataset)}"
        )
        title = f"Scaled to controls (1 = {'ceiling' if ceiling.is_control else ceiling.text}, 0 = floor)"
        blocks += [Heading(3, title), Paragraph(text), *scaled]
        if reasons:
            blocks += [Paragraph("Not scaled:"), Bullets(reasons)]
    return blocks


def _no_ranks_sentence(dataset: DatasetBoard) -> str:
    most = max((score.n for row in dataset.models for score in row.scores), default=0)
    if most >= RANK_SPLITS:
        return f"No rank: a ranked score needs values of two models, one of them in {RANK_SPLITS} splits."
    return f"No ranks: they need {RANK_SPLITS} splits with values, this board has {most}."


def _question_sentence(dataset: DatasetBoard) -> str:
    parts = [f"{question.question}: {', '.join(map(quote, question.titles))}" for question in dataset.questions]
    return f" Scores of the questions: {'; '.join(parts)}." if parts else ""


def _rank_grids(dataset: DatasetBoard) -> Iterator[Grid]:
    columns = [
        (question.question, True, i)
        for i, question in enumerate(dataset.questions)
        if any(row.questions[i].rank for row in dataset.models)
    ]
    columns += [
        (dataset.columns[i].title, False, i)
        for i in shown_columns(dataset)
        if any(row.scores[i].rank for row in dataset.models)
    ]
    for start in range(0, len(columns), COLUMNS_A_TABLE):
        chunk = columns[start : start + COLUMNS_A_TABLE]
        names = [Cell(f"`{quote(row.label)}`") for row in dataset.models]
        found = [rank_cells(dataset, dataset.models, i, question=question) for _, question, i in chunk]
        rows = tuple(zip(names, *found, strict=True))
        header = ("generator", *(quote(title) for title, _, _ in chunk))
        yield Grid(header, rows, f"Rank intervals of the models on {dataset.dataset}")


def _scaled_grids(dataset: DatasetBoard) -> Iterator[Grid]:
    columns = [(question.question, True, i) for i, question in enumerate(dataset.questions)]
    columns += [(dataset.columns[i].title, False, i) for i in shown_columns(dataset) if not dataset.columns[i].unscaled]

    def line(row: BoardRow, chunk: Sequence[tuple[str, bool, int]]) -> tuple[Cell, ...]:
        texts = (_question_text(row, i) if question else _scaled_text(row, i) for _, question, i in chunk)
        return (Cell(f"`{quote(row.label)}`"), *map(Cell, texts))

    for start in range(0, len(columns), COLUMNS_A_TABLE):
        chunk = columns[start : start + COLUMNS_A_TABLE]
        yield Grid(
            ("generator", *(quote(title) for title, _, _ in chunk)),
            grouped_rows(dataset, lambda row, chunk=chunk: line(row, chunk)),  # type: ignore[misc]
            f"Scores on {dataset.dataset}, scaled to controls: mean ± half of the 95 % interval over splits",
        )


def _question_text(row: BoardRow, place: int) -> str:
    value = row.questions[place]
    if value.mean is None:
        return f"lacks {', '.join(map(quote, value.lacking))}" if row.cells_ok else "-"
    return estimate_text(value, DECIMALS, expected=value.splits)


def _scaled_text(row: BoardRow, place: int) -> str:
    score = row.scores[place]
    return estimate_text(score.scaled, DECIMALS, expected=score.splits)


def _unscaled(dataset: DatasetBoard) -> tuple[str, ...]:
    reasons: dict[str, list[str]] = {}
    for i in shown_columns(dataset):
        column = dataset.columns[i]
        if column.unscaled:
            reasons.setdefault(column.unscaled, []).append(quote(column.title))
    return tuple(f"{', '.join(titles)}: {reason}" for reason, titles in reasons.items())


def across_blocks(board: Board) -> list[Block]:
    """Return the section with the summary over datasets; empty for a board of one dataset."""
    if not board.across:
        return []
    rule = (
        "Missing results count as the floor: the last rank on that dataset, and the scaled value 0 in each missing "
        "split."
        if board.missing == "floor"
        else "A generator without a result in every split of every dataset is listed apart: it has no rank, and ranks "
        "and win rates of the others ignore it."
    )
    texts = (
        "On each dataset, the generators are ranked by their mean value (ties share a rank), and the win rate is the "
        "share of other models that are worse (ties count half). The tables show means over datasets ± half of their "
        "95 % t-interval over datasets. These datasets are a convenience sample: the intervals say how much results "
        "vary between them, not what to expect on another dataset.",
        rule,
    )
    blocks: list[Block] = [Heading(2, "All datasets together"), *map(Paragraph, texts)]
    for measure in board.across:
        title = measure.title.capitalize() if measure.kind == "question" else quote(measure.title)
        blocks += [Heading(3, f"{title} on {count_text(len(measure.datasets), 'dataset')}"), across_grid(measure)]
    return blocks


def across_grid(measure: AcrossMeasure) -> Grid:
    """Return a table of generators with their mean rank, win rate and mean rescaled score over datasets."""
    groups = (
        ("models", [row for row in measure.rows if row.complete and not row.is_control]),
        ("models without all results", [row for row in measure.rows if not row.complete and not row.is_control]),
        ("controls", [row for row in measure.rows if row.is_control]),
    )
    rows: list[tuple[Cell, ...] | Section] = []
    for name, group in groups:
        rows += [Section(name), *(_across_line(row, measure) for row in group)] if group else []
    header = ("generator", "coverage", "mean rank", "win rate", "scaled")
    return Grid(header, tuple(rows), f"{measure.title} over datasets: mean ± half of the 95 % interval over datasets")


def _across_line(row: AcrossRow, measure: AcrossMeasure) -> tuple[Cell, ...]:
    floored = f", {row.floored} as the floor" if row.floored else ""
    return (
        Cell(f"`{quote(row.label)}`"),
        Cell(f"{row.datasets} of {count_text(len(measure.datasets), 'dataset')}{floored}"),
        Cell(estimate_text(row.mean_rank, 1)),
        Cell(estimate_text(row.win_rate, 2)),
        Cell(estimate_text(row.scaled, DECIMALS)),
    )
