"""Transform of numeric features to standardised inputs of a network, and the inverse transform.

    x_NF ── normal scores ── (principal components) ──► z_ND

Normal scores are a quantile transform to N(0, 1). The second step is optional. Modules `normal_scores` and `components`
contain the two steps. A network gets the one-hot codes of categorical features as further columns.

    N rows   F numeric features   D entries of a transformed row: F, or the number of principal components
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Table
from tabgenbench_plugins.generators.parts.components import Components
from tabgenbench_plugins.generators.parts.normal_scores import NormalScores

__all__ = ["DEFAULT_COMPONENTS", "WIDE", "PreparedRows", "n_components_of"]

WIDE = 200  # a table with more numeric features is modelled in principal components
DEFAULT_COMPONENTS = 64
Floats = NDArray[np.float32]


def n_components_of(option: int | str, n_rows: int, n_features: int) -> int | None:
    """Return the number of principal components for a table, or None if no principal components are used.

    The ``option`` is a number, ``none`` or ``auto``. With ``auto``, tables with more than `WIDE` features have
    `DEFAULT_COMPONENTS` components, and other tables have none.
    """
    if option == "none" or n_features == 0 or (option == "auto" and n_features <= WIDE):
        return None
    wanted = DEFAULT_COMPONENTS if isinstance(option, str) else option
    return max(1, min(wanted, n_rows - 1, n_features))


@dataclass(frozen=True, eq=False)
class PreparedRows:
    """Normal scores and principal components, fitted on training rows.

    Attributes:
        scores: the normal scores.
        components: the principal components of the normal scores, or None if they are not used.
    """

    scores: NormalScores
    components: Components | None

    @classmethod
    def fit(
        cls, train: Table, n_components: int | None, group: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[PreparedRows, Floats]:
        """Fit the transform; return it, and the transformed training rows z_ND.

        ``n_components`` is None without principal components. ``group`` is the code of each row's condition.
        """
        values, present = train.dense(), train.present()
        scores = NormalScores.fit(values, present)
        z_ND = scores.of_training_rows(values, present, rng)
        if n_components is None:
            return cls(scores, None), z_ND
        components = Components.fit(z_ND, n_components, group)
        return cls(scores, components), components.scores(z_ND)

    @property
    def width(self) -> int:
        """D, the number of entries of a transformed row."""
        return self.scores.n_features if self.components is None else len(self.components.axes)

    def values(self, z_ND: Floats, group: NDArray[np.int64], rng: np.random.Generator) -> Floats:
        """Transform rows z_ND back to numeric features, shape (N, F).

        Random noise replaces the variance that the principal components do not explain. ``group`` is the code of each
        row's condition, which determines the variance of the noise. A condition without training rows has code -1 and
        the variance pooled over conditions.
        """
        return self.scores.values(z_ND if self.components is None else self.components.values(z_ND, group, rng))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the transform as named arrays, for saving with a model.

        The arrays contain quantiles of each feature, but no training row.
        """
        found: dict[str, NDArray[Any]] = {"quantiles": self.scores.quantiles, "n_present": self.scores.n_present}
        if self.components is not None:
            found |= {f"components.{name}": value for name, value in vars(self.components).items()}
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> PreparedRows:
        """Restore the transform from the result of `arrays`; arrays with other names are ignored."""
        prefix = "components."
        parts = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
        return cls(NormalScores(arrays["quantiles"], arrays["n_present"]), Components(**parts) if parts else None)
