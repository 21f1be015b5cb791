"""Privacy metrics on planted leaks and on independent rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import Evaluation, Metric, MetricContext, Result, Schema, Table, Transform, Unsupported
from tabgenbench_plugins.metrics import membership as module
from tabgenbench_plugins.metrics.attribute_inference import AttributeInference
from tabgenbench_plugins.metrics.closest_record import ClosestRecord
from tabgenbench_plugins.metrics.mahalanobis_membership import MahalanobisMembership, ridge_distances
from tabgenbench_plugins.metrics.membership import Membership
from tabgenbench_plugins.metrics.parts.neighbours import nearest

N, P = 150, 8
Values = np.ndarray[Any, Any]


def numeric(values: Values, donors: Values | None = None) -> Table:
    values = np.asarray(values, dtype=np.float32)
    obs = pd.DataFrame({"c": np.where(np.arange(len(values)) % 2, "a", "b")})
    if donors is not None:
        obs["d"] = donors.astype(str)
    obs.index = pd.Index([f"r{i}" for i in range(len(obs))])
    schema = Schema(conditions=("c",), group=None if donors is None else "d")
    names = tuple(f"g{j}" for j in range(values.shape[1]))
    return Table(values, obs.astype("category"), names, schema, scale="standardized")


def draw(seed: int, n: int = N, p: int = P) -> Values:
    return np.random.default_rng(seed).normal(size=(n, p))


def score(metric: Metric, train: Table, test: Table, synthetic: Table, reference: Table | None = None) -> Result:
    transform = Transform(np.zeros(train.n_features), np.ones(train.n_features), "linear", False)
    return metric.compute(Evaluation(train, test, synthetic, transform, reference=reference), MetricContext(seed=0))


def copier(seed: int = 9) -> Table:
    noise = 1e-2 * draw(seed, 5 * N)
    return numeric(np.tile(draw(0), (5, 1)) + noise)


def test_closest_record_of_rows_on_a_line() -> None:
    """Training rows 0, 10, ...; hold-out rows 4, 14, ...; synthetic rows at 1 (closer to 0), at 4 and at 0."""
    train, test = (numeric(10.0 * np.arange(20)[:, None] + shift) for shift in (0.0, 4.0))
    made = numeric([[1.0], [4.0], [0.0], [11.0]])
    result = score(ClosestRecord(), train, test, made)
    assert result.scores == pytest.approx(
        {
            "share-closer-to-train": 0.75,
            "closest-distance-ratio": 1.0 / 3.0,  # medians of 1, 4, 0, 1 and of 3, 0, 4, 3
            "nndr-gap": (3 / 13 + 0 + 4 / 14 + 3 / 7) / 4 - (1 / 9 + 4 / 6 + 0 + 1 / 9) / 4,
            "exact-copies": 0.0,  # one equals a training row, one a hold-out row
            "near-copies": 0.0,  # within 4: all four of both
        }
    )


def test_a_row_between_both_sides_counts_half() -> None:
    train, test = (numeric(10.0 * np.arange(20)[:, None] + shift) for shift in (0.0, 4.0))
    found = score(ClosestRecord(), train, test, numeric([[2.0], [12.0], [1.0], [3.0]])).scores
    assert found["share-closer-to-train"] == 0.5
    assert score(ClosestRecord(), train, test, numeric([[2.0], [1.0]])).scores["share-closer-to-train"] == 0.75


def test_closest_record_finds_planted_copies() -> None:
    train, test = numeric(draw(0)), numeric(draw(1))
    found = score(ClosestRecord(), train, test, copier()).scores
    assert found["share-closer-to-train"] == 1.0
    assert found["near-copies"] > 0.9
    assert found["closest-distance-ratio"] < 0.05
    assert found["nndr-gap"] > 0.7
    assert found["exact-copies"] == 0.0
    assert score(ClosestRecord(), train, test, train).scores["exact-copies"] == 1.0


def test_closest_record_of_independent_rows_finds_no_memory() -> None:
    found = score(ClosestRecord(), numeric(draw(0)), numeric(draw(1)), numeric(draw(2, 5 * N))).scores
    assert found["share-closer-to-train"] == pytest.approx(0.5, abs=0.06)
    assert found["closest-distance-ratio"] == pytest.approx(1.0, abs=0.05)
    assert found["nndr-gap"] == pytest.approx(0.0, abs=0.02)
    assert found["near-copies"] == pytest.approx(0.0, abs=0.03)


def test_more_training_rows_than_hold_out_rows_are_no_leak() -> None:
    found = score(ClosestRecord(), numeric(draw(0, 6 * N)), numeric(draw(1)), numeric(draw(2, 5 * N)))
    assert found.scores["share-closer-to-train"] == pytest.approx(0.5, abs=0.06)
    assert "uses 150 of 900 training rows and 150 of 150 test rows" in found.notes[0]


def test_thinning_is_said_and_changes_a_share_by_its_error() -> None:
    train, test, made = numeric(draw(0)), numeric(draw(1)), numeric(draw(2, 1500))
    whole = score(ClosestRecord(), train, test, made).scores["share-closer-to-train"]
    part = score(ClosestRecord(ClosestRecord.Config(max_rows=400)), train, test, made)
    assert part.scores["share-closer-to-train"] == pytest.approx(whole, abs=0.075)
    assert part.notes[0] == (
        "distances of 400 of 1,500 synthetic rows, drawn at random (option max_rows); standard error of "
        "share-closer-to-train at most 0.0250"
    )


def test_fewer_synthetic_rows_are_compared_if_there_are_many_pairs() -> None:
    """400 synthetic rows and 2 x 150 real rows are 120,000 distances."""
    tables = numeric(draw(0)), numeric(draw(1)), numeric(draw(2, 1500))
    part, same = (
        score(ClosestRecord(ClosestRecord.Config(**options)), *tables)
        for options in ({"max_pairs": 120_100}, {"max_rows": 400})
    )
    assert part.scores == same.scores
    assert part.notes[0] == same.notes[0].replace("max_rows", "max_pairs")
    every = score(ClosestRecord(ClosestRecord.Config(max_pairs=1500 * 2 * N)), *tables)
    assert (every.scores, every.notes) == (score(ClosestRecord(), *tables).scores, ())


def test_standard_errors_of_a_subsample_are_those_of_repeated_draws() -> None:
    """The bootstrap and the formula are compared with the spread of scores over 40 sets of synthetic rows."""
    train, test = numeric(draw(0)), numeric(draw(1))
    names = ("nndr-gap", "exact-copies", "near-copies", "closest-distance-ratio")
    values = [
        [score(ClosestRecord(), train, test, numeric(draw(seed, 200))).scores[name] for name in names]
        for seed in range(100, 140)
    ]
    note = score(ClosestRecord(ClosestRecord.Config(max_rows=200)), train, test, numeric(draw(2, 1500))).notes[1]
    errors = [float(part.rsplit(" ", 1)[1]) for part in note.split(", ")]
    assert errors == pytest.approx(np.std(values, axis=0), rel=0.4)


def test_membership_finds_planted_copies() -> None:
    reference = numeric(draw(3))
    found = score(Membership(), numeric(draw(0)), numeric(draw(1)), copier(), reference).scores
    assert found["nearest-auc"] > 0.999
    assert found["nearest-tpr"] > 0.99
    assert found["domias-auc"] > 0.999
    assert found["discriminator-auc"] > 0.7


def test_fewer_rows_are_attacked_if_there_are_many_pairs() -> None:
    """100 rows of each side and 750 synthetic rows are 150,000 distances."""
    tables = numeric(draw(0)), numeric(draw(1)), copier()
    few, same = (
        score(Membership(Membership.Config(**options)), *tables)
        for options in ({"max_pairs": 150_700}, {"max_rows": 100})
    )
    assert few.scores == same.scores
    reduced = "option max_pairs reduces max_rows to 100, because each row is compared with all synthetic rows"
    assert few.notes == (*same.notes, reduced)
    every = score(Membership(Membership.Config(max_pairs=2 * N * 750)), *tables)
    assert (every.scores, every.notes) == (score(Membership(), *tables).scores, ())


def test_domias_finds_remembered_rows_that_dense_regions_hide_from_the_distance() -> None:
    """Half of all rows lie in a dense region, which the model learns; of the others it remembers the training rows.

    The distance takes rows of the dense region for members before all others: its AUC is the mean of 1/2 (two dense
    rows), 1, 0 and 1 (remembered against other). For the density ratio dense rows are like other rows: 1/2, 1/2, 1, 1.
    """

    def half_dense(seed: int, scale: float = 100.0) -> Values:
        return draw(seed, 400) * np.where(np.arange(400) < 200, 0.01, scale)[:, None]

    train = half_dense(0)
    made = np.concatenate([half_dense(4)[:200], train[200:] + draw(5, 200)])
    found = score(Membership(), numeric(train), numeric(half_dense(1)), numeric(made), numeric(half_dense(3))).scores
    assert found["nearest-auc"] == pytest.approx(0.625, abs=0.03)
    assert found["domias-auc"] == pytest.approx(0.75, abs=0.03)


def test_domias_takes_the_distance_to_the_kth_row() -> None:
    """The closest row of a training row is its copy; the second closest is another row."""
    train, test, reference = (numeric(draw(seed)) for seed in (0, 1, 3))
    first, second = (
        score(Membership(Membership.Config(neighbours=k)), train, test, train, reference).scores["domias-auc"]
        for k in (1, 2)
    )
    assert first == 1.0
    assert 0.6 < second < 0.9


def test_membership_of_independent_rows_is_chance() -> None:
    train, test, made, reference = (numeric(draw(seed, n)) for seed, n in enumerate((400, 400, 2000, 400)))
    found = score(Membership(), train, test, made, reference).scores
    for attack in ("nearest", "domias", "discriminator"):
        assert found[f"{attack}-auc"] == pytest.approx(0.5, abs=0.06)
        assert found[f"{attack}-tpr"] < 0.06


def test_attacks_that_need_reference_rows_decline_without() -> None:
    result = score(Membership(), numeric(draw(0)), numeric(draw(1)), copier())
    assert set(result.scores) == {"nearest-auc", "nearest-tpr"}
    assert set(result.undefined.values()) == {"needs reference rows, which only a split into thirds has"}


def test_each_pair_of_tables_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []
    monkeypatch.setattr(module, "nearest", lambda *args: searched.append(len(args[1])) or nearest(*args))
    metric = Membership(Membership.Config(neighbours=3))
    result = score(metric, numeric(draw(0)), numeric(draw(1)), copier(), numeric(draw(3, 40)))
    assert len(result.scores) == 6
    assert searched == [5 * N, 40]


def test_donors_are_attacked_by_the_largest_score_of_their_rows() -> None:
    """Of each training donor's two rows one is copied: every donor is found, but half of the rows."""
    donors = np.arange(2 * N) // 2
    train, test = numeric(draw(0, 2 * N), donors), numeric(draw(1, 2 * N), donors + N)
    copied = numeric(np.asarray(train.X)[::2])
    by_donor = score(Membership(), train, test, copied).scores["nearest-auc"]
    rows = [numeric(np.asarray(one.X)) for one in (train, test)]
    by_row = score(Membership(), rows[0], rows[1], copied).scores["nearest-auc"]
    assert by_donor == 1.0
    assert by_row == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize("p", [5, 60])
