"""Predictive models, and scores of their predictions of real rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench_plugins.correlation import Floats
from tabgenbench_plugins.metrics.parts.attacked import row_order
from tabgenbench_plugins.metrics.parts.prediction import Rows

__all__ = ["ModelName", "Predictor", "class_scores", "classification_scores", "r2"]

ModelName: TypeAlias = Literal["linear", "forest", "boosting"]
N_TREES = 100
N_ITERATIONS = 300  # of the logistic regression
MANY_COLUMNS = 200  # boosted trees of more columns use principal components
N_COMPONENTS = 50


class Predictor:
    """A predictive model, trained on rows of a table.

    The trained model does not depend on the order of the rows, because the rows are sorted by content before training.
    If the target has only one value in the training rows, the model always predicts this value.
    """

    def __init__(self, name: ModelName, rows: Rows, *, is_numeric: bool, seed: int) -> None:
        values, codes = np.unique(rows.y, return_inverse=True)
        order = row_order(np.column_stack([rows.x, codes.astype(np.float32)]))
        x, y = rows.x[order], rows.y[order]
        self.classes = [str(value) for value in values]
        self.only = values[0]
        self.model: Any = None
        if len(values) > 1:
            self.model = _make_model(name, is_numeric=is_numeric, n_columns=x.shape[1], n_rows=len(x), seed=seed)
            _fit(self.model, x, y if is_numeric else y.astype(str))

    def values(self, x: NDArray[np.float32]) -> Floats:
        """Return the predictions of a numeric target, shape (n_rows,)."""
        if self.model is None:
            return np.full(len(x), float(self.only))
        return np.asarray(self.model.predict(x), dtype=np.float64)

    def probabilities(self, x: NDArray[np.float32], classes: Sequence[str]) -> Floats:
        """Return the probability of each class, shape (n_rows, n_classes); 0 for a class without training rows."""
        found = np.zeros((len(x), len(classes)))
        own = np.ones((len(x), 1)) if self.model is None else self.model.predict_proba(x)
        for k, name in enumerate(self.classes):
            if name in classes:
                found[:, list(classes).index(name)] = own[:, k]
        return found

    def importances(self, n_columns: int) -> Floats:
        """Return impurity importances of columns in a random forest, shape (n_columns,); 0 for a constant target."""
        return np.zeros(n_columns) if self.model is None else np.asarray(self.model.feature_importances_)


def classification_scores(truth: NDArray[np.object_], classes: Sequence[str], p: Floats) -> dict[str, float]:
    """Return scores of predicted probabilities: ``f1``, ``balanced-accuracy``, ``auc`` and ``brier``.

    F1, balanced accuracy and AUC are means over the classes that occur in the test rows. The predicted class is the one
    with the highest probability. The area under the ROC curve of a class compares this class with all others. The Brier
    score is the mean over rows of the summed squared errors of the probabilities, 0 to 2.

    Args:
        truth: classes of the test rows as text, shape (n_rows,).
        classes: names of the columns of ``p``: all classes of the real and synthetic rows.
        p: predicted probabilities, shape (n_rows, n_classes).
    """
    from sklearn.metrics import roc_auc_score

    table = class_scores(truth, classes, p)
    areas = []
    for k, name in enumerate(classes):
        is_class = truth == name
        if 0 < is_class.sum() < len(truth):
            areas.append(roc_auc_score(is_class, p[:, k]))
    there = table["n_test"] > 0
    return {
        "f1": float(table["f1"][there].mean()),
        "balanced-accuracy": float(table["recall"][there].mean()),
        "auc": float(np.mean(areas)),
        "brier": float(table["brier"].sum()),
    }


def class_scores(truth: NDArray[np.object_], classes: Sequence[str], p: Floats) -> pd.DataFrame:
    """Return a table of classes: number of test rows, precision, recall, F1 and contribution to the Brier score.

    A class that is never predicted has precision 0, and a class without test rows has recall 0. The Brier score is the
    sum of the contributions.
    """
    is_class = truth[:, None] == np.array(classes, dtype=object)[None, :]
    predicted = np.argmax(p, axis=1)[:, None] == np.arange(len(classes))[None, :]
    hits = (is_class & predicted).sum(axis=0).astype(np.float64)
    n_test, n_predicted = is_class.sum(axis=0), predicted.sum(axis=0)
    return pd.DataFrame(
        {
            "class": list(classes),
            "n_test": n_test,
            "precision": hits / np.maximum(n_predicted, 1),
            "recall": hits / np.maximum(n_test, 1),
            "f1": 2 * hits / np.maximum(n_test + n_predicted, 1),
            "brier": ((p - is_class) ** 2).mean(axis=0),
        }
    )


def r2(truth: Floats, predicted: Floats) -> float:
    """Return the coefficient of determination; negative if the mean of ``truth`` predicts better than ``predicted``."""
    return float(1.0 - ((truth - predicted) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())


def _make_model(name: ModelName, *, is_numeric: bool, n_columns: int, n_rows: int, seed: int) -> Any:
    from sklearn.decomposition import PCA
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    state = seed % 2**32
    if name == "linear":
        return make_pipeline(StandardScaler(), Ridge() if is_numeric else LogisticRegression(max_iter=N_ITERATIONS))
    if name == "forest" and is_numeric:
        return RandomForestRegressor(N_TREES, max_features=1 / 3, random_state=state)
    if name == "forest":
        return RandomForestClassifier(N_TREES, random_state=state)
    kind = HistGradientBoostingRegressor if is_numeric else HistGradientBoostingClassifier
    boosting = kind(max_iter=N_TREES, early_stopping=False, random_state=state)
    if n_columns <= MANY_COLUMNS:
        return boosting
    return make_pipeline(PCA(min(N_COMPONENTS, n_rows - 1), random_state=state), boosting)


def _fit(model: Any, x: NDArray[np.float32], y: Any) -> None:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # almost converged coefficients predict equally well
        model.fit(x, y)
