"""Principal components of training rows, and the coordinates of test rows and synthetic rows in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tabgenbench import Evaluation
from tabgenbench_plugins.correlation import Floats
from tabgenbench_plugins.metrics.parts.encoded import encoded

__all__ = ["MAX_COMPONENTS", "real_components"]

MAX_COMPONENTS = 50  # computed at once, so that metrics with fewer share them
EXACT = 2000  # with more columns, the decomposition is randomised, with a fixed seed


def real_components(evaluation: Evaluation, n_components: int) -> tuple[Floats, Floats]:
    """Return real test rows and synthetic rows in the leading principal components of the training rows.

    Rows are vectors as in `encoded`, without conditions. Components are not whitened, and come in the order of their
    variance. Differences between rows outside the subspace of the components are not visible. Computed once for all
    metrics.

    Args:
        evaluation: the rows; it caches the result.
        n_components: number of components, limited by the numbers of training rows and columns.

    Returns:
        Arrays of shape (n_test, n_components) and (n_synthetic, n_components).

    Raises:
        Undefined: there is no row or no column, or a value is not a finite number.
    """
    n_found = max(n_components, MAX_COMPONENTS)
    pca = evaluation.shared.once(("real-components", n_found), lambda: _fitted(evaluation, n_found), scope="split")
    test = evaluation.shared.once(
        ("real-components", n_found, "test"), lambda: pca.transform(encoded(evaluation, "test")), scope="split"
    )
    synthetic = evaluation.shared.once(
        ("real-components", n_found, "synthetic"), lambda: pca.transform(encoded(evaluation, "synthetic"))
    )
    real, made = (np.asarray(one[:, :n_components], dtype=np.float64) for one in (test, synthetic))
    return real, made


def _fitted(evaluation: Evaluation, n_components: int) -> Any:
    from sklearn.decomposition import PCA

    rows = encoded(evaluation, "train")
    n_kept = min(n_components, *rows.shape)
    if rows.shape[1] > EXACT:
        return PCA(n_kept, svd_solver="randomized", random_state=0).fit(rows)
    return PCA(n_kept, svd_solver="covariance_eigh").fit(rows.astype(np.float64))
