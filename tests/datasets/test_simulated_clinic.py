from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Schema, Table
from tabgenbench.data.file_form import to_frame
from tabgenbench.data.gaps import fill_gaps, medians_at_gaps
from tabgenbench.errors import DataError, Unsupported
from tabgenbench.interfaces.checks import check_sample
from tabgenbench.interfaces.generator import FitContext, SampleContext
from tabgenbench_datasets.clinic_model import CATEGORIES, FEATURES, WARDS, draw_patients
from tabgenbench_datasets.simulated_clinic import SimulatedClinic
from tabgenbench_datasets.truth import Truth


def simulate(**options: int) -> Table:
    return SimulatedClinic(SimulatedClinic.Config(**options)).load()


def draw(ward: str, n: int = 100_000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return many patients of one ward: values before gaps are cut out with the categories, and where gaps are."""
    patients = draw_patients(np.full(n, WARDS.index(ward)), np.random.default_rng(7))
    values = pd.DataFrame(patients.values, columns=list(FEATURES)).join(patients.categories)
    return values, pd.DataFrame(patients.missing, columns=list(FEATURES))


def test_the_table_is_valid_mixed_and_equal_for_equal_options() -> None:
    table = simulate(n_rows=200).validate()
    assert table.n_rows == 200
    assert set(table.schema.categorical_features) >= set(CATEGORIES)
    assert {date.column for date in table.schema.dates} == {"admitted", "discharged", "follow up"}
    assert table.fingerprint() == simulate(n_rows=200).fingerprint() != simulate(n_rows=200, seed=1).fingerprint()


def test_the_smallest_table_has_two_rows_of_every_ward() -> None:
    assert simulate(n_rows=40).obs["ward"].value_counts().min() >= 2


def test_columns_have_the_types_of_a_file() -> None:
    frame = to_frame(simulate())
    assert frame["age"].dtype == np.int64
    assert frame["diabetic"].dtype == bool
    assert frame["cost"].dtype == np.float64
    assert frame["admitted"].str.fullmatch(r"202[23]-\d\d-\d\d").all()
    assert frame["follow up"].isna().to_numpy().tolist() == simulate().is_gap("follow up").tolist()
    assert (pd.to_datetime(frame["discharged"]) > pd.to_datetime(frame["admitted"])).all()


def test_numbers_follow_the_stated_equations() -> None:
    rows, _ = draw("cardiac")
    a, b = rows["age"] - 55, rows["bmi"] - 27
    diabetic, male = (rows["diabetic"] == "True").astype(float), (rows["sex"] == "male").astype(float)
    noise = rows["systolic"] - (135 + 0.45 * a + 0.7 * b + 6 * diabetic)
    assert np.allclose([noise.mean(), noise.std()], [0, 13], atol=0.15)
    noise = rows["cholesterol"] - (200 + 0.6 * a - 0.018 * a**2 + 8 * (1 - male))
    assert np.allclose([noise.mean(), noise.std(), np.corrcoef(noise, a)[0, 1]], [0, 32, 0], atol=0.3)
    noise = np.log(rows["lactate"]) - (0.15 - 0.008 * (rows["systolic"] - 126))
    assert np.allclose([noise.mean(), noise.std()], [0, 0.3], atol=0.01)
    stay = rows["discharged"] - rows["admitted"]
    noise = np.log(rows["cost"]) - (7.5 + 0.55 * np.log(stay) + 0.2 * diabetic)
    assert np.allclose([noise.mean(), noise.std()], [0, 0.25], atol=0.01)
    assert np.isclose(((stay - 1) / np.exp(1.4 + 0.012 * a + 0.3 * diabetic)).mean(), 1, atol=0.02)


def test_categories_follow_the_stated_logits() -> None:
    rows, _ = draw("intensive")
    a, stay = rows["age"] - 55, rows["discharged"] - rows["admitted"]
    odds = np.exp(
        [0 * a, -2.6 + 0.03 * a + 0.06 * stay, -4.6 + 0.05 * a + 1.1 * np.log(rows["lactate"])], dtype=np.float64
    )
    expected = (odds / odds.sum(axis=0)).mean(axis=1)
    found = rows["outcome"].value_counts(normalize=True)[list(CATEGORIES["outcome"])]
    assert np.allclose(found, expected, atol=0.005)
    assert np.allclose(rows["blood group"].value_counts(normalize=True)[["O+", "AB-"]], [0.37, 0.01], atol=0.005)


def test_gaps_depend_on_other_columns_as_stated() -> None:
    rows, gaps = draw("surgical")
    expected = 1 / (1 + np.exp(-(-0.1 - 0.04 * (rows["age"] - 55))))
    young = rows["age"] < 40
    assert np.isclose(gaps["cholesterol"][young].mean(), expected[young].mean(), atol=0.02)
    assert gaps["cholesterol"][young].mean() > 2 * gaps["cholesterol"][rows["age"] > 65].mean()
    assert gaps["follow up"][rows["outcome"] == "died"].all()
    assert not gaps["follow up"].all()
    assert gaps["lactate"].mean() > 2 * draw("intensive")[1]["lactate"].mean()
    assert not gaps[["age", "bmi", "systolic", "visits", "admitted", "discharged", "cost"]].any(axis=None)
    assert (rows["smoker"] == "missing").mean() == pytest.approx(0.06, abs=0.03)


def fitted(table: Table) -> tuple[Truth, Table]:
    train = fill_gaps(table, medians_at_gaps(table))
    truth = Truth()
    truth.fit(train, None, FitContext(device="cpu", seed=1))
    return truth, train


def test_truth_samples_new_patients_for_the_wards_in_order() -> None:
    truth, train = fitted(simulate())
    asked = train.conditions.iloc[::-1]
    drawn = truth.sample(asked, SampleContext(device="cpu", seed=2))
    again = truth.sample(asked, SampleContext(device="cpu", seed=2))
    assert np.array_equal(drawn.X, again.X)
    assert drawn.categories.equals(again.categories)
    checked = check_sample(drawn, asked, like=train, plugin="truth")
    assert checked.obs["ward"].tolist() == asked["ward"].tolist()
    assert not set(checked.X[:, FEATURES.index("cost")]) & set(train.X[:, FEATURES.index("cost")])


def test_truth_draws_from_the_distribution_of_the_table() -> None:
    truth, train = fitted(simulate(n_rows=20_000))
    sample = truth.sample(train.conditions, SampleContext(device="cpu", seed=2))
    drawn, real = to_frame(check_sample(sample, train.conditions, like=train, plugin="truth")), to_frame(train)
    assert np.allclose(drawn.isna().mean(), real.isna().mean(), atol=0.015)
    for name in ("smoker", "outcome", "blood group"):
        shares = [frame[name].value_counts(normalize=True) for frame in (drawn, real)]
        assert np.allclose(shares[0][shares[1].index], shares[1], atol=0.02)
    numbers = ["age", "bmi", "systolic", "cholesterol", "lactate", "cost"]
    assert np.allclose(drawn[numbers].corr(), real[numbers].corr(), atol=0.05)


def test_truth_makes_no_category_that_the_training_rows_lack() -> None:
    table = simulate(n_rows=300)
    rare = table.obs["blood group"].isin(["AB-", "B-", "AB+"]) | (table.obs["smoker"] == "missing")
    truth, train = fitted(table.take(np.nonzero(~rare.to_numpy())[0]))
    asked = pd.concat([train.conditions] * 10, ignore_index=True).set_axis([f"n{i}" for i in range(10 * train.n_rows)])
    drawn = truth.sample(asked, SampleContext(device="cpu", seed=2))
    assert set(drawn.obs["blood group"]) == {"O+", "A+", "B+", "O-", "A-"}
    assert "missing" not in set(drawn.obs["smoker"])


def test_truth_declines_other_tables_of_wards_and_unknown_wards() -> None:
    schema = Schema(conditions=("ward",))
    other = Table(
        np.zeros((1, 1), np.float32), pd.DataFrame({"ward": pd.Categorical(["A"])}, index=["r"]), ("x",), schema
    )
    with pytest.raises(Unsupported, match=r"truth samples from the model of .* 'simulated-clinic'; the model behind"):
        fitted(other)
    truth, _ = fitted(simulate(n_rows=40))
    with pytest.raises(DataError, match=r"moon.*expected a ward of the simulation"):
        truth.sample(pd.DataFrame({"ward": ["moon"]}), SampleContext(device="cpu", seed=2))
