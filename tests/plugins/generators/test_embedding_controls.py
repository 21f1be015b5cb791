"""Embeddings of the controls of integration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import FitContext, Schema, Table, Unsupported
from tabgenbench_plugins.generators.harmony import Harmony
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
