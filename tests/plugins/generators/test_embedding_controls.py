"""Embeddings of the controls of integration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tabgenbench import FitContext, SampleContext, Schema, Table, Unsupported, check_generator, failures
from tabgenbench_plugins import EMBEDDING_CONTROLS
from tabgenbench_plugins.generators.batch_leaker import BatchLeaker
from tabgenbench_plugins.generators.harmony import Harmony
from tabgenbench_plugins.generators.library_halver import LibraryHalver
from tabgenbench_plugins.generators.over_corrector import OverCorrector
from tabgenbench_plugins.generators.pca import PCA
from tabgenbench_plugins.generators.random_embedding import RandomEmbedding


def table_of(n: int = 200, shift: float = 6.0) -> Table:
    """Two types that differ in one direction, two batches that differ in another."""
    rng = np.random.default_rng(5)
    kind, batch = np.arange(n) % 2, (np.arange(n) // 2) % 2
    values = rng.normal(size=(n, 12)) * 0.3
    values[:, :3] += 4.0 * kind[:, None]
    values[:, 3:6] += shift * batch[:, None]
    obs = pd.DataFrame({"type": np.array(["B", "T"])[kind], "site": np.array(["x", "y"])[batch]}, dtype="category")
    obs.index = pd.Index([f"row{i}" for i in range(n)])
    schema = Schema(conditions=("type",), batch="site")
    return Table(values.astype(np.float32), obs, tuple(f"g{j}" for j in range(12)), schema=schema, scale="standardized")


def fitted(kind: Any, table: Table, **options: Any) -> Any:
    model = kind(kind.Config(**options))
    model.fit(table, None, FitContext(seed=3, device="cpu"))
    return model


@pytest.mark.parametrize("lazy", EMBEDDING_CONTROLS, ids=lambda lazy: lazy.name)
def test_the_shipped_kit_finds_nothing(lazy: Any) -> None:
    if lazy.lacks:
        pytest.skip(lazy.lacks)
    assert failures(check_generator(lazy.load())) == []


def test_pca_has_the_components_of_the_training_rows() -> None:
    table = table_of()
    z = fitted(PCA, table, components=2).embed(table)["latent"]
    centred = table.dense() - table.dense().mean(axis=0)
    u, s, _ = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(np.abs(z), np.abs(u[:, :2] * s[:2]), atol=1e-3)


def test_pca_leaves_out_the_library_size() -> None:
    table = table_of()
    library = np.linspace(-50, 50, table.n_rows, dtype=np.float32)
    counts = replace(
        table,
        X=np.column_stack([table.dense(), library]),
        features=(*table.features, "log library size"),
        schema=table.schema.model_copy(update={"per_10k": True}),
    )
    same = fitted(PCA, counts, components=3).embed(counts)["latent"]
    np.testing.assert_array_equal(same, fitted(PCA, table, components=3).embed(table)["latent"])


def test_noise_does_not_depend_on_the_rows() -> None:
    table = table_of()
    z = fitted(RandomEmbedding, table, dimensions=4).embed(table)["latent"]
    assert z.shape == (200, 4)
    other = fitted(RandomEmbedding, table_of(shift=0.0), dimensions=4).embed(table_of(shift=0.0))["latent"]
    np.testing.assert_array_equal(z, other)


def test_harmony_removes_the_batch_and_keeps_the_type() -> None:
    pytest.importorskip("harmonypy")
    table = table_of(shift=2.0)
    model = fitted(Harmony, table, components=4)
    before, after = PCA.embed(model, table)["latent"], model.embed(table)["latent"]
    batch, kind = (table.obs[name].cat.codes.to_numpy() for name in ("site", "type"))

    def gap(z: Any, codes: Any) -> float:
        return float(np.linalg.norm(z[codes == 0].mean(axis=0) - z[codes == 1].mean(axis=0)))

    assert gap(after, batch) < 0.3 * gap(before, batch)
    assert gap(after, kind) > 0.8 * gap(before, kind)


def test_harmony_needs_a_batch() -> None:
    with pytest.raises(Unsupported, match="no batch column"):
        Harmony.supports(Schema(conditions=("type",)), 10, 10)


def test_batch_leaker_adds_a_dimension_for_each_batch() -> None:
    table = table_of()
    z = fitted(BatchLeaker, table, components=2).embed(table)["latent"]
    np.testing.assert_array_equal(z[:, :2], fitted(PCA, table, components=2).embed(table)["latent"])
    leaked = z[:, 2:] / (2 * z[:, 0].std())
    np.testing.assert_allclose(leaked, np.eye(2)[table.obs["site"].cat.codes], atol=1e-5)
    with pytest.raises(Unsupported, match="no batch column"):
        BatchLeaker.supports(Schema(conditions=("type",)), 10, 10)


def test_over_corrector_merges_the_condition_and_keeps_the_batch() -> None:
    table = table_of()
    before, after = (fitted(kind, table, components=4).embed(table)["latent"] for kind in (PCA, OverCorrector))
    batch, kind = (table.obs[name].cat.codes.to_numpy() for name in ("site", "type"))
    gaps = [np.linalg.norm(z[kind == 0].mean(axis=0) - z[kind == 1].mean(axis=0)) for z in (before, after)]
    assert gaps[1] < 1e-3 * gaps[0]
    gaps = [np.linalg.norm(z[batch == 0].mean(axis=0) - z[batch == 1].mean(axis=0)) for z in (before, after)]
    assert gaps[1] > 0.9 * gaps[0]
    with pytest.raises(Unsupported, match="'kind' is no condition column, expected one of type"):
        fitted(OverCorrector, table, column="kind")


def test_library_halver_halves_the_molecules() -> None:
    table = table_of()
    counts = np.random.default_rng(0).poisson(20, size=(200, 12)).astype(np.float32)
    schema = table.schema.model_copy(update={"per_10k": True})
    cells = replace(table, X=sparse.csr_matrix(counts), schema=schema, scale="counts")
    made = fitted(LibraryHalver, cells).sample(cells.conditions, SampleContext(seed=1, device="cpu", draw=0))
    assert made.X.sum() / counts.sum() == pytest.approx(0.5, abs=0.02)
    assert np.array_equal(made.dense(), np.rint(made.dense()))
    with pytest.raises(Unsupported, match="not one of counts"):
        LibraryHalver.supports(Schema(conditions=("type",)), 10, 10)