def test_ridge_distances_are_those_of_the_inverse(p: int) -> None:
    rng = np.random.default_rng(0)
    sample, rows = rng.normal(size=(30, p)) @ rng.normal(size=(p, p)) + 3.0, rng.normal(size=(7, p))
    covariance = np.cov(sample, rowvar=False)
    inverse = np.linalg.inv(covariance + 0.1 * np.trace(covariance) / p * np.eye(p))
    centred = rows - sample.mean(axis=0)
    expected = np.einsum("ij,jk,ik->i", centred, inverse, centred)
    np.testing.assert_allclose(ridge_distances(rows, sample, ridge=0.1), expected, rtol=1e-8)


def test_a_sample_without_variation_gives_euclidean_distances() -> None:
    rows, sample = np.array([[3.0, 4.0], [0.0, 0.0]]), np.zeros((5, 2))
    assert ridge_distances(rows, sample, ridge=0.1).tolist() == [25.0, 0.0]


def test_mahalanobis_membership_finds_a_covariance_of_few_rows_that_nearest_records_miss() -> None:
    train, test = numeric(draw(0, 80, 120)), numeric(draw(1, 80, 120))
    made = np.empty((2000, 120))
    for k in (0, 1):
        own = np.asarray(train.X)[k::2]
        weights = np.random.default_rng(k).normal(size=(1000, len(own))) / np.sqrt(len(own) - 1)
        made[k::2] = own.mean(axis=0) + weights @ (own - own.mean(axis=0))
    result = score(MahalanobisMembership(), train, test, numeric(made))
    assert result.scores["mahalanobis-auc"] > 0.99
    assert result.notes[-1] == "2 conditions attacked, from 1,000 to 1,000 synthetic rows of each"
    assert result.undefined == {
        "mahalanobis-tpr": "80 never-seen rows or donors are too few for a rate of 1 %; expected 100"
    }


