"""Simulate scores that are shares of few rows, and count the families of tests that find a false difference.

    python tests/helpers/simulated_shares.py

The page ``docs/statistics.md`` states the results.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from tabgenbench_leaderboard.board.intervals import compare_paired

FAMILIES = 1000
N_GENERATORS = 8
SHARES = ((12, 0.8), (60, 0.95), (270, 0.9))
SPLITS = (2, 3, 5, 10)


def false_families(rows: int, share: float, splits: int, *, families: int = FAMILIES, seed: int = 0) -> tuple[int, int]:
    """Count families with a false difference: with the test of boards, and with p = 0 for equal differences.

    Args:
        rows: number of rows of which the score is a share.
        share: true share, equal for all generators.
        splits: number of splits.
        families: number of simulated families; a family compares all pairs of generators on one score.
        seed: seed of the simulation.
    """
    rng = np.random.default_rng(seed)
    found = with_zero = 0
    for _ in range(families):
        counts = rng.binomial(rows, share, (N_GENERATORS, splits))
        values = [dict(enumerate(one)) for one in (counts / rows).tolist()]
        tests = compare_paired(list(combinations(values, 2)), "higher")
        is_false = any(one.verdict != "not distinguishable" for one in tests)
        found += is_false
        differences = [first - second for first, second in combinations(counts, 2)]
        with_zero += is_false or any(np.ptp(one) == 0 and one[0] != 0 for one in differences)
    return found, with_zero


def main() -> None:
    """Print the shares of families with a false difference."""
    print(f"{FAMILIES:,} families of {N_GENERATORS} equal generators; share with a false difference")
    print("rows  true share  splits  sign test  p = 0")
    for rows, share in SHARES:
        for splits in SPLITS:
            found, with_zero = (number / FAMILIES for number in false_families(rows, share, splits))
            print(f"{rows:4} {share:11} {splits:7} {found:10.1%} {with_zero:6.1%}")


if __name__ == "__main__":
    main()
