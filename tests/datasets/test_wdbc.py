from __future__ import annotations

import numpy as np
from sklearn.datasets import load_breast_cancer

from tabgenbench_datasets.wdbc import WDBC


def test_every_value_is_that_of_scikit_learn() -> None:
    table, expected = WDBC().load(), load_breast_cancer()
    np.testing.assert_array_equal(table.X, expected.data.astype(np.float32), strict=True)
    assert table.features == tuple(expected.feature_names)
    assert list(table.obs["diagnosis"]) == [expected.target_names[code] for code in expected.target]


def test_wdbc_is_the_known_table() -> None:
    table = WDBC().load().validate()
    assert table.X.shape == (569, 30)
    assert table.obs["diagnosis"].value_counts().to_dict() == {"benign": 357, "malignant": 212}
    assert round(float(table.X[0, 0]), 2) == 17.99
    assert table.obs["diagnosis"].iloc[0] == "malignant"
    assert (table.scale, table.log2p1) == ("linear", False)


def test_wdbc_describes_itself() -> None:
    source = WDBC()
    assert source.describe()["conditions"] == [
        {"condition": "diagnosis=benign", "rows": 357},
        {"condition": "diagnosis=malignant", "rows": 212},
    ]
    assert "569" in source.card.summary
    assert source.identity() == WDBC().identity()
