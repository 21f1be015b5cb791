from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from tabgenbench import Schema, Table
from tabgenbench.errors import ConfigError, DataError, Unsupported
from tabgenbench.interfaces.checks import check_sample
from tabgenbench.interfaces.generator import FitContext, SampleContext
from tabgenbench.options import make_options
from tabgenbench_datasets.cells_model import CellsConfig, CellsModel
from tabgenbench_datasets.simulated_cells import SimulatedCells
from tabgenbench_datasets.truth_cells import TruthCells

LATENTS = [*(f"z_inv_{i}" for i in range(1, 6)), "z_spur_1", "z_spur_2"]


def simulate(**options: object) -> Table:
    return SimulatedCells(make_options(SimulatedCells.Config, options, where="test")).load()


@pytest.fixture(scope="module")
def cells() -> Table:
    """The table of the default options; no test changes it."""
    return simulate().validate()


def fitted(table: Table) -> TruthCells:
    truth = TruthCells()
    truth.fit(table, None, FitContext(device="cpu", seed=1))
    return truth


def zeros(table: Table) -> float:
    return float(1 - table.X.nnz / (table.n_rows * table.n_features))


def test_counts_are_sparse_and_roles_are_named(cells: Table) -> None:
    assert sparse.isspmatrix_csr(cells.X)
    assert cells.X.shape == (5000, 500)
    assert (cells.X.data == np.rint(cells.X.data)).all()
    assert (cells.scale, cells.schema.per_10k) == ("counts", True)
    assert cells.schema.conditions == ("cell_type", "condition")
    assert (cells.schema.batch, cells.schema.group) == ("donor", "donor")
    assert cells.obs["donor"].nunique() == 6
    assert zeros(cells) == pytest.approx(0.55, abs=0.01)


@pytest.mark.parametrize(("column", "accuracy"), [("donor", 0.76), ("cell_type", 0.83), ("condition", 0.88)])
def test_linear_probes_of_the_true_latents(column: str, accuracy: float, cells: Table) -> None:
    latents, labels = cells.obs[LATENTS].to_numpy(), cells.obs[column].astype(str)
    probe = LogisticRegression(max_iter=500).fit(latents[:3500], labels[:3500])
    assert probe.score(latents[3500:], labels[3500:]) == pytest.approx(accuracy, abs=0.02)


def test_equal_options_give_equal_tables_and_another_seed_others() -> None:
    small = {"n_cells": 200, "n_genes": 20}
    assert simulate(**small).fingerprint() == simulate(**small).fingerprint()
    assert simulate(**small, seed=1).fingerprint() != simulate(**small).fingerprint()


def test_counts_have_the_mean_and_variance_that_the_model_states() -> None:
    model = CellsModel.from_config(CellsConfig(n_genes=8, seed=2))
    n = 40_000
    rng = np.random.default_rng(0)
    one = model.draw_cells(1, rng)
    cells = type(one)(*(np.repeat(value, n, axis=0) for value in vars(one).values()))
    counts = model.draw_counts(cells, rng).toarray().astype(float)
    h = one.invariant + 0.5 * np.tanh(one.invariant @ model.mixing_II)
    eta = np.exp(model.base_G + h @ model.loadings_IG + one.spurious @ model.donor_loadings_SG)[0]
    middle = np.log(900.0) + model.library_K[one.kind[0]] + model.library_D[one.donor[0]]
    mean = np.exp(middle + 0.35**2 / 2) * eta / eta.sum()
    square = mean**2 * np.exp(0.35**2) * (1 + 1 / model.theta_G)  # of the Poisson rate
    assert np.allclose(counts.mean(axis=0), mean, rtol=0.03, atol=0.02)
    assert np.allclose(counts.var(axis=0), mean + square - mean**2, rtol=0.1, atol=0.05)


