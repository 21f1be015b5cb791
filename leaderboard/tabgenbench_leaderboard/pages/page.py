"""Content of the page of a board, independent of the format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tabgenbench.formatting import count_text
from tabgenbench_leaderboard.board.compare import comparison_sentences
from tabgenbench_leaderboard.board.formatting import features_text, range_text, shown_columns
from tabgenbench_leaderboard.board.headline import headline_sentences
from tabgenbench_leaderboard.board.model import Board, BoardRow, DatasetBoard
from tabgenbench_leaderboard.figures.drawn_rows import left_out_sentence
from tabgenbench_leaderboard.pages.calibration import calibration_blocks
from tabgenbench_leaderboard.pages.document import Block, Bullets, Details, Figure, Grid, Heading, Paragraph, quote
from tabgenbench_leaderboard.pages.headline import headline_grid, verdict_grid
from tabgenbench_leaderboard.pages.notes import fallback_sentence, note_sentences
from tabgenbench_leaderboard.pages.partial import partial_sentence
from tabgenbench_leaderboard.pages.picture_blocks import picture_blocks
from tabgenbench_leaderboard.pages.publications import load_published, published_blocks
from tabgenbench_leaderboard.pages.reference import reference_blocks
from tabgenbench_leaderboard.pages.summary_tables import across_blocks, standing_blocks
from tabgenbench_leaderboard.pages.tables import (
    control_grid,
    cost_grid,
    fallback_grid,
    metric_cost_grid,
    problem_grid,
    score_grid,
)
from tabgenbench_leaderboard.pages.timing import timing_sentences

__all__ = [
    "FigureNames",
    "cost_blocks",
    "curve_blocks",
    "facts_sentence",
    "fallback_blocks",
    "full_page",
    "gaps",
    "learning_blocks",
    "model_blocks",
    "note_blocks",
    "output_blocks",
    "problem_blocks",
    "problem_parts",
    "score_blocks",
    "waiting_sentence",
]

FigureNames = Mapping[tuple[str, str], str]
COLUMNS_A_TABLE = 5
MAX_OUTPUTS = 40
"""Maximum number of process outputs on a page; ``board.json`` contains all outputs."""

_READING = (
    "A score is computed for every draw (one synthetic table). Within a split, draws are averaged first, then seeds. "
    "A value is the mean over splits ± half of its two-sided 95 % t-interval over splits; `(n=2)` means that only two "
    "splits have a value. With one split there is no interval. All splits use the same training seeds, so with one "
    "seed an interval does not include the variation between seeds.",
    "Two rows are distinguishable on a score if a paired t-test over their common splits gives p < 0.05 after Holm's "
    "correction. On each dataset and score, all pairs of models are one family of tests, and all pairs of a model and "
    "a control are another. For a score that is best at 1, distances from 1 are compared.",
    "The splits of a table overlap. Intervals and tests describe all splits of this table; for other tables of the "
    "same kind they are too narrow. The intervals of differences are not adjusted for the number of comparisons.",
    "The rank interval of a model reaches from 1 + the number of models that are significantly better to m - the "
    "number of models that are significantly worse, where m models have a value. Controls have no ranks.",
    "The best value of the models is bold only if it is distinguishable from every other model. A single model, "
    "controls and scores that are not ranked are never bold.",
    "Rows are sorted by name, because no single score ranks generators: the legend below says what each score is "
    "blind to.",
)


def full_page(board: Board, *, figures: FigureNames) -> list[Block]:
    """Return all parts (headings, tables, sentences, figures) of the page of a board.

    Args:
        board: the board, with the captions of its figures.
        figures: file name of each figure, without suffix; the key is the dataset and the kind of figure.
    """
    blocks: list[Block] = [Heading(1, f"Leaderboard: {quote(board.suite)}")]
    if board.summary:
        blocks.append(Paragraph(quote(board.summary)))
    if board.command:
        blocks.append(Paragraph(f"Run by `{quote(board.command)}`; this page is computed from the records alone."))
    if partial := partial_sentence(board):
        blocks.append(Paragraph(partial))
    blocks += [*_verdict_blocks(board), Heading(2, "How to read it"), Bullets(_READING), *across_blocks(board)]
    for dataset in board.datasets:
        blocks += _dataset_blocks(dataset, figures, alone=len(board.datasets) == 1)
    return [*blocks, *reference_blocks(board)]


def facts_sentence(dataset: DatasetBoard) -> str:
    """Return the numbers of rows, features, splits, seeds and synthetic tables (draws) of a dataset as text."""
    note = f"{quote(dataset.note)}; " if dataset.note else ""
    shape = (
        f"{count_text(len(dataset.splits), 'split')}"
        f"{f' ({quote(dataset.split_kind)})' if dataset.split_kind else ''}, {count_text(len(dataset.seeds), 'seed')} "
        "per split"
    )
    if dataset.n_train is None or dataset.draws is None:
        return f"{note}{shape}; no cell has run yet."
    validation = (
        f" + {range_text(dataset.n_validation)} validation"
        if dataset.n_validation is not None and dataset.n_validation[1]
        else ""
    )
    number = "no" if dataset.draws == (0, 0) else range_text(dataset.draws)
    draws = f"{number} {'draw' if dataset.draws == (1, 1) else 'draws'}"
    return (
        f"{note}{shape}, {draws} per fit; {range_text(dataset.n_train)} training{validation} and "
        f"{range_text(dataset.n_test)} test rows, {features_text(dataset)}."
    )


def gaps(dataset: DatasetBoard) -> Iterator[str]:
    """Yield sentences on why scores have no value in some splits, one sentence per score and reason.

    Failed, skipped and missing results are not included.
    """
    for i in shown_columns(dataset):
        found: dict[str, list[tuple[BoardRow, str]]] = {}
        for row in dataset.rows:
            reasons = [text for text in row.scores[i].why if "undefined" in text or "scored on" in text]
            if reasons:
                more = f" (and {count_text(len(reasons) - 1, 'more cell')})" if len(reasons) > 1 else ""
                found.setdefault(reasons[0].partition(": ")[2], []).append((row, f"{quote(reasons[0])}{more}"))
        for reason, rows in found.items():
            title = quote(dataset.columns[i].title)
            if len(rows) == 1:
                yield f"`{quote(rows[0][0].label)}`, {title}: {rows[0][1]}"
            else:
                everyone = len(rows) == sum(bool(row.cells_ok) for row in dataset.rows)
                who = "every row" if everyone else ", ".join(f"`{quote(row.label)}`" for row, _ in rows)
                yield f"{title}, {who}: {quote(reason)}"


def problem_parts(dataset: DatasetBoard) -> Iterator[tuple[str, Grid]]:
    """Yield a heading and a table for failed results, and for skipped results, if there are any."""
    failed = [problem for problem in dataset.problems if problem.status not in ("skipped", "waiting")]
    skipped = [problem for problem in dataset.problems if problem.status == "skipped"]
    if failed:
        yield "Failures", problem_grid(failed, f"Failures on {dataset.dataset}")
    if skipped:
        yield "Skipped", problem_grid(skipped, f"Skipped on {dataset.dataset}")


def waiting_sentence(dataset: DatasetBoard) -> str:
    """Return a sentence on trainings and metrics that have no result yet; empty if there are none."""
    waiting = [problem for problem in dataset.problems if problem.status == "waiting"]
    parts = [
        f"`{quote(problem.label)}` ({'cell' if problem.what == 'fit' else quote(problem.what)}, {len(problem.cells)})"
        for problem in waiting
    ]
    return f"Waiting (not yet recorded): {', '.join(parts)}." if parts else ""


def _verdict_blocks(board: Board) -> list[Block]:
    grid = verdict_grid(board)
    if grid is None and len(board.datasets) == 1 and shown_columns(board.datasets[0]):
        grid = headline_grid(board.datasets[0])
    sentences = [quote(sentence) for sentence in headline_sentences(board)]
    return [Heading(2, "Verdict"), grid, Bullets(tuple(sentences))] if grid else []


def _dataset_blocks(dataset: DatasetBoard, figures: FigureNames, *, alone: bool) -> list[Block]:
    blocks: list[Block] = [Heading(2, quote(dataset.dataset)), Paragraph(facts_sentence(dataset))]
    if shown_columns(dataset) and not alone:
        blocks += [Heading(3, "Headline"), headline_grid(dataset)]
    return [
        *blocks,
        *learning_blocks(dataset, figures),
        *score_blocks(dataset, figures),
        *standing_blocks(dataset),
        *calibration_blocks(dataset),
        *published_blocks(dataset, load_published()),
        *_control_blocks(dataset),
        *model_blocks(dataset),
        *cost_blocks(dataset),
        *problem_blocks(dataset),
        *fallback_blocks(dataset),
        *note_blocks(dataset),
        *picture_blocks(dataset),
        *curve_blocks(dataset, figures),
    ]


def learning_blocks(dataset: DatasetBoard, figures: FigureNames) -> list[Block]:
    """Return the learning curve (scores by number of training rows); empty if the dataset has none."""
    name = figures.get((dataset.dataset, "learning"))
    if not name:
        return []
    alt = "Headline scores by number of training rows, one line per generator; the numbers are in the tables."
    caption = "The test rows are the same for every number, and fewer training rows are a part of more training rows."
    return [Heading(3, "Learning curve"), Figure(name, alt, caption)]


def score_blocks(dataset: DatasetBoard, figures: FigureNames) -> list[Block]:
    """Return the tables of a dataset's scores, the reasons for missing values, and the dot plot."""
    columns = shown_columns(dataset)
    blocks: list[Block] = [Heading(3, "Scores")]
    if not columns:
        return [*blocks, Paragraph("No score yet.")]
    blocks += [score_grid(dataset, columns[i : i + COLUMNS_A_TABLE]) for i in range(0, len(columns), COLUMNS_A_TABLE)]
    missing = list(gaps(dataset))
    if missing:
        blocks += [Paragraph("Scores without a value in some splits:"), Bullets(tuple(missing))]
    left_out = left_out_sentence(dataset)
    if left_out and any(dataset.dataset == place for place, _ in figures):
        blocks.append(Paragraph(left_out))
    name = figures.get((dataset.dataset, "scores"))
    if name:
        alt = f"Dot plot of every score on {dataset.dataset}; the numbers are in the tables above."
        caption = (
            "Dot: mean over splits of a model; grey square: of a control; bar: 95 % interval; small marks: single "
            "splits; dotted line: the best possible value, if the panel includes it; arrow with a number: a mean far "
            "outside the panel. The last panel shows the time to fit."
        )
        blocks.append(Figure(name, alt, caption))
    return blocks


