"""Principal components of the pooled real test rows and synthetic rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tabgenbench import Evaluation
from tabgenbench_plugins.correlation import Floats
from tabgenbench_plugins.metrics.parts.pooled import SIDES, finite_values

__all__ = ["Cloud", "principal_components"]

EXACT = 2000  # if both rows and features exceed it, the decomposition is randomised, with a fixed seed


@dataclass(frozen=True, eq=False)
class Cloud:
    """Coordinates of the real test rows and of the synthetic rows in one space.

    Attributes:
        real: shape (n_test, n_dimensions).
        synthetic: shape (n_synthetic, n_dimensions).
    """

    real: Floats
    synthetic: Floats

    @property
    def pooled(self) -> Floats:
        """All rows, real test rows first."""
        return np.concatenate([self.real, self.synthetic])


def principal_components(evaluation: Evaluation, n_components: int) -> Cloud:
    """Project real test rows and synthetic rows on the leading principal components of all these rows.

    Components of the real rows alone would hide independent noise of the synthetic rows, because most of this noise is
    outside the space of the components. The components are not whitened. The number of components is at most the
    number of features, and less than the number of rows. The result is cached for all metrics.

    Raises:
        Undefined: there are no rows or features, or a value is not a finite number.
    """
    return evaluation.shared.once(
        ("principal-components", n_components), lambda: _fit_and_project(evaluation, n_components)
    )


def _fit_and_project(evaluation: Evaluation, n_components: int) -> Cloud:
    from sklearn.decomposition import PCA

    real, synthetic = (finite_values(evaluation, side) for side in SIDES)
    values = np.concatenate([real, synthetic]).astype(np.float64)
    n_kept = min(n_components, len(values) - 1, values.shape[1])
    solver = "full" if min(values.shape) <= EXACT else "randomized"
    places = PCA(n_kept, svd_solver=solver, random_state=0).fit_transform(values)
    return Cloud(places[: len(real)], places[len(real) :])
