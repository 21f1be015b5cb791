"""Inputs for condition columns that are numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from tabgenbench import ConfigError, SampleContext, Schema, Table
from tabgenbench_plugins.generators.parts.biology_inputs import BiologyInputs, CovariateRows
from tabgenbench_plugins.generators.parts.cell_covariates import TrainingCells, to_one_hot


def make_cells(ages: list[str], kinds: str, donors: str) -> TrainingCells:
    obs = pd.DataFrame(
        {"kind": list(kinds), "age": ages, "donor": list(donors)}, index=list(map(str, range(len(ages))))
    )
    schema = Schema(conditions=("kind", "age"), batch="donor", per_10k=True)
    counts = sparse.csr_matrix(np.ones((len(ages), 2), dtype=np.float32))
    return TrainingCells.of(Table(counts, obs.astype("category"), ("g1", "g2"), schema, scale="counts"))


CELLS = make_cells(["10", "20", "30", "40"], "aabb", "xyxy")


def test_numbers_are_standardised_and_follow_the_codes_of_categories() -> None:
    inputs = BiologyInputs.fit(CELLS, ["age"])
    asked = pd.DataFrame({"kind": ["b", "z"], "age": ["25", "47.36068"]})
    expected = [[0, 1, 0], [0, 0, 2]]  # mean 25, standard deviation sqrt(125); z is no known kind
    np.testing.assert_allclose(inputs.of(asked).numpy(), expected, atol=1e-6)
    np.testing.assert_array_equal(inputs.of(asked[["kind"]]).numpy()[:, -1], 0)
    again = BiologyInputs.loaded(inputs.saved())
    assert (inputs.size, again.size, again.numbers) == (3, 3, {"age": (25.0, pytest.approx(125**0.5))})


def test_without_numbers_inputs_are_one_hot_codes() -> None:
    inputs = BiologyInputs.fit(CELLS, [])
    codes = to_one_hot(CELLS.biology_codes, CELLS.biology)
    assert torch.equal(inputs.of(CELLS.conditions.frame), codes)
    rows = CovariateRows.of(CELLS, inputs)
    # Each donor has one cell of each kind and two ages; each combination of kind and age has one cell.
    halves = [[0.5, -0.5], [0.5, -0.5], [-0.5, 0.5], [-0.5, 0.5]]
    np.testing.assert_array_equal(rows.biology_left_NI[:, :2], halves)
    np.testing.assert_array_equal(
        rows.biology_left_NI[:, 2:], [[0.5, 0, -0.5, 0], [0, 0.5, 0, -0.5], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]]
    )
    np.testing.assert_array_equal(rows.batch_left_NS, np.zeros((4, 2)))


def test_library_sizes_are_those_of_the_nearest_number_with_equal_categories() -> None:
    inputs, context = BiologyInputs.fit(CELLS, ["age"]), SampleContext(device="cpu", seed=1)
    asked = pd.DataFrame({"kind": ["a", "b", "b"], "age": ["99", "1", "30"]})
    used, found = inputs.asked(asked, CELLS.conditions, context)
    assert used["age"].tolist() == ["20", "30", "30"]
    np.testing.assert_allclose(found[:, -1] * 125**0.5 + 25, [99, 1, 30], rtol=1e-6)
    assert context.notes == ["2 sampled cells have values of 'age' that no training cell has: the priors extrapolate"]


def test_the_batch_is_predicted_from_numbers_within_categories_before_its_residual_is_taken() -> None:
    ages = [str(age) for age in (1, 2, 3, 4, 5, 6, 7, 8)]
    rows = CovariateRows.of(cells := make_cells(ages, "aaaabbbb", "xxyyxxyy"), BiologyInputs.fit(CELLS, ["age"]))
    design = np.column_stack([np.array(list("aaaabbbb")) == "a", np.array(list("aaaabbbb")) == "b", np.arange(8) % 4])
    batch = to_one_hot(cells.batch_codes, cells.batch).numpy()
    expected = batch - design @ np.linalg.lstsq(design.astype(float), batch, rcond=None)[0]
    np.testing.assert_allclose(rows.batch_left_NS.numpy(), expected, atol=1e-6)


def test_columns_that_are_no_numbers_are_named() -> None:
    with pytest.raises(ConfigError, match="'kind' has the value 'a', expected numbers; leave 'kind' out of the option"):
        BiologyInputs.fit(CELLS, ["kind"])
    with pytest.raises(ConfigError, match="continuous='aeg' is no condition column, expected one of kind, age"):
        BiologyInputs.fit(CELLS, ["aeg"])
