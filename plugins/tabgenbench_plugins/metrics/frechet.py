"""Fréchet distance of synthetic rows and real test rows in principal components."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.encoded import encoded, encoding_notes
from tabgenbench_plugins.metrics.parts.results import undefined_result

__all__ = ["Frechet", "frechet_distance"]

ROWS_PER_COMPONENT = 5  # with fewer, chance in the covariances dominates
EXACT = 2000  # with more columns, the decomposition is randomised, with a fixed seed


class Frechet(Metric):
    """Fréchet distance of two Gaussians, fitted to the synthetic rows and to the real test rows.

    With means m, n and covariances S, T, the score is |m - n|^2 + tr(S + T - 2 (S T)^(1/2)), the squared Wasserstein-2
    distance of the Gaussians. Rows are projected on the leading principal components of the training rows. The number
    of components is 50 (option ``components``), but at most a fifth of the number of real test rows or of synthetic
    rows, whichever is smaller. Covariances are estimated without shrinkage, so sampling noise makes the distance
    positive even between two samples of real rows.
    """

    name: ClassVar[str] = "frechet"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="frechet-distance",
            question="fidelity",
            direction="lower",
            low=0.0,
            description=(
                "squared Fréchet distance of synthetic and real test rows in principal components of training rows"
            ),
            blind_to=(
                "Everything but means and covariances, structure outside the components, and copies of training rows: "
                "Gaussian rows score as well as real rows"
            ),
            headline=True,
            floor="shuffled",
            detects=("mean-shifter", "correlation-breaker", "mode-dropper"),
            misses=("copier", "label-swapper"),
            citation="Heusel et al., NeurIPS 2017; Dowson & Landau, J. Multivariate Analysis 12(3), 1982",
        ),
    )

    class Config(Options):
        """Options of `Frechet`."""

        components: int = Field(50, ge=1, description="principal components to use at most")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table."""
        n_rows = min(evaluation.test.n_rows, evaluation.synthetic.n_rows)
        n_components = min(self.config.components, n_rows // ROWS_PER_COMPONENT)
        try:
            if n_rows and n_components == 0:
                raise Undefined(f"{n_rows} rows are too few for a covariance, which needs {ROWS_PER_COMPONENT}")
            real, synthetic = self._components(evaluation, n_components)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        moments = [(one.mean(axis=0), np.atleast_2d(np.cov(one, rowvar=False))) for one in (real, synthetic)]
        note = f"{real.shape[1]} principal components of the training rows"
        return Result(
            {"frechet-distance": frechet_distance(*moments[0], *moments[1])},
            notes=(note, *encoding_notes(evaluation)),
        )

    def _components(self, evaluation: Evaluation, n_components: int) -> tuple[Floats, Floats]:
        most = self.config.components
        real, synthetic = encoded(evaluation, "test"), encoded(evaluation, "synthetic")
        pca = evaluation.shared.once(
            ("components of training rows", most), lambda: _fitted(encoded(evaluation, "train"), most), scope="split"
        )
        a, b = (np.asarray(pca.transform(rows)[:, :n_components], dtype=np.float64) for rows in (real, synthetic))
        return a, b


def _fitted(rows: NDArray[np.float32], n_components: int) -> Any:
    from sklearn.decomposition import PCA

    n_kept = min(n_components, *rows.shape)
    if rows.shape[1] > EXACT:
        return PCA(n_kept, svd_solver="randomized", random_state=0).fit(rows)
    return PCA(n_kept, svd_solver="covariance_eigh").fit(rows.astype(np.float64))


def frechet_distance(mean_a: Floats, covariance_a: Floats, mean_b: Floats, covariance_b: Floats) -> float:
    """Return the squared Fréchet distance of two Gaussians.

    For covariances S and T, the trace of (S T)^(1/2) is computed as the sum of the singular values of S^(1/2) T^(1/2).

    Args:
        mean_a: shape (d,).
        covariance_a: symmetric, positive semi-definite, shape (d, d).
        mean_b: shape (d,).
        covariance_b: symmetric, positive semi-definite, shape (d, d).
    """
    product = _root(covariance_a) @ _root(covariance_b)
    common = np.linalg.svd(product, compute_uv=False).sum()
    difference = mean_a - mean_b
    distance = difference @ difference + np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * common
    return max(0.0, float(distance))


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root
