"""Rows for privacy metrics: training rows, and equally many rows of the same conditions that no model has seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Evaluation, Table, condition_labels
from tabgenbench_plugins.correlation import Undefined

__all__ = ["Attacked", "attacked_rows", "chosen_rows", "row_order"]

ROUNDS = 10  # attempts to reach equal numbers of rows without dividing a donor
FEWEST = 10  # rows of a side
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Attacked:
    """Training rows (members) and hold-out rows (others), with equal numbers in each condition.

    Attributes:
        members: positions of the members in ``evaluation.train``, in a random order of donors.
        others: positions of the others in ``evaluation.test``, in a random order of donors.
        member_units: a code for each member, equal for rows of one donor; without donors, one for each row.
        other_units: a code for each of the others, defined in the same way.
        member_conditions: a code of the condition of each member.
        other_conditions: likewise for the others, with the same codes.
        labels: label of each code of a condition.
        notes: sentences on the rows that are not used.
    """

    members: Rows
    others: Rows
    member_units: Rows
    other_units: Rows
    member_conditions: Rows
    other_conditions: Rows
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def first(self, max_rows: int) -> Attacked:
        """Return about ``max_rows`` members and others at most: the first rows, with all rows of their donors."""
        if max(len(self.members), len(self.others)) <= max_rows:
            return self
        members, others = (_whole_units(units, max_rows) for units in (self.member_units, self.other_units))
        error = 0.5 * np.sqrt(1 / members + 1 / others)
        note = f"attacks {members:,} of these training rows and {others:,} of these test rows, drawn at random"
        return Attacked(
            self.members[:members],
            self.others[:others],
            self.member_units[:members],
            self.other_units[:others],
            self.member_conditions[:members],
            self.other_conditions[:others],
            self.labels,
            (*self.notes, f"{note} (option max_rows); standard error at most {error:.4f}"),
        )


def attacked_rows(evaluation: Evaluation, *, seed: int) -> Attacked:
    """Choose equally many members and others in each condition: as many as the smaller of the two groups has rows.

    If the table has donors, either all rows of a donor are used or none. The choice is the same for all generators on a
    split and for all metrics.

    Raises:
        Undefined: fewer than `FEWEST` members or fewer than `FEWEST` others can be used.
    """
    return evaluation.shared.once(
        ("attacked", seed), lambda: _choose(evaluation.train, evaluation.test, seed), scope="split"
    )


def _choose(train: Table, test: Table, seed: int) -> Attacked:
    texts = [condition_labels(table.conditions) for table in (train, test)]
    codes, labels = pd.factorize(pd.concat(texts), sort=True)
    strata = codes[: train.n_rows].astype(np.int64), codes[train.n_rows :].astype(np.int64)
    units = _units(train), _units(test)
    orders = [_order_of_units(one, np.random.default_rng([seed, side])) for side, one in enumerate(units)]
    quota = np.minimum(*(np.bincount(one, minlength=len(labels)) for one in strata))
    for _ in range(ROUNDS):
        rows = [_fill(one, unit, order, quota) for one, unit, order in zip(strata, units, orders, strict=True)]
        counts = [np.bincount(one[chosen], minlength=len(labels)) for one, chosen in zip(strata, rows, strict=True)]
        if np.array_equal(counts[0], counts[1]):
            break
        quota = np.minimum(counts[0], counts[1])
    members, others = rows
    if min(len(members), len(others)) < FEWEST:
        raise Undefined(
            f"{len(members)} training and {len(others)} test rows of the same conditions are too few; expected {FEWEST}"
        )
    return Attacked(
        members,
        others,
        units[0][members],
        units[1][others],
        strata[0][members],
        strata[1][others],
        tuple(map(str, labels)),
        _notes(train, test, members, others),
    )


def _notes(train: Table, test: Table, members: Rows, others: Rows) -> tuple[str, ...]:
    if (len(members), len(others)) == (train.n_rows, test.n_rows):
        return ()
    notes = [
        f"uses {len(members):,} of {train.n_rows:,} training rows and {len(others):,} of {test.n_rows:,} test rows: "
        "equally many of each condition"
    ]
    if train.schema.group is not None:
        notes.append("donors are not divided, and the score of a donor in an attack is the largest of its rows")
    return tuple(notes)


def _units(table: Table) -> Rows:
    group = table.schema.group
    if group is None:
        return np.arange(table.n_rows, dtype=np.int64)
    codes: Rows = pd.factorize(table.obs[group].astype(object))[0].astype(np.int64)
    unknown = np.flatnonzero(codes < 0)  # a row without a donor counts as a separate donor
    codes[unknown] = codes.max(initial=-1) + 1 + np.arange(len(unknown))
    return codes


def _order_of_units(units: Rows, rng: np.random.Generator) -> Rows:
    """Return the positions of the rows in a random order of their units; rows of a unit are neighbours."""
    rank = rng.permutation(int(units.max(initial=-1)) + 1)
    return np.argsort(rank[units], kind="stable").astype(np.int64)


def _fill(strata: Rows, units: Rows, order: Rows, quota: Rows) -> Rows:
    """Return the rows of the units, in order; a unit that would exceed the quota of a stratum is skipped."""
    if len(np.unique(units)) == len(units):
        rank = pd.Series(strata[order]).groupby(strata[order]).cumcount().to_numpy()
        fitting: Rows = order[rank < quota[strata[order]]]
        return fitting
    left = quota.tolist()
    starts = np.flatnonzero(np.append(True, np.diff(units[order]) != 0)).tolist()
    chosen: list[int] = []
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        rows = order[start:end].tolist()
        wanted: dict[int, int] = {}
        for row in rows:
            wanted[int(strata[row])] = wanted.get(int(strata[row]), 0) + 1
        if all(count <= left[k] for k, count in wanted.items()):
            chosen += rows
            for k, count in wanted.items():
                left[k] -= count
    return np.array(chosen, dtype=np.int64)


def _whole_units(units: Rows, max_rows: int) -> int:
    """Return the largest number of first rows, at most ``max_rows``, that form whole units.

    At least the first unit is used.
    """
    ends = np.append(np.flatnonzero(np.diff(units) != 0) + 1, len(units))
    fitting = ends[ends <= max_rows]
    return int(fitting[-1] if len(fitting) else ends[0])


def row_order(rows: NDArray[np.float32]) -> Rows:
    """Return an order of rows that depends only on their values, so that results do not depend on the given order."""
    contents = [row.tobytes() for row in np.ascontiguousarray(rows)]
    return np.array(sorted(range(len(contents)), key=contents.__getitem__), dtype=np.int64)


def chosen_rows(rows: NDArray[np.float32], max_rows: int, *, seed: Iterable[int]) -> Rows:
    """Return the positions of at most ``max_rows`` rows drawn at random, independent of the given order of rows."""
    order = row_order(rows)
    if len(rows) <= max_rows:
        return order
    return order[np.sort(np.random.default_rng(list(seed)).choice(len(rows), max_rows, replace=False))]
