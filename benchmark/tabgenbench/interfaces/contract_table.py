"""The small table for contract checks of generators and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench.data.schema import Schema
from tabgenbench.data.table import Source, Table
from tabgenbench.data.transform import Transform

__all__ = ["KitSplit", "make_kit_split"]

N_FEATURES = 12
TRAIN = {("lung", "normal"): 36, ("lung", "cancer"): 28, ("liver", "normal"): 24, ("liver", "cancer"): 1}
VALIDATION = {("lung", "normal"): 8, ("lung", "cancer"): 6, ("liver", "normal"): 6}
TEST = {("lung", "normal"): 28, ("lung", "cancer"): 24, ("liver", "normal"): 22, ("liver", "cancer"): 2}


@dataclass(frozen=True)
class KitSplit:
    """Training, validation and test rows of one small table, and the transform fitted on its training rows."""

    train: Table
    validation: Table
    test: Table
    transform: Transform


def make_kit_split(scale: Literal["standardized", "own"] = "standardized") -> KitSplit:
    """Return a new copy of the same rows: 89 training, 20 validation, 76 test rows, 12 features.

    There are two condition columns with two values each; one combination has a single training row. Features are
    non-negative, in correlated groups, and the last one is constant. There is a batch column, but no group.
    """
    rng = np.random.default_rng(20_230_419)
    loadings, centres = rng.normal(size=(3, N_FEATURES)), rng.normal(scale=2.0, size=(2, 2, N_FEATURES))
    own = [_side(sizes, rng, loadings=loadings, centres=centres) for sizes in (TRAIN, VALIDATION, TEST)]
    transform = Transform.fit(own[0])
    train, validation, test = own if scale == "own" else [transform.apply(one) for one in own]
    return KitSplit(train, validation, test, transform)


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
