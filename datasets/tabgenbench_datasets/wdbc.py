"""The Wisconsin diagnostic breast-cancer table of scikit-learn."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from tabgenbench import DataError, DatasetCard, DatasetSource, Schema, Source, Table, load_card

__all__ = ["WDBC"]

MEASUREMENTS = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)
"""Each measurement has three columns: the mean over the nuclei of a mass, its standard error, and the worst value."""


class WDBC(DatasetSource):
    """30 measurements of cell nuclei of 569 breast masses; the condition is the diagnosis, malignant or benign.

    The table does not identify patients. Splits therefore cannot ensure that training and test patients differ.
    """

    name: ClassVar[str] = "wdbc"

    @property
    def card(self) -> DatasetCard:
        """The card."""
        return load_card("tabgenbench_datasets", "wdbc")

    def load(self) -> Table:
        """Return the table, with rows in scikit-learn's order.

        The file is read directly, because importing `sklearn.datasets` takes most of a second.

        Raises:
            DataError: the installed scikit-learn does not contain the file of the table.
        """
        spec = find_spec("sklearn")
        path = Path(*(spec.submodule_search_locations or [""])[:1] if spec else "", "datasets/data/breast_cancer.csv")
        if not path.is_file():
            raise DataError(f"dataset 'wdbc': no file {path}; install scikit-learn as in constraints.txt")
        with path.open() as file:
            names = file.readline().split(",")[2:]  # number of rows, number of features, name of each diagnosis
            data = np.loadtxt(file, delimiter=",")
        labels = [names[int(code)].strip() for code in data[:, -1]]
        index = pd.Index([f"mass-{i:03d}" for i in range(1, len(labels) + 1)], dtype=object)
        return Table(
            X=np.ascontiguousarray(data[:, :-1], dtype=np.float32),
            obs=pd.DataFrame({"diagnosis": pd.Categorical(labels)}, index=index),
            features=tuple(name.format(one) for name in ("mean {}", "{} error", "worst {}") for one in MEASUREMENTS),
            schema=Schema(conditions=("diagnosis",), targets=("diagnosis",)),
            scale="linear",
            log2p1=False,
            source=Source(self.name),
        )
