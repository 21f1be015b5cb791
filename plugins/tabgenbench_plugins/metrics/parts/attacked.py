"""Choice of rows for privacy attacks: training rows, and as many hold-out rows (test rows) of the same conditions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Evaluation, Table, condition_labels
from tabgenbench_plugins.correlation import Undefined

__all__ = ["Attacked", "Group", "attacked_rows", "chosen_rows", "row_order"]

ROUNDS = 10  # attempts to reach equal numbers of rows without dividing a donor
FEWEST = 10  # of training rows, and of hold-out rows
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Group:
    """Rows of one table that a privacy metric attacks, with the donors in random order.

    Attributes:
        rows: positions of the rows in the table.
        units: code of the donor of each row. In a table without donors, each row has a different code.
        conditions: code of the condition of each row. A code means the same condition in training and hold-out rows.
    """

    rows: Rows
    units: Rows
    conditions: Rows

    def take(self, chosen: Rows | slice) -> Group:
        """Return the chosen rows."""
        return Group(self.rows[chosen], self.units[chosen], self.conditions[chosen])

    def first(self, max_rows: int) -> Group:
        """Return the rows of the first donors: as many whole donors as fit in ``max_rows`` rows, but at least one."""
        ends = np.append(np.flatnonzero(np.diff(self.units) != 0) + 1, len(self.units))
        fitting = ends[ends <= max_rows]
        return self.take(slice(int(fitting[-1] if len(fitting) else ends[0])))


@dataclass(frozen=True, eq=False)
class Attacked:
    """Rows that a privacy metric attacks: training rows (members) and hold-out rows (others).

    Attributes:
        members: rows of ``evaluation.train``.
        others: rows of ``evaluation.test``.
        labels: label of the condition for each code in `Group.conditions`.
        notes: sentences that state how many rows are attacked.
    """

    members: Group
    others: Group
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def first(self, max_rows: int) -> Attacked:
        """Reduce the training rows and the hold-out rows to ``max_rows`` each (see `Group.first`)."""
        if max(len(self.members.rows), len(self.others.rows)) <= max_rows:
            return self
        members, others = (group.first(max_rows) for group in (self.members, self.others))
        n_members, n_others = len(members.rows), len(others.rows)
        # Rows of one donor are not independent, so the donors are counted.
        error = 0.5 * np.sqrt(sum(1 / len(np.unique(group.units)) for group in (members, others)))
        note = f"attacks {n_members:,} of these training rows and {n_others:,} of these test rows, drawn at random"
        notes = (
            *self.notes,
            f"{note} (option max_rows); standard error of an AUC or a difference of shares at most {error:.4f}",
        )
        return Attacked(members, others, self.labels, notes)


def attacked_rows(evaluation: Evaluation, *, seed: int) -> Attacked:
    """Choose equally many training rows and hold-out rows (test rows) in each condition.

    If a condition has more training rows than hold-out rows, a random subset of its training rows is chosen, and vice
    versa. If the table has donors, the function chooses either all rows of a donor or none. The choice may then contain
    fewer rows than without donors, and the numbers of training rows and hold-out rows may differ. The choice is the
    same for all generators on a split and for all privacy metrics.

    Raises:
        Undefined: fewer than `FEWEST` training rows or fewer than `FEWEST` hold-out rows can be used.
    """
    return evaluation.shared.once(
        ("attacked", seed), lambda: _choose(evaluation.train, evaluation.test, seed), scope="split"
    )


def _choose(train: Table, test: Table, seed: int) -> Attacked:
    codes, labels = pd.factorize(pd.concat([condition_labels(table.conditions) for table in (train, test)]), sort=True)
    conditions = np.split(codes.astype(np.int64), [train.n_rows])
    everyone = [
        _in_random_order(table, own, np.random.default_rng([seed, side]))
        for side, (table, own) in enumerate(zip((train, test), conditions, strict=True))
    ]
    counts = [np.bincount(own, minlength=len(labels)) for own in conditions]
    for _ in range(ROUNDS):
        quota = np.minimum(*counts)
        members, others = (_fill(group, quota) for group in everyone)
        counts = [np.bincount(group.conditions, minlength=len(labels)) for group in (members, others)]
        if np.array_equal(counts[0], counts[1]):
            break
    n_members, n_others = len(members.rows), len(others.rows)
    if min(n_members, n_others) < FEWEST:
        raise Undefined(
            f"{n_members} training and {n_others} test rows of the same conditions are too few; expected {FEWEST}"
        )
    return Attacked(members, others, tuple(map(str, labels)), _notes(train, test, n_members, n_others))


def _notes(train: Table, test: Table, n_members: int, n_others: int) -> tuple[str, ...]:
    if (n_members, n_others) == (train.n_rows, test.n_rows):
        return ()
    notes = [
        f"uses {n_members:,} of {train.n_rows:,} training rows and {n_others:,} of {test.n_rows:,} test rows: "
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


def _in_random_order(table: Table, conditions: Rows, rng: np.random.Generator) -> Group:
    """Return all rows of a table, with donors in random order and the rows of a donor next to each other."""
    units = _units(table)
    rank = rng.permutation(int(units.max(initial=-1)) + 1)
    order = np.argsort(rank[units], kind="stable").astype(np.int64)
    return Group(order, units[order], conditions[order])


def _fill(group: Group, quota: Rows) -> Group:
    conditions = group.conditions
    if len(np.unique(group.units)) == len(group.units):
        rank = pd.Series(conditions).groupby(conditions).cumcount().to_numpy()
        return group.take(np.flatnonzero(rank < quota[conditions]))
    left = quota.copy()
    chosen: list[Rows] = []
    for rows in np.split(np.arange(len(conditions)), np.flatnonzero(np.diff(group.units)) + 1):
        wanted = np.bincount(conditions[rows], minlength=len(quota))
        if (wanted <= left).all():
            chosen.append(rows)
            left -= wanted
    return group.take(np.concatenate(chosen) if chosen else np.empty(0, dtype=np.int64))


def row_order(rows: NDArray[np.float32]) -> Rows:
    """Return the positions that sort rows by content, so that results do not depend on the given order."""
    contents = [row.tobytes() for row in np.ascontiguousarray(rows)]
    return np.array(sorted(range(len(contents)), key=contents.__getitem__), dtype=np.int64)


def chosen_rows(rows: NDArray[np.float32], max_rows: int, *, seed: Iterable[int]) -> Rows:
    """Return the positions of at most ``max_rows`` random rows; the choice does not depend on the order of ``rows``."""
    order = row_order(rows)
    if len(rows) <= max_rows:
        return order
    return order[np.sort(np.random.default_rng(list(seed)).choice(len(rows), max_rows, replace=False))]