def test_a_third_condition_and_a_continuous_severity() -> None:
    small = {"n_cells": 2000, "n_genes": 5}
    three, two = simulate(**small, n_conditions=3), simulate(**small)
    assert sorted(three.obs["condition"].unique()) == ["control", "treated", "treated-2"]
    control = [table.obs.loc[table.obs["condition"] == "control", LATENTS].mean() for table in (two, three)]
    assert np.allclose(*control, atol=0.2)
    severe = simulate(**small, severity="continuous")
    assert severe.schema.conditions == ("cell_type", "severity")
    assert sorted(severe.obs["severity"].unique()) == [f"{i / 10:.1f}" for i in range(11)]
    of_type = severe.obs[severe.obs["cell_type"] == "type-1"]
    model = CellsModel.from_config(CellsConfig(n_genes=5))
    level = of_type["severity"].astype(float)
    for i, name in enumerate(LATENTS[:5]):
        assert np.polyfit(level, of_type[name], 1)[0] == pytest.approx(model.shift_CKI[1, 0, i], abs=0.4)
    with pytest.raises(ConfigError, match="n_conditions=3 with severity=continuous, expected one of the two"):
        simulate(n_conditions=3, severity="continuous")


def test_truth_samples_new_cells_of_the_same_distribution(cells: Table) -> None:
    truth = fitted(cells.take(range(50)))
    drawn = truth.sample(cells.conditions, SampleContext(device="cpu", seed=2))
    check_sample(drawn, cells.conditions, like=cells, plugin="truth-cells")
    assert zeros(drawn) == pytest.approx(zeros(cells), abs=0.01)
    totals = [np.median(np.asarray(table.X.sum(axis=1))) for table in (drawn, cells)]
    assert totals[0] == pytest.approx(totals[1], rel=0.05)
    is_type = (cells.obs["cell_type"] == "type-6").to_numpy()
    means = [np.asarray(table.X[is_type].mean(axis=0)).ravel() for table in (drawn, cells)]
    assert np.corrcoef(np.log1p(means))[0, 1] > 0.99
    assert (drawn.X != cells.X).nnz > 0
    few = cells.conditions.iloc[:20]
    first, again, other = (truth.sample(few, SampleContext(device="cpu", seed=seed)).X for seed in (2, 2, 3))
    assert (first != again).nnz == 0
    assert (first != other).nnz > 0


@pytest.mark.parametrize("severity", ["none", "continuous"])
def test_truth_draws_donors_by_type_and_condition_as_the_simulation_does(severity: str) -> None:
    model = CellsModel.from_config(make_options(CellsConfig, {"n_donors": 3, "severity": severity}, where="test"))
    cells = model.draw_cells(60_000, np.random.default_rng(0))
    drawn = model.draw_donors(cells.kind, cells.condition, np.random.default_rng(1))
    group = 2 * cells.kind + cells.condition
    for k in np.unique(group):
        shares = [np.bincount(donor[group == k], minlength=3) / (group == k).sum() for donor in (cells.donor, drawn)]
        np.testing.assert_allclose(*shares, atol=0.04)


def test_truth_samples_each_severity() -> None:
    table = simulate(n_cells=4000, n_genes=30, severity="continuous")
    drawn = fitted(table).sample(table.conditions, SampleContext(device="cpu", seed=2))
    severity, is_type = table.obs["severity"].astype(float).to_numpy(), (table.obs["cell_type"] == "type-1").to_numpy()
    for level in (0.1, 0.5, 0.9):
        rows = is_type & (np.abs(severity - level) < 0.15)
        real, made = (one.dense()[rows].sum(axis=0) / one.dense()[rows].sum() for one in (table, drawn))
        np.testing.assert_allclose(made, real, atol=0.045)  # profiles of other levels differ by 0.04 to 0.1


def test_truth_keeps_the_genes_of_a_split(cells: Table) -> None:
    genes = (cells.features[3], cells.features[7])
    asked = cells.conditions.iloc[:100]
    drawn = fitted(cells.keep_features(genes)).sample(asked, SampleContext(device="cpu", seed=2))
    whole = fitted(cells).sample(asked, SampleContext(device="cpu", seed=2))
    assert drawn.features == genes
    assert (drawn.X != whole.X[:, [3, 7]]).nnz == 0


def test_truth_declines_other_tables(cells: Table, table: Table) -> None:
    with pytest.raises(Unsupported, match="the model behind 'tiny' is not known"):
        fitted(table)
    with pytest.raises(Unsupported, match="and of no other table"):
        TruthCells.supports(Schema(conditions=("cell_type", "condition")), 100, 10)
    TruthCells.supports(cells.schema, 100, 10)
    asked = pd.DataFrame({"cell_type": ["type-1"], "condition": ["treated-2"]})
    with pytest.raises(DataError, match=r"got the condition .*treated-2"):
        fitted(cells).sample(asked, SampleContext(device="cpu", seed=2))
