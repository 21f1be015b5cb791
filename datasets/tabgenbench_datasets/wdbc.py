"""The Wisconsin diagnostic breast-cancer table of scikit-learn."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from tabgenbench import DatasetCard, DatasetSource, Schema, Source, Table, load_card

__all__ = ["WDBC"]


class WDBC(DatasetSource):
    """30 measurements of cell nuclei of 569 breast masses; the condition is the diagnosis, malignant or benign.

    The table does not identify patients, so splits cannot be grouped by donor.
    """

    name: ClassVar[str] = "wdbc"

    @property
    def card(self) -> DatasetCard:
        """The card."""
        return load_card("tabgenbench_datasets", "wdbc")

    def load(self) -> Table:
        """Return the table, rows in scikit-learn's order."""
        from sklearn.datasets import load_breast_cancer

        data: Any = load_breast_cancer()
        labels = [str(data.target_names[code]) for code in data.target]
        index = pd.Index([f"mass-{i:03d}" for i in range(1, len(labels) + 1)], dtype=object)
        return Table(
            X=np.ascontiguousarray(data.data, dtype=np.float32),
            obs=pd.DataFrame({"diagnosis": pd.Categorical(labels)}, index=index),
            features=tuple(str(name) for name in data.feature_names),
            schema=Schema(conditions=("diagnosis",), targets=("diagnosis",)),
            scale="linear",
            log2p1=False,
            source=Source(self.name),
        )
