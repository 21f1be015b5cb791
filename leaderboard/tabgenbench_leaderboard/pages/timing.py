"""Sentences on how the times of a board were measured, and on whether the times are comparable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from tabgenbench.formatting import count_text
from tabgenbench_leaderboard.board.model import TimedCells
from tabgenbench_leaderboard.pages.document import quote

__all__ = ["timing_sentences"]


def timing_sentences(settings: Sequence[TimedCells]) -> tuple[str, ...]:
    """Return sentences on how many trainings ran in parallel and, if times are not comparable, on the reasons.

    Args:
        settings: settings of the measurements, such as processor and threads; empty if no times were measured.
    """
    if not settings:
        return ()
    modes = _counts(settings, _mode)
    if len(modes) == 1:
        mode = f"Times were measured {next(iter(modes))}."
    else:
        mode = (
            f"Times were measured in different modes and are not comparable: {_listed(modes)}. Use `--timing` for all."
        )
    differences = [
        f"on different {plural}: {_listed(counts)}"
        for plural, counts in (
            ("processors", _counts(settings, lambda setting: quote(setting.cpu) or "unknown")),
            ("numbers of threads", _counts(settings, lambda setting: count_text(setting.threads, "thread"))),
            ("devices", _counts(settings, lambda setting: quote(setting.gpu) or "no GPU")),
        )
        if len(counts) > 1
    ]
    return (mode, *(f"Times were measured {text}; they are not comparable." for text in differences))


def _mode(setting: TimedCells) -> str:
    if setting.timing:
        return "one cell at a time (`--timing`)"
    if setting.workers == 1:
        return "one cell at a time (one worker, without `--timing`)"
    return (
        f"with {setting.workers} cells in parallel, so they are longer than on an idle machine (use `--timing` for "
        "comparable times)"
    )


def _counts(settings: Sequence[TimedCells], kind: Callable[[TimedCells], str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for setting in settings:
        counts[kind(setting)] += setting.cells
    return counts


def _listed(counts: Counter[str]) -> str:
    return "; ".join(f"{text}, {count_text(counts[text], 'cell')}" for text in sorted(counts))
