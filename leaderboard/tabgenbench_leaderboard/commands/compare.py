"""The command ``compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tabgenbench_leaderboard.commands.shared import boards_option

if TYPE_CHECKING:
    from tabgenbench_leaderboard.publish.compare import ScoreChange

__all__ = ["compare"]


@click.command()
@click.argument("first")
@click.argument("second")
@boards_option
@click.option("--suite", metavar="NAME", help="Suite of a store.  [default: the most recent one]")
@click.option("--all", "show_all", is_flag=True, help="List equal scores and those within noise too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the output.",
)
def compare(*, first: str, second: str, boards: Path, suite: str | None, show_all: bool, form: str) -> None:
    """Say what changed from the board FIRST to the board SECOND, and whether scores changed by more than noise.

    FIRST and SECOND are each the name or folder of a published board, a board.json, or the folder of a store.

    Differences are second minus first, with 95 % intervals. A paired t-test uses the splits that have the same rows on
    both boards. With fewer than two such splits, Welch's test compares all splits of both boards. A score is better or
    worse if its p-value after Holm's correction over all comparisons is below 0.05.
    """
    import dataclasses
    import json

    from tabgenbench_leaderboard.publish.changes import changes
    from tabgenbench_leaderboard.publish.compare import score_changes
    from tabgenbench_leaderboard.publish.sides import read_side

    sides = [read_side(text, boards, suite) for text in (first, second)]
    scores, sentences = score_changes(*sides), list(changes(*sides))
    if form == "json":
        facts = {"changes": sentences, "scores": [dataclasses.asdict(one) for one in scores]}
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    for sentence in sentences or ["The boards have the same datasets, cells, metrics and versions."]:
        click.echo(sentence)
    if scores:
        click.echo("\n" + _table(scores, show_all=show_all))
    else:
        click.echo("No generator has a score on both boards.")


def _table(scores: Sequence[ScoreChange], *, show_all: bool) -> str:
    from collections import Counter

    from tabulate import tabulate

    from tabgenbench.formatting import count_text

    shown = [one for one in scores if show_all or one.verdict not in ("equal", "within noise")]
    rows = [
        [
            one.dataset,
            one.label,
            one.title,
            f"{one.first:.4g}",
            f"{one.second:.4g}",
            _difference(one),
            f"{one.how}, n={one.n}" if one.how else f"n={one.n}",
            "" if one.p_holm is None else f"{one.p_holm:.2g}",
            one.verdict,
        ]
        for one in shown
    ]
    counts = Counter(one.verdict for one in scores)
    total = f"{count_text(len(scores), 'score')}: " + ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common())
    if not rows:
        return f"{total}. --all lists them."
    header = ["dataset", "generator", "score", "first", "second", "difference", "test", "p (Holm)", "verdict"]
    align = ("left", "left", "left", "right", "right", "right", "left", "right", "left")
    table = tabulate(rows, header, tablefmt="simple", colalign=align, disable_numparse=True)
    return f"{table}\n\n{total}."


def _difference(one: ScoreChange) -> str:
    text = f"{one.difference:+.3g}"
    return text if one.low is None or one.high is None else f"{text} [{one.low:+.3g}, {one.high:+.3g}]"
