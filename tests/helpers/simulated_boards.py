"""Simulated boards with a known truth, and what few splits can resolve; prints the figures of docs/statistics.md.

    python tests/helpers/simulated_boards.py                 coverage, rank intervals, resolution, overlapping splits
    python tests/helpers/simulated_boards.py BOARD.json...   skewness over splits of the scores of boards

A simulation is one score of one board: a board of 2,000 scores is built from records by the leaderboard's own code.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from tabgenbench.records import ScoreSpec, SuiteRecord, SuiteRow
from tabgenbench_leaderboard.board.aggregate import assemble_board
from tabgenbench_leaderboard.board.collect import CellFacts, MetricFacts
from tabgenbench_leaderboard.board.intervals import mean, t_interval
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.files import read_board

__all__ = ["MEANS", "Outcome", "simulate", "simulated_values", "smallest_difference"]

Floats = npt.NDArray[np.float64]

# True means of eight generators, in standard deviations of a value over splits: the first two are equal.
MEANS = (0.0, 0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
SEEDS, DRAWS = 3, 2  # of the nested design
KINDS = ("normal", "skewed", "nested")
SKEWNESS = 0.75  # of a value over splits: that of three quarters of measured scores is smaller (docs/statistics.md)
STRONGER = (1.0, 1.5, 2.7)


@dataclass(frozen=True)
class Outcome:
    """Shares over simulations.

    Attributes:
        coverage: 95 % intervals that contain the generator's true mean.
        ranks: boards on which the rank interval of every generator contains its true ranks.
        overlap: boards on which the rank intervals of the two equal generators overlap.
        width: mean number of ranks in an interval.
    """

    coverage: float
    ranks: float
    overlap: float
    width: float


def simulated_values(
    kind: str, splits: int, simulations: int, rng: np.random.Generator, *, skewness: float = SKEWNESS
) -> Floats:
    """Return values by generator, split, seed, draw and simulation, whose mean over splits is `MEANS`.

    A value is the sum of the generator's mean, an effect of the split that all generators share, and an effect of
    generator and split, each with variance 1/2 over splits. ``skewed``: both effects have a shifted gamma distribution.
    ``nested``: seeds and draws have effects, too, with variances of 1/2 each.
    """
    shape = (len(MEANS), splits, simulations)
    values = np.reshape(MEANS, (-1, 1, 1))
    for effects in ((1, *shape[1:]), shape):
        values = values + (
            _skewed(effects, skewness, rng) if kind == "skewed" else rng.normal(0, math.sqrt(0.5), effects)
        )
    if kind != "nested":
        return values[:, :, None, None, :]
    half = math.sqrt(0.5)
    seeds = rng.normal(0, half, (len(MEANS), splits, SEEDS, 1, simulations))
    return values[:, :, None, None, :] + seeds + rng.normal(0, half, (len(MEANS), splits, SEEDS, DRAWS, simulations))


def _skewed(shape: tuple[int, ...], skewness: float, rng: np.random.Generator) -> Floats:
    """Return effects with variance 1/2, of which the sum of two has this skewness."""
    gamma = 2 / skewness**2  # a gamma variable has skewness 2 / sqrt(gamma), the sum of two 2 / sqrt(2 gamma)
    return (rng.gamma(gamma, 1, shape) - gamma) / math.sqrt(2 * gamma)


def simulated_board(values: Floats) -> Board:
    """Build a board in which every simulation is a score."""
    specs = tuple(ScoreSpec(name=str(i), direction="higher") for i in range(values.shape[-1]))
    cells, rows = [], []
    for generator, split, seed in np.ndindex(values.shape[:3]):
        row = SuiteRow(
            key=f"{generator}-{split}-{seed}",
            dataset="simulated",
            split=split,
            label=f"g{generator}",
            seed=seed,
            is_control=False,
            scores={"simulation": "key"},
        )
        draws = values[generator, split, seed].T.tolist()
        averages = {spec.name: mean(found) for spec, found in zip(specs, draws, strict=True)}
        cells.append(CellFacts(row, "ok", metrics={"simulation": MetricFacts("ok", values=averages, specs=specs)}))
        rows.append(row)
    return assemble_board(SuiteRecord(name="simulated", rows=rows), cells)


def simulate(kind: str, splits: int, *, simulations: int = 2_000, skewness: float = SKEWNESS) -> Outcome:
    """Build a board of simulated records and compare it with the truth."""
    rng = np.random.default_rng(0)
    board = simulated_board(simulated_values(kind, splits, simulations, rng, skewness=skewness))
    better = [sum(other > own for other in MEANS) for own in MEANS]
    worse = [sum(other < own for other in MEANS) for own in MEANS]
    hits, held, overlaps, widths = 0, 0, 0, 0
    for i in range(simulations):
        scores = [row.scores[i] for row in board.datasets[0].rows]
        ranks = [score.rank or (0, 0) for score in scores]
        hits += sum(
            (score.ci_low or 0.0) <= true <= (score.ci_high or 0.0) for score, true in zip(scores, MEANS, strict=True)
        )
        truth = zip(ranks, better, worse, strict=True)
        held += all(low <= 1 + above and high >= len(MEANS) - below for (low, high), above, below in truth)
        overlaps += max(ranks[0][0], ranks[1][0]) <= min(ranks[0][1], ranks[1][1])
        widths += sum(high - low + 1 for low, high in ranks)
    total = simulations * len(MEANS)
    return Outcome(hits / total, held / simulations, overlaps / simulations, widths / total)


def smallest_difference(splits: int, comparisons: int, power: float = 0.8) -> float:
    """Return the true difference that a paired t-test finds with this power, if it is the first of Holm's procedure.

    In standard deviations of the paired differences over splits. With one comparison it is the plain t-test, which is
    also the last step of Holm's procedure.
    """
    degrees = splits - 1
    critical = stats.t.isf(0.025 / comparisons, degrees)
    # Standard deviations of a sample, in units of the true one, at 20,000 equally probable quantiles.
    deviations = np.sqrt(stats.chi2.ppf((np.arange(20_000) + 0.5) / 20_000, degrees) / degrees)

    def missing(difference: float) -> float:
        return float(stats.norm.sf(critical * deviations - difference * math.sqrt(splits)).mean()) - power

    return float(optimize.brentq(missing, 0.0, 4 * critical))


def overlapping_coverage(splits: int, simulations: int = 2_000) -> tuple[float, float]:
    """Return how often the interval over random splits contains the mean over all splits of a table, and of all tables.

    A table has 400 rows, and 100 are test rows. The score of a split is the mean of a normal quantity of its test rows.
    """
    rng = np.random.default_rng(0)
    rows, n_test = 400, 100
    own, every = 0, 0
    for _ in range(simulations):
        table = rng.normal(0, 1, rows)
        found = t_interval([float(rng.permutation(table)[:n_test].mean()) for _ in range(splits)])
        assert found.low is not None
        assert found.high is not None
        own += found.low <= float(table.mean()) <= found.high
        every += found.low <= 0 <= found.high
    return own / simulations, every / simulations


def skewness_of_scores(board: Board) -> list[float]:
    """Return the skewness over splits of every score of every row that varies and has at least 20 splits."""
    found = []
    for dataset in board.datasets:
        for row in dataset.rows:
            for score in row.scores:
                values = list(score.by_split.values())
                if len(values) >= 20 and len(set(values)) > len(values) // 2:
                    found.append(float(stats.skew(values, bias=False)))
    return found


def _print_skewness(paths: Sequence[str]) -> None:
    samples = np.random.default_rng(0).normal(size=(20_000, 40))
    normal = stats.skew(samples, axis=1, bias=False)
    print(f"20,000 normal samples of 40: {_quantiles(normal)}")
    for path in paths:
        found = skewness_of_scores(read_board(Path(path)))
        print(f"{path}: {len(found)} scores of rows: {_quantiles(np.array(found))}")


def _quantiles(skewness: Floats) -> str:
    texts = [f"{q:.0%}: {np.quantile(np.abs(skewness), q):.2f}" for q in (0.5, 0.75, 0.9, 1.0)]
    return f"quantiles of |skewness|: {', '.join(texts)}"


def main() -> None:
    """Print the tables."""
    if sys.argv[1:]:
        _print_skewness(sys.argv[1:])
        return
    print(f"2,000 simulated boards of {len(MEANS)} generators")
    print("records     splits  coverage  all ranks held  equal generators overlap  ranks in an interval")
    cases = [(kind, SKEWNESS) for kind in KINDS] + [("skewed", skewness) for skewness in STRONGER]
    for (kind, skewness), splits in product(cases, (5, 10)):
        found = simulate(kind, splits, skewness=skewness)
        name = f"{kind} {skewness}" if kind == "skewed" else kind
        shares = f"{found.coverage:9.1%} {found.ranks:15.1%} {found.overlap:26.1%}"
        print(f"{name:11} {splits:6} {shares} {found.width:21.2f}")
    pairs = len(MEANS) * (len(MEANS) - 1) // 2
    print("\nsmallest difference found with 80 % power, in standard deviations of the paired differences")
    print(f"splits  first of {pairs} comparisons  one comparison")
    for splits in (3, 5, 10, 20):
        print(f"{splits:6} {smallest_difference(splits, pairs):22.1f} {smallest_difference(splits, 1):16.1f}")
    print("\ncoverage of intervals over splits with 25 % test rows, for the mean over")
    print("splits  all splits of the table  all tables")
    for splits in (3, 5, 10):
        own, every = overlapping_coverage(splits)
        print(f"{splits:6} {own:24.1%} {every:11.1%}")


if __name__ == "__main__":
    main()
