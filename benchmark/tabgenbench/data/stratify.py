"""Stratified selection of held-out rows, in which the rows of a donor are held out together or kept together.

``strata`` are integer codes of the conditions of the rows; rows with the same code form a stratum. A unit is a group of
rows that stay together, such as the rows of a donor, or a single row. ``units`` are integer codes of the units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Needs", "hold_out", "hold_out_both_sides", "nested_order"]

Codes = NDArray[np.int64]
Mask = NDArray[np.bool_]
ATTEMPTS = 10  # random orders of donors that are tried before a condition without held-out or kept rows is pooled
FORCED = 1e12  # cost of an empty required side of a stratum, larger than any imbalance


@dataclass(frozen=True)
class Needs:
    """For each stratum, whether it must have a held-out row and whether it must have a kept row, shape (n_strata,)."""

    held: Mask
    kept: Mask


def hold_out_both_sides(
    strata: Codes, units: Codes, fraction: float, *, rng: np.random.Generator, forced: Mask
) -> tuple[Mask, Mask]:
    """Choose held-out rows such that every stratum has a held-out row and a kept row.

    All strata for which this fails, for example because all rows of a stratum are from one donor, are merged into one
    pooled stratum.

    Args:
        strata: code of the stratum of each row, shape (n_rows,).
        units: code of the unit (such as the donor) of each row, shape (n_rows,).
        fraction: share of the rows to hold out.
        rng: source of all randomness.
        forced: mask of the rows that must be held out, shape (n_rows,).

    Returns:
        A mask of the held-out rows, shape (n_rows,), and a mask of the pooled strata, shape (n_strata,).
    """
    n_strata = int(strata.max(initial=-1)) + 1
    pooled = _n_choices(strata, units, forced, n_strata) < 2
    attempt = 0
    while True:
        merged, needs = _pool(strata, pooled)
        held = hold_out(merged, units, fraction, rng=rng, needs=needs, forced=forced)
        lacking = _lacking(strata, held, n_strata) & ~pooled
        attempt += 1
        if not lacking.any():
            return held, pooled
        if attempt % ATTEMPTS == 0:
            pooled = pooled | lacking


def hold_out(
    strata: Codes, units: Codes, fraction: float, *, rng: np.random.Generator, needs: Needs, forced: Mask | None = None
) -> Mask:
    """Choose held-out rows in every stratum; if possible, each stratum gets the rows that ``needs`` demands.

    All rows of a unit are held out, or none. Units of several rows are decided first, in random order: a unit is held
    out if this brings the held-out shares of its strata nearer to ``fraction``. In every stratum, random units of one
    row are then held out until the target number of held-out rows is reached.

    Returns:
        A mask of the rows that are held out, shape (n_rows,).
    """
    held = np.zeros(len(strata), dtype=bool) if forced is None else forced.copy()
    free = ~held
    unit_rows = np.bincount(units, minlength=1)
    single = free & (unit_rows[units] == 1)
    targets = _targets(np.bincount(strata, minlength=len(needs.held)), fraction, rng=rng, needs=needs)
    multiple = free & ~single
    if multiple.any():
        _place_units(strata, units, fraction, rng=rng, needs=needs, held=held, multiple=multiple)
    _fill_with_singles(strata, targets, rng=rng, needs=needs, held=held, single=single)
    return held


def nested_order(strata: Codes, rng: np.random.Generator) -> Codes:
    """Return an order of the rows in which every prefix is a stratified sample.

    The order begins with one row of each stratum, the largest stratum first. The other rows follow by Webster's divisor
    method: in every prefix, the number of rows of each stratum differs from a proportional share by at most about 1.

    Returns:
        Row positions, shape (n_rows,).
    """
    rank, size = _random_ranks(strata, rng), np.bincount(strata, minlength=1)[strata]
    priority = np.where(rank == 0, -size.astype(float), (rank + 0.5) / size)
    return np.lexsort((rng.random(len(strata)), priority)).astype(np.int64)


def _n_choices(strata: Codes, units: Codes, forced: Mask, n_strata: int) -> Codes:
    pairs = np.unique(np.stack([strata[~forced], units[~forced]]), axis=1)
    free = np.bincount(pairs[0], minlength=n_strata)
    started = np.bincount(strata[forced], minlength=n_strata) > 0
    return np.where(free > 0, free + started, 0)


def _pool(strata: Codes, pooled: Mask) -> tuple[Codes, Needs]:
    if not pooled.any():
        needed = np.ones(len(pooled), dtype=bool)
        return strata, Needs(needed, needed)
    codes = np.empty(len(pooled), dtype=np.int64)
    codes[~pooled] = np.arange(int((~pooled).sum()))
    codes[pooled] = int((~pooled).sum())
    needed = np.append(np.ones(int((~pooled).sum()), dtype=bool), bool(pooled.all()))
    return codes[strata], Needs(needed, needed)


def _lacking(strata: Codes, held: Mask, n_strata: int) -> Mask:
    n_held = np.bincount(strata[held], minlength=n_strata)
    n_kept = np.bincount(strata[~held], minlength=n_strata)
    lacking: Mask = (n_held == 0) | (n_kept == 0)
    return lacking


def _targets(sizes: Codes, fraction: float, *, rng: np.random.Generator, needs: Needs) -> Codes:
    """Return the number of rows to hold out in each stratum, rounded by the method of largest remainders."""
    exact = fraction * sizes
    targets = np.floor(exact).astype(np.int64)
    missing = round(float(exact.sum())) - int(targets.sum())
    order = np.lexsort((rng.random(len(sizes)), -(exact - targets)))
    targets[order[:missing]] += 1
    bounded: Codes = np.clip(targets, needs.held.astype(np.int64), np.maximum(sizes - needs.kept, 0))
    return bounded


def _place_units(
    strata: Codes,
    units: Codes,
    fraction: float,
    *,
    rng: np.random.Generator,
    needs: Needs,
    held: Mask,
    multiple: Mask,
) -> None:
    """Decide in random order which units of several rows are held out, and mark their rows in ``held``.

    Let ``f`` be the fraction. For a stratum, let ``d`` be the number of held-out rows minus ``f`` times the number of
    rows decided so far (held out or kept), and ``c`` the number of rows of the unit. If the unit is held out instead of
    kept, d^2 is larger by c (2 d + c (1 - 2 f)). This difference is divided by the size of the stratum, and summed over
    the strata of the unit and, as one more stratum, the whole table. The unit is held out if the sum is negative,
    unless a stratum gets the held-out or kept row that ``needs`` demands only by the opposite choice.
    """
    n_strata = len(needs.held)
    sizes = np.bincount(strata, minlength=n_strata).tolist()
    n_held = np.bincount(strata[held], minlength=n_strata).tolist()
    n_kept = [0] * n_strata
    left = _units_left(strata, units, held, n_strata)
    beyond = [n - fraction * n for n in n_held]  # rows held beyond the fraction of the rows placed so far
    beyond_all, n_rows = sum(beyond), len(strata)
    needs_held, needs_kept = needs.held.tolist(), needs.kept.tolist()
    counts = _counts_of_units(strata[multiple], units[multiple], n_strata)
    order = rng.permutation(np.array(sorted(counts), dtype=np.int64)).tolist()
    coins = rng.random(len(order)).tolist()
    chosen = []
    for unit, coin in zip(order, coins, strict=True):
        rows = sum(count for _, count in counts[unit])
        cost = rows * (2 * beyond_all + rows * (1 - 2 * fraction)) / n_rows
        for k, count in counts[unit]:
            cost += count * (2 * beyond[k] + count * (1 - 2 * fraction)) / sizes[k]
            left[k] -= 1
            if left[k] == 0:
                cost -= FORCED * (needs_held[k] and n_held[k] == 0)
                cost += FORCED * (needs_kept[k] and n_kept[k] == 0)
        hold = cost < -1e-12 or (cost <= 1e-12 and coin < 0.5)
        for k, count in counts[unit]:
            (n_held if hold else n_kept)[k] += count
            beyond[k] += count * (hold - fraction)
        beyond_all += rows * (hold - fraction)
        if hold:
            chosen.append(unit)
    held |= multiple & np.isin(units, np.array(chosen, dtype=np.int64))


def _units_left(strata: Codes, units: Codes, held: Mask, n_strata: int) -> list[int]:
    pairs = np.unique(strata[~held] * (int(units.max(initial=0)) + 1) + units[~held])
    left: list[int] = np.bincount(pairs // (int(units.max(initial=0)) + 1), minlength=n_strata).tolist()
    return left


def _counts_of_units(strata: Codes, units: Codes, n_strata: int) -> dict[int, list[tuple[int, int]]]:
    pairs, counts = np.unique(units * n_strata + strata, return_counts=True)
    found: dict[int, list[tuple[int, int]]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        found.setdefault(pair // n_strata, []).append((pair % n_strata, count))
    return found


def _fill_with_singles(
    strata: Codes, targets: Codes, *, rng: np.random.Generator, needs: Needs, held: Mask, single: Mask
) -> None:
    n_strata = len(targets)
    n_single = np.bincount(strata[single], minlength=n_strata)
    n_held = np.bincount(strata[held], minlength=n_strata)
    n_kept = np.bincount(strata[~held & ~single], minlength=n_strata)
    low = np.minimum((needs.held & (n_held == 0)).astype(np.int64), n_single)
    high = np.maximum(n_single - (needs.kept & (n_kept == 0)), 0)
    wanted = np.minimum(np.maximum(targets - n_held, low), high)
    rows = np.flatnonzero(single)
    held[rows[_random_ranks(strata[rows], rng) < wanted[strata[rows]]]] = True


def _random_ranks(strata: Codes, rng: np.random.Generator) -> Codes:
    order = np.lexsort((rng.random(len(strata)), strata))
    sizes = np.bincount(strata, minlength=1)
    starts = np.cumsum(sizes) - sizes
    ranks = np.empty(len(strata), dtype=np.int64)
    ranks[order] = np.arange(len(strata)) - starts[strata[order]]
    return ranks
