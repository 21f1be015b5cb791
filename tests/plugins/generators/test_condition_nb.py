from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tabgenbench import FitContext, SampleContext, Schema, Table, Unsupported, check_generator, failures
from tabgenbench.interfaces.checks import check_sample
from tabgenbench_plugins.generators.condition_nb import ConditionNB

N = 4000
G = 60  # genes; many, because the library size of a cell is the sum of its counts
SHARES = {kind: np.r_[np.random.default_rng(i).dirichlet(np.full(G - 1, 5.0)), 0.0] for i, kind in enumerate("ab")}
DISPERSION = np.resize([0.0, 0.3, 1.0, 2.0], G)


def make_cells(n: int = N, *, seed: int = 0) -> Table:
    """Cells of types a and b with libraries of 300 to 900, from the model that the control estimates."""
    rng = np.random.default_rng(seed)
    kinds = np.array(["a", "b"])[np.arange(n) % 2]
    rate = np.stack([SHARES[kind] for kind in kinds]) * rng.integers(300, 900, n)[:, None]
    varies = DISPERSION > 0
    rate[:, varies] *= rng.gamma(1 / DISPERSION[varies], DISPERSION[varies], (n, varies.sum()))
    obs = pd.DataFrame({"kind": pd.Categorical(kinds)}, index=[f"c{i}" for i in range(n)])
    counts = sparse.csr_matrix(rng.poisson(rate), dtype=np.float32)
    names = tuple(f"g{j}" for j in range(G))
    return Table(counts, obs, names, Schema(conditions=("kind",), per_10k=True), scale="counts")


@pytest.fixture(scope="module")
def cells() -> Table:
    """4,000 cells; no test changes them."""
    return make_cells()


def fitted(table: Table, **options: Any) -> ConditionNB:
    generator = ConditionNB(ConditionNB.Config(**options))
    generator.fit(table, None, FitContext(device="cpu", seed=1))
    return generator


def sampled(generator: ConditionNB, asked: pd.DataFrame, *, seed: int = 2) -> tuple[Table, SampleContext]:
    context = SampleContext(device="cpu", seed=seed)
    return generator.sample(asked, context), context


def test_counts_are_whole_sparse_and_as_asked(cells: Table) -> None:
    asked = cells.conditions.iloc[::-1]
    made, _ = sampled(fitted(cells), asked)
    checked = check_sample(made, asked, like=cells, plugin="condition-nb")
    assert sparse.isspmatrix_csr(checked.X)
    assert checked.scale == "counts"
    assert (checked.X.data >= 0).all()
    assert (checked.X.data == np.rint(checked.X.data)).all()
    again, _ = sampled(fitted(cells), asked)
    assert (again.X != made.X).nnz == 0
    other, _ = sampled(fitted(cells), asked, seed=3)
    assert (other.X != made.X).nnz > 0


@pytest.mark.parametrize("kind", ["a", "b"])
def test_moments_of_the_condition_are_those_of_the_training_cells(kind: str, cells: Table) -> None:
    made, _ = sampled(fitted(cells), cells.conditions)
    of_kind = (cells.obs["kind"] == kind).to_numpy()
    real, drawn = (table.dense()[of_kind].astype(float) for table in (cells, made))
    np.testing.assert_allclose(drawn.mean(axis=0), real.mean(axis=0), rtol=0.15)
    ratios = np.log(drawn.var(axis=0)[:-1] / real.var(axis=0)[:-1])
    # In the training cells, a gene and the library size are correlated, because the library contains the gene.
    assert np.median(ratios) == pytest.approx(0, abs=0.08)
    assert np.abs(ratios).max() < 0.4
    assert (drawn[:, -1] == 0).all()
    assert np.median(drawn.sum(axis=1)) == pytest.approx(np.median(real.sum(axis=1)), rel=0.05)


def test_library_sizes_are_those_of_cells_of_the_condition(cells: Table) -> None:
    counts = cells.dense().copy()
    counts[(cells.obs["kind"] == "a").to_numpy()] *= 10
    table = replace(cells, X=sparse.csr_matrix(counts))
    made, _ = sampled(fitted(table), cells.conditions)
    of_a = (cells.obs["kind"] == "a").to_numpy()
    ratio = made.dense()[of_a].sum(axis=1).mean() / made.dense()[~of_a].sum(axis=1).mean()
    assert ratio == pytest.approx(counts[of_a].sum() / counts[~of_a].sum(), rel=0.05)


def test_a_dense_table_gives_the_same_cells(cells: Table) -> None:
    asked = cells.conditions.iloc[:50]
    made = [sampled(fitted(table), asked)[0].dense() for table in (cells, replace(cells, X=cells.dense()))]
    np.testing.assert_array_equal(*made)


def test_a_rare_condition_uses_pooled_dispersions_and_an_unseen_one_the_nearest() -> None:
    table = make_cells(60)
    few = table.take(np.r_[0:60:2, 1:7:2])  # 30 cells of a, 3 of b
    asked = few.conditions.iloc[-3:]
    made, context = sampled(fitted(few), asked)
    assert made.n_rows == 3
    rule = "pooled dispersion, as the condition has 3 training rows"
    assert [(one.condition, one.rows, one.rule) for one in context.fallbacks] == [("kind=b", 3, rule)]
    assert not sampled(fitted(few, min_rows=2), asked)[1].fallbacks
    _, context = sampled(fitted(few), pd.DataFrame({"kind": ["c"]}))
    assert context.fallbacks[0].rule == "nearest known condition: kind=a"


def test_cells_without_counts_give_cells_without_counts(cells: Table) -> None:
    empty = replace(cells.take(range(20)), X=sparse.csr_matrix((20, G), dtype=np.float32))
    made, _ = sampled(fitted(empty), empty.conditions)
    assert made.X.nnz == 0


def test_the_shipped_kit_finds_nothing() -> None:
    checks = check_generator(ConditionNB)
    assert failures(checks) == []
    assert len(checks) == 9


def test_other_tables_are_declined(make_table: Callable[..., Table]) -> None:
    with pytest.raises(Unsupported, match="the table is not one of counts with per_10k = true"):
        ConditionNB.supports(make_table().schema, 60, 5)
    ConditionNB.supports(Schema(per_10k=True), 60, 5)


@pytest.mark.slow
def test_a_large_sparse_table_needs_no_dense_copy() -> None:
    import tracemalloc

    counts = sparse.random(20_000, 2_000, 0.01, format="csr", random_state=0, dtype=np.float32)
    counts.data = np.ceil(counts.data * 3)
    obs = pd.DataFrame(index=[f"c{i}" for i in range(20_000)])
    table = Table(counts, obs, tuple(f"g{j}" for j in range(2_000)), Schema(per_10k=True), scale="counts")
    tracemalloc.start()
    made, _ = sampled(fitted(table), obs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.X.nnz > 0
    assert peak < 20_000 * 2_000 * 4  # bytes of a dense copy
