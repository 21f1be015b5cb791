"""`scvi` and `scanvi`: counts from the prior, codes of covariates, labels, embeddings, and models that are saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tabgenbench import (
    ConfigError,
    FitContext,
    Generator,
    SampleContext,
    Schema,
    Table,
    Unsupported,
    check_generator,
    failures,
)
from tabgenbench.interfaces.checks import check_sample
from tabgenbench_plugins import GENERATORS
from tabgenbench_plugins.generators.parts.count_moments import pooled_dispersion
from tabgenbench_plugins.generators.scanvi import SCANVI
from tabgenbench_plugins.generators.scvi import SCVI

LACKS = next(one.lacks for one in GENERATORS if one.name == "scvi")
needs_package = pytest.mark.skipif(bool(LACKS), reason=LACKS)
G = 24
SMALL: dict[str, Any] = {"epochs": 12, "hidden": 16, "latent": 3, "batch_size": 32, "learning_rate": 1e-2}


def make_cells(n: int = 240) -> Table:
    """Cells of three types, untreated and treated, of two donors.

    Type j has ten times the counts in genes 4j to 4j + 3, treatment five times in genes 12 to 17. The columns are named
    such that the alphabetical order is not that of the schema, and so are the types.
    """
    rng = np.random.default_rng(0)
    kind, treated, donor = np.arange(n) % 3, np.arange(n) // 3 % 2, np.arange(n) // 6 % 2
    rate = np.ones((n, G))
    for j in range(3):
        rate[kind == j, 4 * j : 4 * j + 4] = 10.0
    rate[treated == 1, 12:18] = 5.0
    rate *= (rng.integers(200, 400, n) * (1 + treated) / rate.sum(axis=1))[:, None] * rng.gamma(9.0, 1 / 9, (n, G))
    columns = {
        "treatment": np.array(["no", "yes"])[treated],
        "kind": np.array(["c", "a", "b"])[kind],
        "donor": np.array(["d1", "d2"])[donor],
    }
    obs = pd.DataFrame(columns, index=[f"c{i}" for i in range(n)]).astype("category")
    schema = Schema(conditions=("treatment", "kind"), batch="donor", per_10k=True)
    names = tuple(f"g{j}" for j in range(G))
    return Table(sparse.csr_matrix(rng.poisson(rate), dtype=np.float32), obs, names, schema, scale="counts")


def fitted(kind: type[SCVI], table: Table, **options: Any) -> Any:
    extra = {"label_epochs": 8, "label_column": "kind"} if kind is SCANVI else {}
    model = kind(kind.Config(**{**SMALL, **extra, **options}))
    context = FitContext(device="cpu", seed=1)
    model.fit(table, None, context)
    curve = context.curve
    assert [one.epoch for one in curve] == list(range(1, curve[-1].of + 1))
    assert all(np.isfinite(list(one.losses.values())).all() for one in curve)
    return model


def sampled(model: Generator, asked: pd.DataFrame) -> tuple[Table, SampleContext]:
    context = SampleContext(device="cpu", seed=2)
    return model.sample(asked, context), context


@pytest.fixture(scope="module")
def cells() -> Table:
    """240 cells; no test changes them."""
    return make_cells()


@pytest.fixture(scope="module", params=[SCVI, SCANVI], ids=["scvi", "scanvi"])
def model(request: pytest.FixtureRequest, cells: Table) -> Iterator[Any]:
    """A trained model of each kind; no test changes it."""
    if LACKS:
        pytest.skip(LACKS)
    return fitted(request.param, cells)


def test_the_dispersion_is_that_of_the_counts_within_conditions() -> None:
    rng, n = np.random.default_rng(0), 20_000
    group, library, spread = np.arange(n) % 2, rng.integers(500, 1500, n), np.array([0.25, 1.0, 0.0])
    share = np.array([[0.1, 0.3, 0.6], [0.3, 0.1, 0.6]])[group]
    gamma = np.stack([rng.gamma(1 / a, a, n) if a else np.ones(n) for a in spread], axis=1)
    # The library size is the sum of the counts, so a fourth gene with most counts keeps it near the wanted one.
    counts = np.column_stack([rng.poisson(library[:, None] * share * gamma), 100 * library])
    found = pooled_dispersion(sparse.csr_matrix(counts, dtype=np.float32), group)
    np.testing.assert_allclose(found[:3], [0.25, 1.0, 0.02], atol=0.03)  # 0.02 is the least


@pytest.mark.parametrize("kind", [SCVI, SCANVI])
def test_tables_that_the_model_cannot_use_are_declined(kind: type[SCVI]) -> None:
    counts = Schema(conditions=("kind",), per_10k=True)
    with pytest.raises(Unsupported, match="not one of counts with per_10k"):
        kind.supports(Schema(conditions=("kind",)), 100, 10)
    with pytest.raises(Unsupported, match="1 training cells, expected at least 2"):
        kind.supports(counts, 1, 10)
    kind.supports(counts, 2, 10)
    assert 1e6 < (kind(kind.Config()).estimate_memory(counts, 5_000, 2_000) or 0) < 1e9


def test_scanvi_needs_a_label() -> None:
    with pytest.raises(Unsupported, match="needs a condition column as label"):
        SCANVI.supports(Schema(per_10k=True), 100, 10)


@needs_package
@pytest.mark.parametrize("kind", [SCVI, SCANVI])
def test_the_contract_kit_finds_nothing(kind: type[SCVI]) -> None:
    extra = {"label_epochs": 1} if kind is SCANVI else {}
    checks = check_generator(kind, epochs=2, hidden=8, latent=2, **extra)
    assert failures(checks) == []
    assert len(checks) == 11  # with that of saved models and that of embeddings


def test_counts_are_whole_sparse_and_as_asked(model: Any, cells: Table) -> None:
    asked = cells.conditions.iloc[::-1]
    made = check_sample(sampled(model, asked)[0], asked, like=cells, plugin=model.name)
    assert sparse.isspmatrix_csr(made.X)
    assert made.scale == "counts"
    assert (made.X.data > 0).all()
    assert (made.X.data == np.rint(made.X.data)).all()


def test_each_condition_has_its_own_profile_and_library(model: Any, cells: Table) -> None:
    """A wrong order of covariates or codes would give the profile of another condition."""
    made, _ = sampled(model, cells.conditions)
    labels = cells.conditions.agg(" ".join, axis=1).to_numpy(dtype=str)
    names = np.unique(labels)
    real, drawn = (np.stack([x[labels == one].mean(axis=0) for one in names]) for x in (cells.dense(), made.dense()))
    np.testing.assert_allclose(drawn.sum(axis=1), real.sum(axis=1), rtol=0.12)
    nearest = np.corrcoef(real, drawn)[: len(names), len(names) :].argmax(axis=1)
    assert nearest.tolist() == list(range(len(names)))


@needs_package
def test_an_unseen_combination_gets_the_effects_of_its_values(cells: Table) -> None:
    lacking = ~((cells.obs["kind"] == "c") & (cells.obs["treatment"] == "yes")).to_numpy()
    model = fitted(SCVI, cells.take(np.flatnonzero(lacking)), epochs=40)
    asked = pd.DataFrame({"treatment": ["yes"] * 100, "kind": ["c"] * 100})
    made, context = sampled(model, asked)
    profile = made.dense().sum(axis=0) / made.X.sum()
    assert profile[:4].sum() > 2 * profile[4:8].sum()  # genes of type c
    assert profile[12:18].mean() > 2 * profile[18:].mean()  # genes of treatment
    assert any("treatment=yes, kind=c" in note for note in context.notes)


@needs_package
def test_scanvi_predicts_its_label_alone(cells: Table) -> None:
    model = fitted(SCANVI, cells, covariates="batch")
    unlabelled = cells.take(range(cells.n_rows))
    found = model.predict(unlabelled, "kind")
    assert (found == cells.obs["kind"].astype(str).to_numpy()).mean() > 0.95
    with pytest.raises(Unsupported, match="predicts its label 'kind', not 'treatment'"):
        model.predict(cells, "treatment")
    with pytest.raises(Unsupported, match="sampling needs covariates=biology"):
        sampled(model, cells.conditions)


@needs_package
def test_a_wrong_label_is_named(cells: Table) -> None:
    with pytest.raises(ConfigError, match=r"label_column='kin' is no condition column, .* did you mean 'kind'\?"):
        fitted(SCANVI, cells, label_column="kin")


@needs_package
def test_latents_contain_biology_only_without_it_in_the_decoder(cells: Table) -> None:
    shares = []
    for covariates in ("batch", "biology"):
        z = fitted(SCVI, cells, covariates=covariates, epochs=40).embed(cells)["latent"].astype(np.float64)
        kind = cells.obs["kind"].to_numpy()
        means = np.stack([z[kind == one].mean(axis=0) for one in np.unique(kind)])
        shares.append(means.var(axis=0).sum() / z.var(axis=0).sum())
    assert shares[0] > 0.5 > 3 * shares[1]


@needs_package
def test_zero_inflation_and_the_packages_own_start(cells: Table) -> None:
    made, _ = sampled(fitted(SCVI, cells, likelihood="zinb", start="package"), cells.conditions)
    assert made.X.sum() == pytest.approx(cells.X.sum(), rel=0.2)


def test_a_loaded_model_samples_and_embeds_like_the_saved_one(model: Any, cells: Table, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded = type(model).load(tmp_path, model.config, template=cells.take([]), device="cpu")
    first, other = (sampled(one, cells.conditions)[0].X for one in (model, loaded))
    assert (first != other).nnz == 0
    np.testing.assert_array_equal(model.embed(cells)["latent"], loaded.embed(cells)["latent"])


# generator: (correlation of gene means, variance ratio of log counts, share of zeros)
GOLDEN = {"scvi": (0.95644, 0.69095, 0.0041667), "scanvi": (0.9305, 0.88991, 0.014236)}


def test_scores_are_those_of_the_golden_table(model: Any, cells: Table) -> None:
    real, made = cells.dense().astype(np.float64), sampled(model, cells.conditions)[0].dense().astype(np.float64)
    logs = np.log1p(real), np.log1p(made)
    found = (np.corrcoef(real.mean(axis=0), made.mean(axis=0))[0, 1], logs[1].var() / logs[0].var(), (made == 0).mean())
    print(f'"{model.name}": ({", ".join(f"{x:.5g}" for x in found)}),')
    assert found == pytest.approx(GOLDEN[model.name], rel=5e-3, abs=5e-4)
