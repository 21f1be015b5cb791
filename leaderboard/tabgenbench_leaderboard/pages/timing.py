"""Under which settings times were taken, in words: whether the times of a board may be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from tabgenbench.formatting import count_text
from tabgenbench_leaderboard.board.model import TimedCells
from tabgenbench_leaderboard.pages.document import quote

__all__ = ["timing_sentences"]


def timing_sentences(settings: Sequence[TimedCells]) -> tuple[str, ...]:
    """Say how many cells at a time ran while times were taken, and warn where settings differ.

    Args:
        settings: the settings under which the times of one table were taken; none give no sentence.
    """
    if not settings:
        return ()
    modes = _counts(settings, _mode)
    if len(modes) == 1:
        mode = f"Times were taken {next(iter(modes))}."
    else:
        mode = f"Times were taken in different modes and do not compare: {_listed(modes)}. Use `--timing` for all."
    differences = [
        f"on different {plural}: {_listed(counts)}"
        for plural, counts in (
            ("processors", _counts(settings, lambda setting: quote(setting.cpu) or "not known")),
            ("numbers of threads", _counts(settings, lambda setting: count_text(setting.threads, "thread"))),
            ("devices", _counts(settings, lambda setting: quote(setting.gpu) or "no GPU")),
        )
        if len(counts) > 1
    ]
    return (mode, *(f"Times were taken {text}; they do not compare." for text in differences))


def _mode(setting: TimedCells) -> str:
    if setting.timing:
        return "one cell at a time (`--timing`)"
    if setting.workers == 1:
        return "one cell at a time (one worker, without `--timing`)"
    return (
        f"with {setting.workers} cells at a time, so they are not of an idle machine (use `--timing` to compare them)"
    )


def _counts(settings: Sequence[TimedCells], kind: Callable[[TimedCells], str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for setting in settings:
        counts[kind(setting)] += setting.cells
    return counts


def _listed(counts: Counter[str]) -> str:
    return "; ".join(f"{text}, {count_text(counts[text], 'cell')}" for text in sorted(counts))
