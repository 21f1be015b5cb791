"""Logistic regression of a label on latents."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabgenbench_plugins.generators.parts.label_probe import LabelProbe


@pytest.mark.parametrize("n_values", [1, 2, 3])
def test_predictions_are_those_of_scikit_learn_also_after_saving(n_values: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.array([f"type-{k}" for k in rng.integers(0, n_values, 90)], dtype=object)
    centres = 3 * rng.standard_normal((n_values, 2))
    z = (centres[[int(one[-1]) for one in labels]] + rng.standard_normal((90, 2)) + 5).astype(np.float32)
    probe = LabelProbe.fit(z, labels)
    again = LabelProbe.of_arrays(probe.arrays("probe.0"), "probe.0", probe.values)
    expected = labels
    if n_values > 1:
        expected = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(z, labels).predict(z)
    assert probe.predict(z).tolist() == again.predict(z).tolist() == list(expected)