def _control_blocks(dataset: DatasetBoard) -> list[Block]:
    sentences = comparison_sentences(dataset)
    blocks: list[Block] = []
    for model in dataset.models:
        grid = control_grid(dataset, model)
        if grid is not None:
            if not blocks:
                text = (
                    "Differences are model minus control, paired by split. For a score that is best at 1, they are "
                    "differences of the distances from 1. Their intervals are not adjusted for the number of "
                    "comparisons; bold: distinguishable after the correction."
                )
                blocks += [Heading(3, "Against the controls"), Paragraph(text)]
            blocks += [Bullets(sentences.controls[model.label]), grid]
    return blocks


def model_blocks(dataset: DatasetBoard) -> list[Block]:
    """Return sentences that compare each pair of models; empty if there are no pairs."""
    sentences = comparison_sentences(dataset).models
    return [Heading(3, "Between the models"), Bullets(sentences)] if sentences else []


def cost_blocks(dataset: DatasetBoard) -> list[Block]:
    """Return the section on the time and memory of trainings, and on the time of metrics, on a dataset."""
    fit, scoring = timing_sentences(dataset.fit_settings), timing_sentences(dataset.metric_settings)
    blocks: list[Block] = [Heading(3, "Costs"), *([Paragraph(" ".join(fit))] if fit else []), cost_grid(dataset)]
    if dataset.metric_costs:
        blocks += [Paragraph(" ".join(scoring))] if scoring and scoring != fit else []
        blocks.append(metric_cost_grid(dataset))
    return blocks


