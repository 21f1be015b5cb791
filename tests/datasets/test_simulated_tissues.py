from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgenbench import Schema, Table, condition_labels
from tabgenbench.errors import ConfigError, DataError, Unsupported
from tabgenbench.interfaces.generator import FitContext, SampleContext
from tabgenbench.options import make_options
from tabgenbench_datasets.simulated_tissues import SimulatedTissues
from tabgenbench_datasets.simulation import Design, SimulationConfig, TissueModel
from tabgenbench_datasets.truth import Truth


def simulate(**options: int) -> Table:
    return SimulatedTissues(SimulatedTissues.Config(**options)).load()


def fitted(table: Table) -> Truth:
    truth = Truth()
    truth.fit(table, None, FitContext(device="cpu", seed=1))
    return truth


@settings(max_examples=20, deadline=None)
@given(
    n_tissues=st.integers(1, 5),
    extra=st.integers(0, 60),
    n_genes=st.integers(2, 20),
    n_modules=st.integers(1, 4),
    seed=st.integers(0, 2**40),
)
def test_any_size_gives_a_valid_table_of_that_size(
    n_tissues: int, extra: int, n_genes: int, n_modules: int, seed: int
) -> None:
    n_rows = max(8, 4 * n_tissues) + extra
    table = simulate(n_rows=n_rows, n_tissues=n_tissues, n_genes=n_genes, n_modules=n_modules, seed=seed).validate()
    assert table.X.shape == (n_rows, n_genes)
    counts = condition_labels(table.conditions).value_counts()
    assert len(counts) == 2 * n_tissues
    assert counts.min() >= 2


def test_equal_options_give_equal_bytes_and_another_seed_others() -> None:
    assert simulate().X.tobytes() == simulate().X.tobytes()
    assert simulate().fingerprint() == simulate().fingerprint()
    assert simulate(seed=1).fingerprint() != simulate().fingerprint()


def test_donors_give_one_row_or_a_tumour_and_its_neighbour() -> None:
    donors = simulate(n_rows=120).obs.groupby("donor", observed=True)
    kinds = donors["status"].agg(lambda status: "+".join(sorted(status))).value_counts()
    assert set(kinds.index) == {"normal", "cancer", "cancer+normal"}
    assert (donors["tissue"].nunique() == 1).all()


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match="n_rows=20 is too few for 10 tissues, expected 40 or more"):
        make_options(SimulatedTissues.Config, {"n_rows": 20, "n_tissues": 10}, where="dataset 'simulated-tissues'")


def test_samples_have_the_mean_and_covariance_that_the_model_states() -> None:
    config = SimulationConfig(n_genes=12, n_modules=3, seed=3)
    model = TissueModel.from_config(config)
    n = 40_000
    for tissue, status in ((0, 0), (2, 1)):
        design = Design(np.full(n, tissue), np.full(n, status), np.arange(n))
        y = np.log2(model.sample(design, np.random.default_rng(0)).astype(np.float64) + 1)
        clear = (y > 0).all(axis=0)  # clipping at 0 changes the moments of the others
        assert clear.sum() >= 6
        assert np.allclose(y.mean(axis=0)[clear], model.mean_TSG[tissue, status][clear], atol=0.05)
        expected = model.covariance(tissue, status)[np.ix_(clear, clear)]
        assert np.allclose(np.cov(y[:, clear].T), expected, atol=0.1)


def test_rows_of_one_donor_are_alike() -> None:
    model = TissueModel.from_config(SimulationConfig(n_genes=60))
    n = 3000
    pairs = Design(np.zeros(2 * n, int), np.zeros(2 * n, int), np.repeat(np.arange(n), 2))
    y = np.log2(model.sample(pairs, np.random.default_rng(0)) + 1)
    y -= y.mean(axis=0)
    shared = (y[::2] * y[1::2]).mean(axis=0) / y.var(axis=0)
    module = 1 - model.sigma_G**2 / np.diag(model.covariance(0, 0))  # share of the variance that modules have
    assert np.allclose(shared, 0.5 * module, atol=0.08)


def test_correlations_differ_between_tissues_more_than_between_samples() -> None:
    first, second = simulate(n_rows=4000), simulate(n_rows=4000)
    truth = fitted(first).sample(second.conditions, SampleContext(device="cpu", seed=5))

    def correlations(table: Table, tissue: str) -> np.ndarray:
        rows = ((table.obs["tissue"] == tissue) & (table.obs["status"] == "normal")).to_numpy()
        return np.corrcoef(np.log2(table.X[rows] + 1).T)[np.triu_indices(table.n_features, 1)]

    same = np.corrcoef(correlations(first, "tissue-1"), correlations(truth, "tissue-1"))[0, 1]
    other = np.corrcoef(correlations(first, "tissue-1"), correlations(truth, "tissue-2"))[0, 1]
    assert same > 0.9
    assert other < 0.8


def test_truth_samples_new_rows_for_the_conditions_in_order() -> None:
    table = simulate()
    truth = fitted(table.take(range(50)))
    asked = table.conditions.iloc[::-1]
    drawn = truth.sample(asked, SampleContext(device="cpu", seed=2)).validate()
    again = fitted(table.take(range(50))).sample(asked, SampleContext(device="cpu", seed=2))
    assert np.array_equal(drawn.X, again.X)
    assert drawn.obs.equals(asked)
    assert (drawn.scale, drawn.features) == ("linear", table.features)
    assert not set(map(bytes, drawn.X)) & set(map(bytes, table.X))


def test_truth_declines_other_tables(table: Table) -> None:
    with pytest.raises(Unsupported, match="truth samples from the model of 'simulated-tissues'"):
        fitted(table)
    with pytest.raises(Unsupported, match="and of no other table"):
        Truth.supports(Schema(conditions=("diagnosis",)), 569, 30)
    assert Truth.supports(simulate().schema, 400, 100) is None


def test_truth_names_a_condition_that_the_simulation_has_not() -> None:
    truth = fitted(simulate())
    asked = pd.DataFrame({"tissue": ["tissue-1", "moon"], "status": ["normal", "normal"]})
    with pytest.raises(DataError, match="moon"):
        truth.sample(asked, SampleContext(device="cpu", seed=2))