def test_the_equal_attack_uses_as_many_synthetic_rows_as_training_rows() -> None:
    train, test = numeric(draw(0, 80, 120)), numeric(draw(1, 80, 120))
    made = numeric(np.tile(np.asarray(train.X), (25, 1)) + 2.0 * draw(2, 2000, 120))
    found = score(MahalanobisMembership(), train, test, made).scores
    assert found["mahalanobis-auc"] > 0.99
    assert 0.6 < found["mahalanobis-auc-equal"] < 0.95
    forty = MahalanobisMembership(MahalanobisMembership.Config(most=40))  # 40 training rows of each condition
    found = score(forty, train, test, made).scores
    assert found["mahalanobis-auc"] == found["mahalanobis-auc-equal"]


def test_conditions_count_by_their_attacked_rows() -> None:
    def sides(seed: int, sizes: tuple[int, int]) -> Table:
        table = numeric(draw(seed, sum(sizes), 5))
        return replace(table, obs=table.obs.assign(c=pd.Categorical(["a"] * sizes[0] + ["b"] * sizes[1])))

    train, test = sides(0, (90, 30)), sides(1, (90, 30))
    whole, few = (score(MahalanobisMembership(), train, test, made).scores for made in (train, train.take(range(90))))
    alone = score(MahalanobisMembership(), *(one.take(range(90, 120)) for one in (train, test, train))).scores
    name = "mahalanobis-auc"
    assert few[name] != pytest.approx(alone[name], abs=0.1)
    assert whole[name] == pytest.approx(0.75 * few[name] + 0.25 * alone[name])


