"""Export of rows that are sampled from a saved model, or from a generator that is trained again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tabgenbench.data.h5ad import write_table
from tabgenbench.engines.base import Send
from tabgenbench.engines.worker import mark
from tabgenbench.errors import ConfigError, did_you_mean
from tabgenbench.interfaces.generator import Context, SampleContext
from tabgenbench.registry.keys import seed_of
from tabgenbench.run.tasks import summed_fallbacks
from tabgenbench.run.training import FitPayload, train_generator

__all__ = ["ROWS_FILE", "RowsPayload", "check_given", "sample_rows"]

ROWS_FILE = "rows.h5ad"


@dataclass(frozen=True, kw_only=True)
class RowsPayload:
    """Input of `sample_rows`.

    Attributes:
        training: the generator, its split and its seed; `FitPayload.draws` is not used.
        model: folder of the saved model, or None to train the generator.
        rows: number of rows, or None to sample one row for each test row, with its conditions.
        draw: number that changes the random seed, so that different numbers give different rows.
        given: values of condition columns, which all sampled rows get; allowed only with ``rows``.
    """

    training: FitPayload
    model: Path | None = None
    rows: int | None = None
    draw: int = 0
    given: Mapping[str, str]


def sample_rows(payload: RowsPayload, send: Send) -> dict[str, Any]:
    """Write sampled rows to `ROWS_FILE`; return the fallback rules that were used for rare conditions, and notes."""
    trained = train_generator(payload.training, send, model=payload.model)
    send(mark("sample"))
    seed, draw = payload.training.seed, payload.draw
    if payload.rows is None:
        conditions, seed = trained.conditions, seed_of(seed, "sample", draw)
    else:
        rng = np.random.default_rng(seed_of(seed, "export conditions", draw))
        conditions = ask_conditions(trained.train.conditions, payload.rows, given=payload.given, rng=rng)
        seed = seed_of(seed, "export", draw)
    context = SampleContext(seed=seed, draw=draw, **trained.common())
    checked, _ = trained.sample(conditions, context)
    negative = trained.count_negative(checked)
    if negative:
        context.note(f"{negative:,} sampled values were negative and counted as 0")
    table = trained.to_store(checked)
    write_table(table, payload.training.out_folder / ROWS_FILE, transform=trained.transform)
    contexts: list[Context] = [context]
    return {"fallbacks": summed_fallbacks(contexts), "notes": list(map(str, context.notes))}


def ask_conditions(
    train: pd.DataFrame, n_rows: int, *, given: Mapping[str, str], rng: np.random.Generator
) -> pd.DataFrame:
    """Return random conditions for new rows, shape (n_rows, n_conditions).

    The conditions are copied from the training rows with all given values or, if no row has all of them, from all
    training rows. With n such rows, each is copied n_rows // n or n_rows // n + 1 times, in random order. Every copy
    gets the given values.

    Args:
        train: conditions of the training rows.
        n_rows: number of rows.
        given: values of some columns; each value must occur in a training row (see `check_given`).
        rng: random generator.
    """
    fits = np.ones(len(train), dtype=bool)
    for column, value in given.items():
        fits &= (train[column] == value).to_numpy()
    candidates = np.flatnonzero(fits) if fits.any() else np.arange(len(train))
    rows = np.concatenate([rng.permutation(candidates) for _ in range(-(-n_rows // len(candidates)))])[:n_rows]
    asked = train.iloc[rows].set_axis([f"synthetic-{i}" for i in range(n_rows)], axis=0)
    changes = {
        column: pd.Categorical([value] * n_rows, categories=train[column].cat.categories)
        for column, value in given.items()
    }
    return asked.assign(**changes)


def check_given(train: pd.DataFrame, given: Mapping[str, str]) -> None:
    """Raise `ConfigError` if a given column is not a condition, or if no training row has its given value."""
    for column, value in given.items():
        if column not in train.columns:
            known = did_you_mean(column, map(str, train.columns)) or "; this dataset has no conditions"
            raise ConfigError(f"--condition: {column!r} is not a condition{known}")
        values = sorted(train[column].astype(str).unique())
        if value not in values:
            raise ConfigError(f"--condition: no training row has {column}={value}{did_you_mean(value, values)}")
