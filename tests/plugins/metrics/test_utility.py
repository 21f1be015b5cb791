"""Utility metrics: values of scikit-learn, classes and categories that training rows lack, and declined targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabgenbench import Evaluation, Metric, MetricContext, Result, Schema, Table, Transform, Unsupported
from tabgenbench.data.schema import Gap
from tabgenbench_plugins.metrics.augmentation import Augmentation
from tabgenbench_plugins.metrics.feature_importance import FeatureImportance
from tabgenbench_plugins.metrics.parts import downstream as module
from tabgenbench_plugins.metrics.parts import predictors
from tabgenbench_plugins.metrics.parts.attacked import row_order
from tabgenbench_plugins.metrics.parts.predictors import classification_scores
from tabgenbench_plugins.metrics.tstr import TrainSyntheticTestReal

LINEAR = TrainSyntheticTestReal(TrainSyntheticTestReal.Config(models=("linear",)))
N = 90


@pytest.fixture(autouse=True)
def _small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five trees and five iterations, so that the tests are fast."""
    monkeypatch.setattr(predictors, "N_TREES", 5)


def as_table(values: Any, **columns: Sequence[str]) -> Table:
    """Return features g0, g1, ... and the given columns; ``c`` is the condition, the others are features."""
    x = np.asarray(values, dtype=np.float32)
    obs = pd.DataFrame(columns, index=[f"r{i}" for i in range(len(x))], dtype="category")
    conditions = tuple(name for name in columns if name == "c")
    schema = Schema(conditions=conditions, categorical_features=tuple(name for name in columns if name != "c"))
    return Table(x, obs, tuple(f"g{j}" for j in range(x.shape[1])), schema, scale="standardized")


def draw(seed: int, n: int = N, classes: str = "abc") -> Table:
    """Return three features that depend on the class of a row."""
    rng = np.random.default_rng(seed)
    c = rng.integers(0, len(classes), n)
    return as_table(rng.normal(size=(n, 3)) + np.eye(3)[c] * 1.5, c=np.array(list(classes))[c])


def evaluation(train: Table, test: Table, synthetic: Table) -> Evaluation:
    p = train.n_features
    return Evaluation(train, test, synthetic, Transform(np.zeros(p), np.ones(p), "linear", False))


def score(metric: Metric, train: Table, test: Table, synthetic: Table, seed: int = 0) -> Result:
    return metric.compute(evaluation(train, test, synthetic), MetricContext(seed=seed))


def labels(table: Table, name: str = "c") -> np.ndarray[Any, Any]:
    return table.obs[name].astype(str).to_numpy()


