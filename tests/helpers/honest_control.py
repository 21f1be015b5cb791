"""How often scores call new rows of the true model a failure, on a simulated table.

    python tests/helpers/honest_control.py simulated-tissues --store STORE [--splits 20] [-m METRIC ...]

The control `truth` samples from the model behind the table, so a score that calls it a failure is wrong. In each split,
the badness of `truth` on a score is compared with the badness of `real-resample` on all other splits: `truth` is called
a failure if it lies above the one-sided 95 % prediction limit of Student's t distribution. The script prints the share
of pairs of a score and a split in which this happens, without correction and with Holm's correction over the scores of
a question in the split, and the scores on which the paired test of `tabgenbench calibrate` finds `truth` worse. Scores
of privacy are left out, because `truth` returns rows that no model sees.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tabgenbench.records import SuiteRecord
from tabgenbench.registry.manager import Plugins, make_manager
from tabgenbench.registry.suite import Choice, Suite, parse_choice
from tabgenbench.run.choose_engine import choose_engine
from tabgenbench.run.plan import open_dataset
from tabgenbench.run.request import RunRequest, carry_out, plan_run
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.aggregate import build_board
from tabgenbench_leaderboard.board.intervals import badness, holm, mean_and_error, t_tails, worse_by
from tabgenbench_leaderboard.board.model import DatasetBoard, ScoreColumn
from tabgenbench_leaderboard.calibration import PRIVACY, SPLIT, default_metrics

__all__ = ["Rates", "false_calls", "run_honest"]

LEVEL = 0.05
TRUTH, REAL = "truth", "real-resample"


@dataclass(frozen=True)
class Rates:
    """Calls of `truth` as a failure.

    Attributes:
        pairs: number of pairs of a score and a split.
        called: pairs with a call, without correction.
        corrected: pairs with a call after Holm's correction over the scores of a question in the split.
        often: number of calls after the correction, of the scores with any.
        scores: scores on which the paired test over all splits finds `truth` worse than real rows, with p-values.
        tested: number of scores.
    """

    pairs: int
    called: int
    corrected: int
    often: dict[str, int]
    scores: dict[str, float]
    tested: int


def run_honest(
    dataset: str,
    store: Store,
    plugins: Plugins,
    *,
    metrics: Sequence[Choice],
    splits: int = 20,
    executor: str = "local",
) -> DatasetBoard:
    """Run `truth` and `real-resample` on a simulated table, and return the board."""
    opened = open_dataset(parse_choice(dataset), plugins, None)
    suite = Suite(
        name="honest",
        datasets=(Choice(name=opened.label),),
        generators=(Choice(name=REAL), Choice(name=TRUTH)),
        metrics=tuple(metrics),
        splits=splits,
        draws=1,
        split=SPLIT,
    )
    fixed = {"timing": False, "timeout": None, "memory": None, "slots_per_gpu": 1, "address": None}
    more = {"device": "cpu", "workers": 1, "threads": 1, "retry_failed": False, "keep_models": False}
    engine = choose_engine({**fixed, **more, "executor": executor}, plugins)
    request = RunRequest(suite=suite, datasets=[opened], engine=engine, store=store.root, say=print, is_quiet=True)
    record: SuiteRecord = carry_out(plan_run(request, plugins), plugins).plan.to_record("")
    return build_board(store, record).datasets[0]


def false_calls(board: DatasetBoard) -> Rates:
    """Return how often scores call `truth` a failure."""
    rows = {row.label: row.scores for row in board.rows}
    p_values: dict[tuple[str, int], dict[str, float]] = {}
    worse: dict[str, float] = {}
    tested = 0
    for i, column in enumerate(board.columns):
        truth, real = rows[TRUTH][i].by_split, rows[REAL][i].by_split
        if column.spec.question == PRIVACY or len(truth.keys() & real.keys()) < 3:
            continue
        tested += 1
        p = worse_by(truth, real, column.spec.direction)[1]
        if p < LEVEL:
            worse[column.title] = p
        for split in truth.keys() & real.keys():
            others = [badness(real[other], column.spec.direction) for other in real if other != split]
            p_values.setdefault((column.spec.question, split), {})[column.title] = _p_value(
                truth[split], others, column
            )
    families = list(p_values.values())
    often = Counter(
        title for family in families for title, p in zip(family, holm(list(family.values())), strict=True) if p < LEVEL
    )
    return Rates(
        pairs=sum(map(len, families)),
        called=sum(p < LEVEL for family in families for p in family.values()),
        corrected=often.total(),
        often=dict(often.most_common()),
        scores=worse,
        tested=tested,
    )


def _p_value(value: float, others: Sequence[float], column: ScoreColumn) -> float:
    """Return the one-sided p-value of a value as a further value of the sample ``others``."""
    n = len(others)
    centre, error = mean_and_error(others)
    excess = badness(value, column.spec.direction) - centre
    spread = error * math.sqrt(n) * math.sqrt(1 + 1 / n)
    if spread == 0:
        return 0.0 if excess > 0 else 1.0
    tails = t_tails(excess / spread, n - 1)
    return tails / 2 if excess > 0 else 1 - tails / 2


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("-m", "--metric", action="append", default=[])
    options = parser.parse_args()
    plugins = make_manager()
    metrics = [parse_choice(text) for text in options.metric] or default_metrics(plugins, print)
    store = Store(options.store)
    rates = false_calls(run_honest(options.dataset, store, plugins, metrics=metrics, splits=options.splits))
    print(
        f"{options.dataset}, {options.splits} splits, {rates.tested} scores, {rates.pairs} pairs of a score and a split"
    )
    print(f"called a failure: {rates.called} pairs ({rates.called / rates.pairs:.2%})")
    often = ", ".join(f"{name} ({n})" for name, n in rates.often.items()) or "none"
    print(f"after Holm's correction in a split: {rates.corrected} pairs ({rates.corrected / rates.pairs:.2%}): {often}")
    listed = ", ".join(f"{name} (p={p:.2g})" for name, p in rates.scores.items()) or "none"
    print(f"scores that the paired test over all splits calls worse: {len(rates.scores)} of {rates.tested}: {listed}")


if __name__ == "__main__":
    main()
