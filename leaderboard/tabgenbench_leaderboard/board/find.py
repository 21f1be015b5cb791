"""Choice of the suite (datasets, generators and metrics of a run) that a board (leaderboard) shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tabgenbench.errors import ConfigError, StoreError, did_you_mean
from tabgenbench.formatting import count_text
from tabgenbench.records import SuiteRecord
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.model import Board

__all__ = ["find_suite", "require_scores"]


def find_suite(store: Store, name: str | None = None) -> SuiteRecord:
    """Return the record of a suite, without its planted failures (generators that return tables with a known fault).

    Args:
        store: the store in which the suite was run.
        name: name of the suite, or path of its file. None selects the most recent suite that trained no planted
            failures, or the most recent suite if all trained some.

    Raises:
        StoreError: there is no store, or the store contains no suite.
        ConfigError: the suite was not run in this store; the message suggests a suite with a similar name.
    """
    known = store.suites() if store.root.is_dir() else []
    if not known:
        got = "is not a folder" if not store.root.is_dir() else "holds no suite that was run"
        raise StoreError(f"--store: {store.root} {got}; run one first: tabgenbench run SUITE --store {store.root}")
    chosen = _most_recent(store, known) if name is None else name
    if chosen not in known and Path(chosen).suffix == ".toml":
        chosen = Path(chosen).stem
    suite = store.read_suite(chosen) if chosen in known else None
    if suite is None:
        raise ConfigError(f"suite {chosen!r} was not run in {store.root}{did_you_mean(chosen, known)}")
    return suite.model_copy(update={"rows": [row for row in suite.rows if not row.is_planted]})


def _most_recent(store: Store, known: Sequence[str]) -> str:
    for name in known:
        suite = store.read_suite(name)
        if suite is None or not any(row.is_planted for row in suite.rows):
            return name
    return known[0]


def require_scores(store: Store, suite: SuiteRecord, board: Board) -> None:
    """Raise `StoreError` if a board has no score, not even an undefined one, no failure and no skipped training."""
    waiting = all(problem.status == "waiting" for dataset in board.datasets for problem in dataset.problems)
    states = {score.state for dataset in board.datasets for row in dataset.rows for score in row.scores}
    if waiting and not states - {"waiting", "not asked"}:
        raise StoreError(
            f"{store.root}: nothing of suite {suite.name!r} is scored yet "
            f"({count_text(len(suite.rows), 'cell')} asked for); run it first"
        )
