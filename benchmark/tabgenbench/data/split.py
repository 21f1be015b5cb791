"""Splits of a table into training, validation and test rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench.data.highly_variable import highly_variable
from tabgenbench.data.split_config import SplitConfig, combination
from tabgenbench.data.stratify import Codes, Mask, Needs, hold_out, hold_out_both_sides, nested_order
from tabgenbench.data.table import Table, condition_labels
from tabgenbench.errors import ConfigError, DataError, did_you_mean

__all__ = ["Split", "SplitConfig", "SplitSide", "make_split", "rows_with"]

SplitSide = Literal["train", "validation", "test", "reference"]
REFERENCE = 2  # number of the third that no model sees
TEST, VALIDATION, SUBSET = 0, 1, 2  # stages with separate random streams: a later stage does not change an earlier one


@dataclass(frozen=True)
class Split:
    """Training, validation and test rows of a table, which are the same for every generator.

    Attributes:
        train: sample ids of training rows, in the order of the table; ``validation`` and ``test`` have the same form.
        config: configuration, in which default values are resolved: ``stratified`` and ``grouped`` are never None.
        seed: seed of the random choices.
        dataset: fingerprint (hash) of the table.
        pooled: labels of conditions with too few rows or donors for a row on each side. The rows of these conditions
            were pooled and split together.
        reference: for a split into thirds, sample ids of the third that is neither training nor test; otherwise empty.
        features: features that the split keeps, in the order of the table; empty if the split keeps all features.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    config: SplitConfig
    seed: int
    dataset: str
    pooled: tuple[str, ...] = ()
    reference: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of the split, as shown on boards, such as ``stratified, grouped``."""
        return self.config.kind

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256, in hex, of the dataset's fingerprint, the configuration, the seed, the ids and ``features``."""
        return hashlib.sha256(json.dumps(self._content(), sort_keys=True).encode()).hexdigest()

    def ids(self, side: SplitSide) -> tuple[str, ...]:
        """Return the sample ids of a side (training, validation, test or reference), in the order of the table."""
        sides: dict[SplitSide, tuple[str, ...]] = {
            "train": self.train,
            "validation": self.validation,
            "test": self.test,
            "reference": self.reference,
        }
        return sides[side]

    def rows(self, table: Table, side: SplitSide) -> NDArray[np.int64]:
        """Return the positions in the table of the rows of a side (training, validation, test or reference).

        Raises:
            DataError: the table lacks a row of the split.
        """
        ids = self.ids(side)
        rows: NDArray[np.int64] = table.obs.index.astype(str).get_indexer(pd.Index(ids, dtype=object)).astype(np.int64)
        if (rows < 0).any():
            lost = ids[int((rows < 0).argmax())]
            raise DataError(f"dataset {table.source.name!r}: no row {lost!r}, which the split has on its {side} side")
        return rows

    def to_json(self) -> str:
        """Return the split as JSON, with its fingerprint, its kind and the number of rows per `SplitSide`."""
        sides = ("train", "validation", "test", *(["reference"] if self.reference else []))
        rows = {side: len(getattr(self, side)) for side in sides}
        head = {"fingerprint": self.fingerprint, "kind": self.kind, "rows": rows, "pooled": self.pooled}
        return json.dumps({**head, **self._content()}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Split:
        """Return the split that `to_json` has written as JSON.

        Raises:
            DataError: the text is not a split, or its rows do not match its fingerprint.
        """
        try:
            kept = json.loads(text)
            sides = [tuple(str(name) for name in kept[side]) for side in ("train", "validation", "test")]
            config, pooled = SplitConfig.model_validate(kept["config"]), tuple(kept["pooled"])
            train, validation, test = sides
            split = cls(
                train,
                validation,
                test,
                config=config,
                seed=int(kept["seed"]),
                dataset=str(kept["dataset"]),
                pooled=pooled,
                reference=tuple(str(name) for name in kept.get("reference", ())),
                features=tuple(str(name) for name in kept.get("features", ())),
            )
            expected = kept["fingerprint"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"split.json: not a split of this program ({type(error).__name__}: {error})") from None
        if split.fingerprint != expected:
            raise DataError(
                f"split.json: its content does not give its fingerprint {expected}; remove it and run again"
            )
        return split

    def _content(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "train": self.train,
            "validation": self.validation,
            "test": self.test,
            **({"reference": self.reference} if self.reference else {}),
            **({"features": self.features} if self.features else {}),
        }


def make_split(
    table: Table,
    config: SplitConfig | None = None,
    *,
    seed: int,
    fingerprint: str | None = None,
    fold: int | None = None,
) -> Split:
    """Return a split of a table. Equal tables, configurations and seeds give equal splits, in any process.

    In a stratified split, the share of test rows is about ``test_fraction`` in each condition, and every condition has
    a training row and a test row, unless ``leave_out``, ``drop_from_training`` or ``train_rows`` removes them.
    Conditions with too few rows or donors for a row on each side are merged into one pooled condition; `Split.pooled`
    contains their labels. In a grouped split, all rows of a group, such as a donor, are on one side: training,
    validation or test. The choice of test rows does not depend on ``validation_fraction`` and ``train_rows``.

    A split into thirds divides the rows into A, B and C; it may also be stratified and grouped. Fold 0 trains on A and
    tests on B, and fold 1 the reverse. C contains the reference rows, which no model gets.

    Args:
        table: the table, with unique sample ids.
        config: configuration; by default, stratified if the table has conditions, and grouped if it has a group.
        seed: seed of the random choices, at least 0.
        fingerprint: the fingerprint of the table; by default it is computed.
        fold: for a split into thirds, 0 or 1: the number of the fold; for other splits, None.

    Raises:
        ConfigError: the configuration does not fit the table; the message names the option.
        DataError: the table has too few rows or donors for training and test.
    """
    config = (config or SplitConfig()).resolve(table.schema)
    if seed < 0:
        raise ConfigError(f"split: seed {seed}, expected at least 0")
    if table.obs.index.has_duplicates:
        table.validate()
    (strata, labels), units = _strata(table, config), _units(table, config)
    if fold not in config.folds:
        raise ConfigError(f"split: fold {fold}, expected one of {config.folds} for thirds = {config.thirds}")
    if config.thirds:
        thirds, pooled = _thirds(config, strata, units, rng=_stream(seed, TEST))
        test, candidates, reference = thirds == 1 - (fold or 0), thirds == fold, thirds == REFERENCE
    else:
        test, pooled = _test_rows(table, config, strata, units, rng=_stream(seed, TEST))
        candidates, reference = ~test, np.zeros(table.n_rows, dtype=bool)
    sides = {"test": test, "training": candidates, **({"reference": reference} if config.thirds else {})}
    _check_sides(table, config, units, sides)
    candidates = _may_train(table, config, candidates)
    validation = _validation_rows(config, strata, units, candidates, rng=_stream(seed, VALIDATION))
    train = candidates & ~validation
    if config.train_rows is not None:
        train, validation = _subset(config.train_rows, strata, train, validation, rng=_stream(seed, SUBSET))
    return Split(
        **_ids(table, train=train, validation=validation, test=test, reference=reference),
        config=config,
        seed=seed,
        dataset=table.fingerprint() if fingerprint is None else fingerprint,
        pooled=tuple(labels[k] for k in pooled),
        features=highly_variable(table.take(train), config.highly_variable) if config.highly_variable else (),
    )


def _ids(table: Table, **sides: Mask) -> dict[str, tuple[str, ...]]:
    names = table.obs.index.astype(str).to_numpy(dtype=object)
    return {side: tuple(names[rows].tolist()) for side, rows in sides.items()}


def _check_sides(table: Table, config: SplitConfig, units: Codes, sides: dict[str, Mask]) -> None:
    for side, rows in sides.items():
        if not rows.any():
            donors = f" of {len(np.unique(units))} donor(s)" if config.grouped else ""
            raise DataError(
                f"dataset {table.source.name!r}: {table.n_rows} row(s){donors} leave no row for the {side} side of the "
                f"split, expected at least one; give more {'donors' if config.grouped else 'rows'} or split otherwise"
            )


def _stream(seed: int, stage: int) -> np.random.Generator:
    return np.random.default_rng([seed, stage])


def _strata(table: Table, config: SplitConfig) -> tuple[Codes, list[str]]:
    if not config.stratified:
        return np.zeros(table.n_rows, dtype=np.int64), ["all"]
    codes, labels = pd.factorize(condition_labels(table.conditions), sort=True)
    return codes.astype(np.int64), [str(label) for label in labels]


def _units(table: Table, config: SplitConfig) -> Codes:
    if not config.grouped:
        return np.arange(table.n_rows, dtype=np.int64)
    codes: Codes = pd.factorize(table.obs[table.schema.group].astype(object), sort=True)[0].astype(np.int64)
    unknown = np.flatnonzero(codes < 0)  # a row without a donor counts as a separate donor
    codes[unknown] = codes.max(initial=-1) + 1 + np.arange(len(unknown))
    return codes


def _test_rows(
    table: Table, config: SplitConfig, strata: Codes, units: Codes, *, rng: np.random.Generator
) -> tuple[Mask, list[int]]:
    if config.leave_out is None:
        left_out = np.zeros(table.n_rows, dtype=bool)
    else:
        left_out = rows_with(table, config.leave_out, option="leave_out")
    rest = ~left_out
    forced = np.isin(units, units[left_out])  # the other rows of a donor with an excluded row must not train either
    if config.leave_out is not None and forced.all():
        raise _no_training_row(config.leave_out, option="leave_out")
    present, codes = np.unique(strata[rest], return_inverse=True)
    held, pooled = hold_out_both_sides(codes, units[rest], config.test_fraction, rng=rng, forced=forced[rest])
    test = left_out.copy()
    test[rest] = held
    return test, present[pooled].tolist() if config.stratified else []


def _thirds(config: SplitConfig, strata: Codes, units: Codes, *, rng: np.random.Generator) -> tuple[Codes, list[int]]:
    free = np.zeros(len(strata), dtype=bool)
    reference, pooled = hold_out_both_sides(strata, units, 1 / 3, rng=rng, forced=free)
    rest = ~reference
    present, codes = np.unique(strata[rest], return_inverse=True)
    second, also_pooled = hold_out_both_sides(codes, units[rest], 1 / 2, rng=rng, forced=free[rest])
    thirds = np.full(len(strata), REFERENCE, dtype=np.int64)
    thirds[rest] = second
    found = {*np.flatnonzero(pooled).tolist(), *present[also_pooled].tolist()}
    return thirds, sorted(found) if config.stratified else []


def rows_with(table: Table, values: Mapping[str, tuple[str, ...]], *, option: str) -> Mask:
    """Return whether each row has the given values of obs columns, shape (n_rows,).

    Args:
        table: the table.
        values: allowed values by obs column. In each column, a row must have one of the allowed values.
        option: name of the option that gives the values, for messages.

    Raises:
        ConfigError: a column is not in obs, a value occurs in no row, or no row has allowed values in all columns.
    """
    rows = np.ones(table.n_rows, dtype=bool)
    where = f"split: option {option!r}"
    for column, wanted in values.items():
        if column in table.features:
            raise ConfigError(f"{where}: {column!r} is a numeric feature; name a condition, group or category column")
        if column not in table.obs.columns:
            raise ConfigError(f"{where}: no obs column {column!r}{did_you_mean(column, table.obs.columns)}")
        found = table.obs[column].astype(str)
        for value in wanted:
            if not (found == value).any():
                raise ConfigError(f"{where}: no row has {column} = {value!r}{did_you_mean(value, found.unique())}")
        rows &= found.isin(wanted).to_numpy()
    if not rows.any():
        raise ConfigError(f"{where}: no row has {combination(values)}; name a combination that occurs")
    return rows


def _may_train(table: Table, config: SplitConfig, candidates: Mask) -> Mask:
    if config.drop_from_training is None:
        return candidates
    kept: Mask = candidates & ~rows_with(table, config.drop_from_training, option="drop_from_training")
    if not kept.any():
        raise _no_training_row(config.drop_from_training, option="drop_from_training")
    return kept


def _no_training_row(values: Mapping[str, tuple[str, ...]], *, option: str) -> ConfigError:
    return ConfigError(f"split: option {option!r}: {combination(values)} leaves no training row; name fewer values")


def _validation_rows(
    config: SplitConfig, strata: Codes, units: Codes, candidates: Mask, *, rng: np.random.Generator
) -> Mask:
    validation = np.zeros(len(strata), dtype=bool)
    codes = np.unique(strata[candidates], return_inverse=True)[1].astype(np.int64)
    n_strata = int(codes.max()) + 1
    needs = Needs(held=np.zeros(n_strata, dtype=bool), kept=np.ones(n_strata, dtype=bool))
    if config.validation_fraction > 0:
        validation[candidates] = hold_out(codes, units[candidates], config.validation_fraction, rng=rng, needs=needs)
    return validation


def _subset(
    n_rows: int, strata: Codes, train: Mask, validation: Mask, *, rng: np.random.Generator
) -> tuple[Mask, Mask]:
    """Return masks of ``n_rows`` random training rows, and of an equally large share of the validation rows.

    With the same state of ``rng``, a larger subset contains every smaller subset.
    """
    available = int(train.sum())
    if n_rows > available:
        raise ConfigError(
            f"split: option 'train_rows': got {n_rows}, expected at most {available}, the training rows of this split; "
            "ask for fewer, lower test_fraction or drop less from training"
        )
    share = n_rows / available
    n_validation = max(round(share * int(validation.sum())), min(1, int(validation.sum())))
    sides = []
    for side, wanted in ((train, n_rows), (validation, n_validation)):
        rows = np.flatnonzero(side)
        chosen = np.zeros(len(side), dtype=bool)
        chosen[rows[nested_order(strata[rows], rng)[:wanted]]] = True
        sides.append(chosen)
    return sides[0], sides[1]