def problem_blocks(dataset: DatasetBoard) -> list[Block]:
    """Return tables of failed and skipped results, and a sentence on results that are not recorded yet."""
    blocks: list[Block] = []
    for heading, grid in problem_parts(dataset):
        blocks += [Heading(3, heading), grid]
    waiting = waiting_sentence(dataset)
    if waiting:
        blocks += [Heading(3, "Waiting"), Paragraph(waiting)]
    return blocks


def output_blocks(dataset: DatasetBoard) -> list[Block]:
    """Return the printed output of failed trainings and metrics; Markdown pages omit this output."""
    wrote = [problem for problem in dataset.problems if problem.output]
    names = [f"`{quote(problem.what)}` of `{quote(problem.label)}`" for problem in wrote]
    blocks: list[Block] = [
        Details(f"End of the output of {name} (`cells/{quote(problem.output_key)}`)", problem.output)
        for name, problem in zip(names[:MAX_OUTPUTS], wrote, strict=False)
    ]
    if len(wrote) > MAX_OUTPUTS:
        left_out = "\n".join(names[MAX_OUTPUTS:]).replace("`", "")
        blocks.append(Details(f"and {count_text(len(wrote) - MAX_OUTPUTS, 'more output')} in board.json", left_out))
    return blocks


def fallback_blocks(dataset: DatasetBoard) -> list[Block]:
    """Return the section on fallbacks: rows sampled by another rule, because a condition has too few training rows."""
    if not any(row.cells_ok for row in dataset.rows):
        return []
    grid = fallback_grid(dataset)
    heading = Heading(3, "Rows sampled by a fallback rule")
    return [heading, Paragraph(fallback_sentence(dataset)), *([grid] if grid else [])]


def note_blocks(dataset: DatasetBoard) -> list[Block]:
    """Return the section with the notes on a dataset's results; empty without notes."""
    return [Heading(3, "Notes"), Bullets(tuple(note_sentences(dataset)))] if dataset.notes else []


def curve_blocks(dataset: DatasetBoard, figures: FigureNames) -> list[Block]:
    """Return the figure of the loss curves; empty if the dataset has none."""
    name = figures.get((dataset.dataset, "losses"))
    if not name:
        return []
    alt = f"Loss curves on {dataset.dataset}, one panel per generator."
    return [Heading(3, "Loss curves"), Figure(name, alt, "One line per cell. The records contain the complete curves.")]