def test_a_linear_classifier_has_the_scores_of_scikit_learn() -> None:
    train, test, made = draw(0), draw(1), draw(2)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(made.X, labels(made))
    truth, predicted, p = labels(test), model.predict(test.X), model.predict_proba(test.X)
    found = score(LINEAR, train, test, made)
    expected = {
        "tstr-f1": f1_score(truth, predicted, average="macro"),
        "tstr-balanced-accuracy": balanced_accuracy_score(truth, predicted),
        "tstr-auc": roc_auc_score(truth, p, multi_class="ovr", average="macro"),
        "tstr-brier": brier_score_loss(truth, p, labels=["a", "b", "c"], scale_by_half=False),
    }
    assert {name: found.scores[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert found.undefined == dict.fromkeys(("tstr-r2", "trtr-r2"), "no numeric target is predicted")
    classes = found.artifacts["classes"].set_index("class")
    assert classes["tstr-f1"].tolist() == pytest.approx(f1_score(truth, predicted, average=None))
    assert classes["n_test"].to_dict() == pd.Series(truth).value_counts().to_dict()
    assert classes["tstr-n_train"].to_dict() == pd.Series(labels(made)).value_counts().to_dict()
    assert classes["tstr-brier"].sum() == pytest.approx(expected["tstr-brier"])


def test_two_classes_have_the_area_of_scikit_learn() -> None:
    test, made = draw(1, classes="ab"), draw(2, classes="ab")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(made.X, labels(made))
    expected = roc_auc_score(labels(test), model.predict_proba(test.X)[:, 1])
    assert score(LINEAR, made, test, made).scores["tstr-auc"] == pytest.approx(expected, abs=1e-6)


def test_a_forest_is_the_one_of_scikit_learn_on_sorted_rows() -> None:
    test, made = draw(1), draw(2)
    order = row_order(np.column_stack([made.X, made.obs["c"].cat.codes.to_numpy(np.float32)]))
    model = RandomForestClassifier(5, random_state=5).fit(made.X[order], labels(made)[order])
    expected = f1_score(labels(test), model.predict(test.X), average="macro")
    metric = TrainSyntheticTestReal(TrainSyntheticTestReal.Config(models=("forest",)))
    assert score(metric, made, test, made, seed=5).scores["tstr-f1"] == pytest.approx(expected)


def test_a_numeric_target_has_the_r2_of_scikit_learn() -> None:
    def table(seed: int) -> Table:
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(N, 3))
        smoker = rng.random(N) < 0.5
        x[:, 0] = x[:, 1] + 2 * smoker + 0.5 * rng.normal(size=N)
        return as_table(x, smoker=np.where(smoker, "yes", "no"))

    train, test, made = (table(i) for i in range(3))
    metric = TrainSyntheticTestReal(TrainSyntheticTestReal.Config(models=("linear",), targets=("g0",)))
    found = score(metric, train, test, made)
    x, asked = (
        np.column_stack([t.X[:, 1:], labels(t, "smoker") == "no", labels(t, "smoker") == "yes"]) for t in (made, test)
    )
    model = make_pipeline(StandardScaler(), Ridge()).fit(x, made.X[:, 0])
    assert found.scores["tstr-r2"] == pytest.approx(r2_score(test.X[:, 0], model.predict(asked)), abs=1e-5)
    assert found.scores["trtr-r2"] > 0.6
    assert "classes" not in found.artifacts


def test_scores_are_means_over_classes_of_the_test_rows() -> None:
    truth = np.array(["a", "a", "b", "b"], dtype=object)
    p = np.array([[0.6, 0.1, 0.3], [0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3]])
    assert classification_scores(truth, ["a", "b", "x"], p) == pytest.approx(
        {
            "f1": (2 / 3 + 1.0) / 2,  # x is predicted once and has no test row
            "balanced-accuracy": 0.75,
            "auc": (0.875 + 1.0) / 2,  # 0.2 of the second row ties with that of the fourth
            "brier": (0.16 + 0.01 + 0.09 + 0.64 + 0.01 + 0.49 + 0.01 + 0.04 + 0.01 + 0.04 + 0.25 + 0.09) / 4,
        }
    )


def test_a_class_without_synthetic_rows_is_never_predicted() -> None:
    train, test, made = draw(0), draw(1), draw(2, classes="ab")
    found = score(TrainSyntheticTestReal(), train, test, made)
    lost = found.artifacts["classes"].set_index("class").loc["c"]
    assert (lost["tstr-n_train"], lost["tstr-recall"], lost["tstr-f1"]) == (0, 0, 0)
    assert lost["trtr-recall"] > 0.5
    assert found.scores["tstr-balanced-accuracy"] < 2 / 3


def test_synthetic_rows_of_one_class_and_of_an_unknown_class_are_scored() -> None:
    train, test = draw(0), draw(1)
    one = score(TrainSyntheticTestReal(), train, test, draw(2, classes="b"))
    assert one.scores["tstr-balanced-accuracy"] == pytest.approx(1 / 3)
    assert one.scores["tstr-auc"] == 0.5
    unknown = score(TrainSyntheticTestReal(), train, test, draw(2, classes="xyz"))
    assert (unknown.scores["tstr-f1"], unknown.scores["tstr-auc"], unknown.scores["tstr-brier"]) == (
        0,
        0.5,
        pytest.approx(1, abs=1),
    )
    assert set(unknown.artifacts["classes"]["class"]) == set("abcxyz")


def test_a_category_that_no_training_row_has_is_a_predictor_value_like_any_other() -> None:
    def table(seed: int, words: str) -> Table:
        rng = np.random.default_rng(seed)
        c = rng.integers(0, 2, N)
        return as_table(rng.normal(size=(N, 1)), c=np.array(["p", "q"])[c], word=np.array(list(words))[c])

    found = score(TrainSyntheticTestReal(), table(0, "uv"), table(1, "uw"), table(2, "uz"))
    assert found.scores["trtr-f1"] > 0.8
    assert 0 <= found.scores["tstr-f1"] <= 1


def test_the_order_of_rows_has_no_effect_and_equal_seeds_give_equal_scores() -> None:
    train, test, made = draw(0), draw(1), draw(2)
    order = np.random.default_rng(3).permutation(N)
    found = [
        score(TrainSyntheticTestReal(), a, b, c).scores
        for a, b, c in [
            (train, test, made),
            (train, test, made),
            (train.take(order), test.take(order), made.take(order)),
        ]
    ]
    assert found[0] == found[1]
    assert found[2] == pytest.approx(found[0], abs=1e-12)
    assert score(TrainSyntheticTestReal(), train, test, made, seed=1).scores != found[0]


def test_models_of_real_rows_are_trained_once_for_all_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []
    kind = module.Predictor

    def count(name: Any, *more: Any, **options: Any) -> Any:
        trained.append(name)
        return kind(name, *more, **options)

    monkeypatch.setattr(module, "Predictor", count)
    one = evaluation(draw(0), draw(1), draw(2))
    LINEAR.compute(one, MetricContext(seed=0))
    one.shared.next_draw()
    LINEAR.compute(replace(one, synthetic=draw(3)), MetricContext(seed=0))
    assert len(trained) == 3


def test_wide_tables_are_boosted_on_principal_components() -> None:
    def table(seed: int) -> Table:
        rng = np.random.default_rng(seed)
        c = rng.integers(0, 2, 80)
        return as_table(rng.normal(size=(80, 201)) + c[:, None], c=np.array(["p", "q"])[c])

    metric = TrainSyntheticTestReal(TrainSyntheticTestReal.Config(models=("boosting",)))
    found = score(metric, table(0), table(1), table(2))
    assert found.scores["tstr-f1"] > 0.9


def test_more_rows_than_max_rows_are_drawn_and_noted() -> None:
    metric = TrainSyntheticTestReal(TrainSyntheticTestReal.Config(models=("linear",), max_rows=100))
    found = score(metric, draw(0, 120), draw(1, 130), draw(2, 130))
    assert found.notes == (
        "trains on 100 of 120 training rows, drawn at random (option max_rows)",
        "computed on 100 of 130 test rows and 100 of 130 synthetic rows, drawn at random (option max_rows)",
        "standard error of a share of test rows, such as an accuracy: at most 0.05",
    )
    assert found.artifacts["classes"]["n_test"].sum() == 100


@pytest.mark.parametrize("metric", [LINEAR, Augmentation(Augmentation.Config(models=("linear",)))])
def test_a_class_without_a_drawn_test_row_leaves_no_undefined_number(metric: Metric) -> None:
    train, made = draw(0, classes="ab"), draw(2, classes="ab")
    test = draw(1, n=400, classes="a")
    rare = as_table(test.X, c=["b", *labels(test)[1:]])  # row 0 is not drawn by the seeds below
    few = type(metric)(metric.config.model_copy(update={"max_rows": 100}))
    for seed in (0, 1, 3):
        with pytest.raises(Unsupported, match="target 'c' is not predicted: it has one value only in the test rows"):
            score(few, train, rare, made, seed=seed)


def test_rows_without_a_value_of_the_target_are_left_out() -> None:
    def table(seed: int) -> Table:
        rng = np.random.default_rng(seed)
        stage = np.array(["I", "II", "missing"])[np.arange(N) % 3]
        found = as_table(rng.normal(size=(N, 2)) + (stage == "II")[:, None], stage=stage)
        gaps = (Gap(column="stage", shown_by="stage", value="missing"),)
        return replace(found, schema=found.schema.model_copy(update={"gaps": gaps, "targets": ("stage",)}))

    found = score(LINEAR, table(0), table(1), table(2))
    assert found.artifacts["classes"]["class"].tolist() == ["I", "II"]
    assert found.artifacts["classes"]["n_test"].sum() == N * 2 / 3


def test_declined_targets_have_reasons() -> None:
    train = draw(0)
    with pytest.raises(Unsupported, match="predicts conditions and targets, and this table has neither; name a column"):
        score(LINEAR, as_table(train.X), as_table(train.X), as_table(train.X))
    constant = draw(1, classes="a")
    with pytest.raises(Unsupported, match="target 'c' is not predicted: it has one value only in the test rows"):
        score(LINEAR, train, constant, train)
    named = TrainSyntheticTestReal(TrainSyntheticTestReal.Config(models=("linear",), targets=("c", "donor", "g1")))
    found = score(named, train, draw(1), draw(2))
    assert found.notes == ("target 'donor' is not predicted: it is neither a condition nor a generated column",)
    assert found.artifacts["models"]["target"].tolist() == ["c", "g1"]
    many = as_table(train.X, c=[str(i % 60) for i in range(N)])
    with pytest.raises(Unsupported, match="it has 60 categories, more than 50"):
        score(LINEAR, many, many, many)


def test_importances_of_the_training_rows_agree() -> None:
    train, test = draw(0), draw(1)
    found = score(FeatureImportance(), train, test, train)
    assert found.scores == {"importance-correlation": 1.0, "importance-overlap": 1.0}
    table = found.artifacts["importances"]
    assert table["predictor"].tolist() == ["g0", "g1", "g2"]
    assert table[["synthetic", "real"]].sum().tolist() == pytest.approx([1, 1])
    assert score(FeatureImportance(), train, test, draw(2, classes="a")).scores["importance-correlation"] == 0.0


def test_the_overlap_of_importances_counts_a_third_of_the_predictors() -> None:
    c = np.arange(N) % 2
    noise = np.random.default_rng(0).normal(size=(N, 3))
    tables = [as_table(noise + 5 * np.eye(3)[j] * c[:, None], c=np.array(list("ab"))[c]) for j in (0, 2)]
    assert score(FeatureImportance(), tables[0], tables[0], tables[1]).scores["importance-overlap"] == 0.0
    assert score(FeatureImportance(), tables[0], tables[0], tables[0]).scores["importance-overlap"] == 1.0


def test_importance_of_a_category_is_the_sum_of_its_indicators() -> None:
    def table(seed: int) -> Table:
        rng = np.random.default_rng(seed)
        c = rng.integers(0, 3, N)
        return as_table(rng.normal(size=(N, 2)), c=np.array(list("pqr"))[c], word=np.array(list("uvw"))[c])

    found = score(FeatureImportance(), table(0), table(1), table(2)).artifacts["importances"]
    assert found["predictor"].tolist() == ["g0", "g1", "word"]
    assert found.set_index("predictor").loc["word", "real"] > 0.7


def test_the_gain_is_the_difference_of_two_models_of_scikit_learn() -> None:
    train, test, made = draw(0, 12), draw(1), draw(2, 48)
    metric = Augmentation(Augmentation.Config(models=("linear",)))
    found = score(metric, train, test, made)

    def f1(*tables: Table) -> float:
        x, y = np.concatenate([t.X for t in tables]), np.concatenate([labels(t) for t in tables])
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
        return float(f1_score(labels(test), model.predict(test.X), average="macro"))

    assert found.scores["real-f1"] == pytest.approx(f1(train), abs=1e-6)
    assert found.scores["augmented-f1"] == pytest.approx(f1(train, made), abs=1e-6)
    assert found.scores["augmentation-f1-gain"] == pytest.approx(f1(train, made) - f1(train), abs=1e-6)
    assert found.notes == ("12 real rows alone against 12 real and 48 synthetic rows",)
    assert found.undefined["augmentation-r2-gain"] == "no numeric target is predicted"


def test_real_rows_help_and_shuffled_rows_do_not() -> None:
    train, test, more = draw(0, 15), draw(1), draw(2, 60)
    wrong = replace(more, X=np.random.default_rng(4).permutation(more.X))
    gains = [score(Augmentation(), train, test, made).scores["augmentation-f1-gain"] for made in (more, wrong)]
    assert gains[0] > 0.02 > 0.0 > gains[1]