def test_the_rate_of_true_positives_compares_rows_with_the_median_of_their_condition() -> None:
    """Squared distances: 1 and 4 in one condition, 100 and 400 in the other; each pair is separated."""
    scale = np.where(np.arange(240) % 2, 1.0, 10.0)[:, None]
    train, test, made = (numeric(np.hstack([scale * side, 0 * scale])) for side in (1, 2, 0))
    found = score(MahalanobisMembership(), train, test, made).scores
    assert (found["mahalanobis-auc"], found["mahalanobis-tpr"]) == (1.0, 1.0)


def test_mahalanobis_membership_of_independent_rows_is_chance() -> None:
    train, test, made = (numeric(draw(seed, n, 60)) for seed, n in ((0, 400), (1, 400), (2, 2000)))
    found = score(MahalanobisMembership(), train, test, made).scores
    assert found["mahalanobis-auc"] == pytest.approx(0.5, abs=0.06)
    assert found["mahalanobis-auc-equal"] == pytest.approx(0.5, abs=0.06)
    assert found["mahalanobis-tpr"] < 0.05


def test_each_mahalanobis_score_has_its_own_reason() -> None:
    """Five conditions have two training rows each, and two synthetic rows give no covariance."""
    obs = pd.DataFrame({"c": pd.Categorical(list("abcde") * 2)}, index=pd.Index([f"r{i}" for i in range(10)]))
    train, test = (replace(numeric(draw(seed, 10)), obs=obs) for seed in (0, 1))
    many = test.take(np.tile(np.arange(10), 3))
    result = score(MahalanobisMembership(), train, test, replace(many, X=draw(2, 30).astype(np.float32)))
    assert list(result.scores) == ["mahalanobis-auc"]
    assert result.undefined["mahalanobis-auc-equal"] == "no condition has attacked rows and 3 synthetic rows"
    assert result.undefined["mahalanobis-tpr"].startswith("10 never-seen rows or donors are too few")
    nothing = score(MahalanobisMembership(), train, test, many.take(np.arange(10)))
    assert set(nothing.undefined.values()) == {"no condition has attacked rows and 3 synthetic rows"}


