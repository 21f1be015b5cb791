"""Small tables for `check_generator` and `check_metric`, with numeric, count, mixed or only categorical features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench.data.gaps import fill_gaps, medians_at_gaps
from tabgenbench.data.schema import DateFeature, Gap, Schema
from tabgenbench.data.table import Source, Table
from tabgenbench.data.transform import Transform

__all__ = ["KitSplit", "make_count_split", "make_kit_split", "make_mixed_split"]

N_FEATURES = 12
TRAIN = {("lung", "normal"): 36, ("lung", "cancer"): 28, ("liver", "normal"): 24, ("liver", "cancer"): 1}
VALIDATION = {("lung", "normal"): 8, ("lung", "cancer"): 6, ("liver", "normal"): 6}
TEST = {("lung", "normal"): 28, ("lung", "cancer"): 24, ("liver", "normal"): 22, ("liver", "cancer"): 2}


@dataclass(frozen=True)
class KitSplit:
    """Training, validation and test rows of a small table, and the standardisation fitted on the training rows."""

    train: Table
    validation: Table
    test: Table
    transform: Transform


def make_kit_split(scale: Literal["standardized", "own"] = "standardized") -> KitSplit:
    """Return a new copy of a fixed small split: 89 training, 20 validation and 76 test rows with 12 features.

    The table has two condition columns with two values each, and a batch column. One combination of the condition
    values has a single training row. The features are correlated, and non-negative with the scale ``own``; the last
    feature is constant.
    """
    rng = np.random.default_rng(20_230_419)
    loadings, centres = rng.normal(size=(3, N_FEATURES)), rng.normal(scale=2.0, size=(2, 2, N_FEATURES))
    own = [_side(sizes, rng, loadings=loadings, centres=centres) for sizes in (TRAIN, VALIDATION, TEST)]
    transform = Transform.fit(own[0])
    train, validation, test = own if scale == "own" else [transform.apply(one) for one in own]
    return KitSplit(train, validation, test, transform)


def make_count_split(scale: Literal["standardized", "own"] = "standardized") -> KitSplit:
    """Return the split of `make_kit_split` with counts as values (``per_10k`` is true).

    With the scale ``own``, ``X`` is a sparse CSR matrix of counts; otherwise, `Transform.for_generator` converts it.
    """
    kit = make_kit_split("own")
    own = [_counts(side) for side in (kit.train, kit.validation, kit.test)]
    transform = Transform.fit(own[0])
    train, validation, test = own if scale == "own" else [transform.for_generator(one) for one in own]
    return KitSplit(train, validation, test, transform)


def _counts(table: Table) -> Table:
    schema = table.schema.model_copy(update={"per_10k": True})
    counts = sparse.csr_matrix(np.rint(table.dense() / 8))
    return replace(table, X=counts, schema=schema, scale="counts", log2p1=False)


def make_mixed_split(scale: Literal["standardized", "own"] = "standardized", *, numeric: bool = True) -> KitSplit:
    """Return a small split with numeric and categorical features: 96 training, 24 validation and 60 test rows.

    The condition is ``ward``. The numeric features are ``size`` (any number), ``weight`` (about a fifth missing),
    ``visits`` (whole numbers) and ``first visit`` (dates). The categorical features are ``colour`` (three values, one
    of them rare), ``smoker``, ``stage`` (with missing values) and ``weight is missing``.

    Args:
        scale: the evaluation scale (``standardized``), or the scale of the data (``own``).
        numeric: whether the table has the numeric features. If False, its features are ``colour``, ``smoker`` and
            ``stage``.
    """
    rng = np.random.default_rng(7_102_026)
    own = [_mixed_side(n, rng, numeric=numeric) for n in (96, 24, 60)]
    transform, medians = Transform.fit(own[0]), medians_at_gaps(own[0])
    filled = [fill_gaps(one, medians) for one in own]
    train, validation, test = filled if scale == "own" else [transform.apply(one) for one in filled]
    return KitSplit(train, validation, test, transform)


def _mixed_side(n_rows: int, rng: np.random.Generator, *, numeric: bool) -> Table:
    ward = np.arange(n_rows) % 3 // 2  # two thirds of the rows are in ward A
    level = ward + rng.normal(size=n_rows)
    smoker = rng.random(n_rows) < 1.0 / (1.0 + np.exp(-level))
    colour = np.where(np.arange(n_rows) % 16 == 5, 2, (level + rng.normal(size=n_rows) > 0.5).astype(int))
    stage = np.where(rng.random(n_rows) < 0.15, 2, (level > 0.5).astype(int))
    is_missing = rng.random(n_rows) < np.where(smoker, 0.3, 0.1)
    weight = np.where(is_missing, np.nan, 70.0 + 8.0 * level)
    visits, first = rng.poisson(np.exp(0.5 * level)), np.rint(200.0 * rng.random(n_rows))
    ids = pd.Index([f"row-{i}-of-{n_rows}" for i in range(n_rows)], dtype=object)
    columns = {
        "ward": (ward, ["A", "B"]),
        "colour": (colour, ["blue", "red", "yellow"]),
        "smoker": (smoker.astype(int), ["no", "yes"]),
        "stage": (stage, ["I", "II", "missing"]),
        "weight is missing": (is_missing.astype(int), ["no", "yes"]),
    }
    gaps = [Gap(column="stage", shown_by="stage", value="missing")]
    features = ("size", "weight", "visits", "first visit") if numeric else ()
    values = np.column_stack([level, weight, visits, first]) if numeric else np.empty((n_rows, 0))
    if numeric:
        gaps.append(Gap(column="weight", shown_by="weight is missing", value="yes"))
    else:
        del columns["weight is missing"]
    date = DateFeature(column="first visit", unit="day", origin="2020-01-01T00:00:00", format="%Y-%m-%d")
    schema = Schema(
        conditions=("ward",),
        categorical_features=tuple(columns)[1:],
        whole_numbers=features[2:],
        dates=(date,) if numeric else (),
        gaps=tuple(gaps),
    )
    obs = pd.DataFrame({name: pd.Categorical.from_codes(*pair) for name, pair in columns.items()}, index=ids)
    return Table(values.astype(np.float32), obs, features, schema=schema, source=Source("contract, mixed"))


def _side(
    sizes: dict[tuple[str, str], int],
    rng: np.random.Generator,
    *,
    loadings: NDArray[np.float64],
    centres: NDArray[np.float64],
) -> Table:
    tissues, statuses = ["liver", "lung"], ["cancer", "normal"]
    rows = [condition for condition, n in sizes.items() for _ in range(n)]
    rows = [rows[i] for i in rng.permutation(len(rows))]  # sorted conditions would hide a wrong order
    at = np.array([(tissues.index(tissue), statuses.index(status)) for tissue, status in rows])
    level = 6.0 + centres[at[:, 0], at[:, 1]]
    logs = level + rng.normal(size=(len(rows), 3)) @ loadings + 0.5 * rng.normal(size=level.shape)
    values = np.maximum(np.exp2(logs) - 1.0, 0.0).astype(np.float32)
    values[:, -1] = 3.0
    obs = pd.DataFrame(
        {
            "tissue": pd.Categorical.from_codes(at[:, 0], categories=tissues),
            "status": pd.Categorical.from_codes(at[:, 1], categories=statuses),
            "site": pd.Categorical.from_codes(rng.integers(0, 2, len(rows)), categories=["a", "b"]),
        },
        index=pd.Index([f"row-{i}-of-{len(rows)}" for i in range(len(rows))], dtype=object),
    )
    return Table(
        X=values,
        obs=obs,
        features=tuple(f"gene-{j}" for j in range(N_FEATURES)),
        schema=Schema(conditions=("tissue", "status"), batch="site"),
        log2p1=True,
        source=Source("contract"),
    )
