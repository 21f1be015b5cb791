"""Small tables, and functions that fit and sample a generator on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import FitContext, Generator, SampleContext, Schema, Table, Transform
from tabgenbench.data.schema import Gap
from tabgenbench.interfaces.device_split import upload
from tabgenbench.options import make_options
from tabgenbench.registry.lazy import Lazy
from tabgenbench_plugins import GENERATORS

# A small network learns a small table within a second.
QUICK: dict[str, dict[str, Any]] = {
    "cvae": {"epochs": 3, "hidden": [16, 8], "latent": 4},
    "cvae-selected": {"epochs": 2, "learning_rates": [1e-3, 5e-3], "depths": [2], "latent": 4},
    "arf": {"trees": 8, "rounds": 2},
    "forest-flow": {"levels": 3, "duplicates": 4, "trees": 3, "depth": 3},
    "gaussian-copula": {"distribution": "norm"},
    "ctgan": {"epochs": 3, "batch_size": 20, "generator_dim": [16, 8], "discriminator_dim": [16, 8], "max_batches": 4},
    "tvae": {"epochs": 3, "batch_size": 20, "compress_dims": [16, 8], "decompress_dims": [8, 16], "max_batches": 4},
    "wgan-gp": {"epochs": 3, "hidden": [16, 8], "latent": 4},
    "flow-matching": {"steps": 5, "hidden": [16, 8], "batch_size": 16, "sampling_steps": 3},
    "tabddpm": {"steps": 5, "hidden": [16, 8], "batch_size": 16, "sampling_steps": 3},
}
# These decline some of the tables here; they have tests of their own.
DECLINES = {"condition-nb", "invae", "scvi", "scanvi", "unchanged", "shift-of-others", "shift-of-nearest"}
CHOOSES_BY_VALIDATION = {"cvae-selected"}  # without validation rows, these say what is missing


@pytest.fixture(
    scope="module",
    params=[lazy for lazy in GENERATORS if lazy.name not in DECLINES],
    ids=lambda lazy: lazy.name,
)
def generator_class(request: pytest.FixtureRequest) -> type[Generator]:
    """Every built-in generator in turn, without the planted failures, which have their own tests."""
    lazy: Lazy = request.param
    if lazy.lacks:
        pytest.skip(lazy.lacks)
    return lazy.load()


@pytest.fixture(scope="module")
def quick_options(generator_class: type[Generator]) -> dict[str, Any]:
    """Options with which the generator learns a small table within a second."""
    return QUICK.get(generator_class.name, {})


@pytest.fixture(scope="session")
def make_table() -> Callable[..., Table]:
    """Make a standardised table with rows of each (tissue, status), far apart and correlated inside.

    ``sizes`` maps conditions to numbers of rows. The last feature is constant.
    """

    def make(sizes: dict[Sequence[str], int] | None = None, *, n_features: int = 10, seed: int = 0) -> Table:
        sizes = sizes or {
            ("lung", "normal"): 30,
            ("lung", "cancer"): 12,
            ("liver", "normal"): 20,
            ("skin", "normal"): 1,
        }
        rng = np.random.default_rng(seed)
        conditions = [condition for condition, n in sizes.items() for _ in range(n)]
        columns = ["tissue", "status"][: len(conditions[0])]
        obs = pd.DataFrame(conditions, columns=columns, index=[f"row{i}" for i in range(len(conditions))])
        centres = {c: rng.normal(scale=4.0, size=n_features) for c in sorted({tuple(c) for c in conditions})}
        loadings = rng.normal(size=(3, n_features))
        noise = rng.normal(size=(len(obs), 3)) @ loadings + 0.5 * rng.normal(size=(len(obs), n_features))
        values = (noise + np.stack([centres[tuple(c)] for c in conditions])).astype(np.float32)
        values[:, -1] = 3.0
        features = tuple(f"gene{j}" for j in range(n_features))
        table = Table(X=values, obs=obs.astype("category"), features=features, schema=Schema(conditions=tuple(columns)))
        return Transform.fit(table).apply(table)

    return make


@pytest.fixture(scope="session")
def make_mixed() -> Callable[..., Table]:
    """Make a mixed table without conditions: ``size``, ``weight`` (partly missing), ``smoker`` and ``colour``.

    Larger rows smoke more often; smokers are heavier, and rarely green.
    """

    def make(n_rows: int, *, missing: float = 0.0, seed: int = 0) -> Table:
        rng = np.random.default_rng(seed)
        size = rng.normal(size=n_rows)
        smokes = size + 0.5 * rng.normal(size=n_rows) > 0.3
        weight = 70 + 15 * smokes + 2 * rng.normal(size=n_rows)
        is_missing = rng.random(n_rows) < missing
        weight[is_missing] = np.median(weight[~is_missing])
        colour = np.where(rng.random(n_rows) < np.where(smokes, 0.05, 0.5), "green", "red")
        columns = {"smoker": np.where(smokes, "yes", "no"), "colour": colour}
        if missing:
            columns["weight is missing"] = np.where(is_missing, "yes", "no")
        gaps = (Gap(column="weight", shown_by="weight is missing", value="yes"),) if missing else ()
        obs = pd.DataFrame(columns, index=[f"row{i}" for i in range(n_rows)]).astype("category")
        values = np.column_stack([size, weight]).astype(np.float32)
        schema = Schema(categorical_features=tuple(columns), gaps=gaps)
        return Table(X=values, obs=obs, features=("size", "weight"), schema=schema)

    return make


@pytest.fixture(scope="session")
def fit() -> Callable[..., tuple[Generator, FitContext]]:
    """Fit a generator class with options; return it and the context, which contains its reports."""

    def run(
        cls: type[Generator], train: Table, validation: Table | None = None, *, seed: int = 1, **options: Any
    ) -> tuple[Generator, FitContext]:
        options = {**QUICK.get(cls.name, {}), **options}
        if validation is None and cls.name in CHOOSES_BY_VALIDATION:
            validation = train.take(range(0, train.n_rows, 5))
        generator = cls(make_options(cls.Config, options, where=cls.name))
        split = upload(train, validation, "cpu")
        context = FitContext(device="cpu", seed=seed, make_device_split=lambda: split)
        generator.fit(train, validation, context)
        return generator, context

    return run


@pytest.fixture(scope="session")
def sample() -> Callable[..., tuple[Table, SampleContext]]:
    """Sample a fitted generator; return the table and the context, which contains its reports."""

    def run(generator: Generator, conditions: pd.DataFrame, *, seed: int = 2) -> tuple[Table, SampleContext]:
        context = SampleContext(device="cpu", seed=seed)
        return generator.sample(conditions, context), context

    return run


@pytest.fixture(scope="session")
def conditions() -> Callable[..., pd.DataFrame]:
    """Create the frame of requested conditions from (tissue, status) pairs."""

    def make(*rows: Sequence[str]) -> pd.DataFrame:
        index = [f"asked{i}" for i in range(len(rows))]
        return pd.DataFrame(list(rows), columns=["tissue", "status"], index=index).astype("category")

    return make


@pytest.fixture(scope="session")
def make_correlated() -> Callable[..., Table]:
    """Make a mixed table, whose columns depend on each other; see `correlated_table`."""
    return correlated_table


def correlated_table(n_rows: int = 3000) -> Table:
    """Return a table whose categories depend on each other and on a number, with gaps of ``weight``.

    ``weight`` is missing for most smokers; it is 2 + size where present, and 0 (not its mean) at gaps. ``unknown`` of
    ``drink`` goes with the gaps.
    """
    rng = np.random.default_rng(4)
    ward = np.arange(n_rows) % 4 == 0
    size = rng.normal(size=n_rows) + ward
    smoker = size + rng.normal(size=n_rows) > 1.0
    is_gap = rng.random(n_rows) < np.where(smoker, 0.7, 0.1)
    drink = np.where(is_gap & (rng.random(n_rows) < 0.8), 2, (smoker ^ (rng.random(n_rows) < 0.1)).astype(int))
    weight = np.where(is_gap, 0.0, 2.0 + size + 0.1 * rng.normal(size=n_rows))
    obs = pd.DataFrame(
        {
            "ward": np.where(ward, "B", "A"),
            "smoker": np.where(smoker, "yes", "no"),
            "drink": np.array(["tea", "wine", "unknown"])[drink],
            "weight is missing": np.where(is_gap, "yes", "no"),
            "clinic": np.where(ward, "south", "north"),
        },
        index=[f"row{i}" for i in range(n_rows)],
    ).astype("category")
    schema = Schema(
        conditions=("ward",),
        categorical_features=("smoker", "drink", "weight is missing", "clinic"),
        gaps=(Gap(column="weight", shown_by="weight is missing", value="yes"),),
    )
    values = np.column_stack([size, weight]).astype(np.float32)
    return Table(values, obs, ("size", "weight"), schema=schema, scale="standardized")