def mixed(seed: int, n: int = N) -> Table:
    """Rows of a number and two categories: ``secret`` depends on nothing."""
    rng = np.random.default_rng(seed)
    table = numeric(rng.normal(size=(n, 3)))
    obs = table.obs.assign(
        colour=pd.Categorical(rng.choice(["red", "blue"], n)), secret=pd.Categorical(rng.choice(list("wxyz"), n))
    )
    schema = Schema(conditions=("c",), categorical_features=("colour", "secret"))
    return replace(table, obs=obs, schema=schema)


def test_attribute_inference_finds_copied_secrets_and_no_others() -> None:
    train, test = mixed(0), mixed(1)
    copied = score(AttributeInference(), train, test, train)
    assert copied.artifacts["columns"]["train_accuracy"].tolist() == [1.0, 1.0]
    assert copied.scores["attribute-inference-gain"] == pytest.approx(0.625, abs=0.1)
    independent = score(AttributeInference(), train, test, mixed(2, 5 * N))
    assert independent.scores["attribute-inference-gain"] == pytest.approx(0.0, abs=0.1)


def test_attribute_inference_thins_columns_and_says_so() -> None:
    metric = AttributeInference(AttributeInference.Config(max_columns=1))
    result = score(metric, mixed(0), mixed(1), mixed(2))
    assert len(result.artifacts["columns"]) == 1
    assert result.notes[-1] == "guesses 1 of 2 categorical columns, drawn at random (option max_columns)"


def test_attribute_inference_attacks_fewer_rows_if_there_are_many_pairs() -> None:
    """40 rows of each side, two guessed columns and 600 synthetic rows are 96,000 distances."""
    tables = mixed(0), mixed(1), mixed(2, 600)
    few = score(AttributeInference(AttributeInference.Config(max_pairs=97_000)), *tables)
    assert few.notes == (
        "attacks 40 of these training rows and 40 of these test rows, drawn at random (option max_rows); standard "
        "error of an AUC or a difference of shares at most 0.1118",
        "option max_pairs reduces max_rows to 40, because each row is compared with all synthetic rows",
    )
    assert set(few.artifacts["columns"]["train_accuracy"] * 40 % 1) == {0.0}
    every = score(AttributeInference(AttributeInference.Config(max_pairs=N * 2 * 2 * 600)), *tables)
    assert every.notes == ()
    assert every.scores == score(AttributeInference(), *tables).scores


def test_attribute_inference_declines_numeric_tables() -> None:
    with pytest.raises(Unsupported, match="has no categorical feature that varies"):
        score(AttributeInference(), numeric(draw(0)), numeric(draw(1)), numeric(draw(2)))


@pytest.mark.parametrize("kind", [ClosestRecord, Membership, MahalanobisMembership])
def test_a_side_without_rows_of_the_same_conditions_is_undefined(kind: type[Metric]) -> None:
    few = numeric(draw(0, 6))
    result = score(kind(), few, numeric(draw(1)), numeric(draw(2)))
    assert not result.scores
    assert set(result.undefined) == {spec.name for spec in kind.scores}
    assert "6 training and 6 test rows" in next(iter(result.undefined.values()))
