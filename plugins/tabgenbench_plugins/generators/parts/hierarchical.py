"""Covariance of each condition, shrunk towards the pooled covariance and reduced to its leading factors.

R_c are the residuals of condition c (n_c rows r_i), P are the residuals of all conditions, and ν = Σ (n_c - 1):

    S_c = R_cᵀR_c / (n_c - 1)      S_p = PᵀP / ν      Σ_c = w_c S_c + (1 - w_c) S_p
    w_c = 1 - V_c / |S_c - S_p|²,  limited to [0, 1], and 0 if n_c < 4
    V_c = n / (n - 1)³ · (Σ_i |r_i|⁴ - (n - 1)² / n · |S_c|²),  n = n_c

| | is the Frobenius norm. V_c estimates E|S_c - E S_c|², the sampling error of the condition's own covariance S_c. The
weight w_c is an empirical-Bayes estimate. It shrinks S_c towards the pooled covariance S_p, as Ledoit & Wolf (2004, doi
10.1016/S0047-259X(03)00096-4) shrink a covariance towards a multiple of the identity.

A covariance Σ is stored as a root A with AᵀA = Σ. For a matrix X with fewer rows than features, the norm |XᵀX| is
computed as |XXᵀ| to save memory.

    N rows   F features   R = min(N, F) rows of a root   K factors   M rows drawn
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Factors", "Root", "own_weight", "roots"]

BLOCK = 1024  # rows of a product or of a draw that are computed together
MIN_ROWS = 4  # fewest rows for a separate covariance

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Root:
    """Covariance w AᵀA + (1 - w) BᵀB of a condition.

    Attributes:
        own: A, root of the condition's own covariance, shape (R, F); shape (0, F) if w = 0.
        pooled: B, root of the pooled covariance, shape (R, F).
        weight: w.
    """

    own: Floats
    pooled: Floats
    weight: float

    def variances(self) -> NDArray[np.float64]:
        """Return the variance of each feature, shape (F,)."""
        own, pooled = (np.einsum("rf,rf->f", a, a, dtype=np.float64) for a in (self.own, self.pooled))
        return np.asarray(self.weight * own + (1.0 - self.weight) * pooled)

    def draw(self, n_rows: int, rng: np.random.Generator) -> Floats:
        """Sample rows of N(0, covariance), shape (M, F)."""
        x_MF = np.zeros((n_rows, self.pooled.shape[1]), dtype=np.float32)
        for root, share in ((self.own, self.weight), (self.pooled, 1.0 - self.weight)):
            for start in range(0, n_rows if share else 0, BLOCK):
                block = x_MF[start : start + BLOCK]
                block += np.float32(np.sqrt(share)) * rng.standard_normal((len(block), len(root)), np.float32) @ root
        return x_MF

    def factors(self, n_factors: int) -> Factors:
        """Return the leading factors of the covariance, and the variances that these factors do not explain."""
        parts = [np.float32(np.sqrt(self.weight)) * self.own, np.float32(np.sqrt(1.0 - self.weight)) * self.pooled]
        loadings = _leading(np.vstack(parts), n_factors)
        rest = self.variances() - np.einsum("kf,kf->f", loadings, loadings, dtype=np.float64)
        return Factors(loadings, np.maximum(rest, 0.0).astype(np.float32))


@dataclass(frozen=True, eq=False)
class Factors:
    """Factor model of a covariance, LᵀL + diag(ψ).

    Attributes:
        loadings: L, shape (K, F), the leading right singular vectors of a root, each multiplied by its singular value.
        rest: ψ, the variances that the factors do not explain, shape (F,).
    """

    loadings: Floats
    rest: Floats

    def variances(self) -> NDArray[np.float64]:
        """Return the variance of each feature, shape (F,). The reduction to factors does not change it."""
        return np.asarray(np.einsum("kf,kf->f", self.loadings, self.loadings, dtype=np.float64) + self.rest)

    def draw(self, n_rows: int, rng: np.random.Generator) -> Floats:
        """Sample rows zᵀL + √ψ ε, shape (M, F), with z and ε standard normal."""
        x_MF = rng.standard_normal((n_rows, len(self.rest)), dtype=np.float32)
        x_MF *= np.sqrt(self.rest)
        x_MF += rng.standard_normal((n_rows, len(self.loadings)), dtype=np.float32) @ self.loadings
        return x_MF


def roots(residuals_NF: Floats, codes: NDArray[np.int64]) -> Iterator[tuple[int, Root]]:
    """Yield the code of each condition, with the root of its covariance.

    Conditions with w_c = 0 have the pooled covariance and share one `Root`.

    Args:
        residuals_NF: rows minus the mean of their condition.
        codes: the condition of each row, shape (N,). A condition with one row adds nothing to the pooled covariance.
    """
    groups = {int(k): np.flatnonzero(codes == k) for k in np.unique(codes)}
    freedom = len(codes) - len(groups)
    pooled_NF = residuals_NF / np.float32(np.sqrt(max(1, freedom)))
    pooled_norm = _squared_product(pooled_NF, pooled_NF)
    shared = Root(residuals_NF[:0], _reduced(pooled_NF), 0.0)
    for k, rows in groups.items():
        weight = 0.0
        if len(rows) >= MIN_ROWS:
            own_NF = residuals_NF[rows] / np.float32(np.sqrt(len(rows) - 1))
            weight = own_weight(own_NF, pooled_NF, pooled_norm)
        yield k, Root(_reduced(own_NF), shared.pooled, weight) if weight else shared


def own_weight(own_NF: Floats, pooled_NF: Floats, pooled_norm: float) -> float:
    """Return w, the weight of a condition's own covariance.

    Args:
        own_NF: residuals of the condition, divided by √(n_c - 1). This is a root of S_c.
        pooled_NF: residuals of all conditions, divided by √ν with ν = Σ (n_c - 1). This is a root of S_p.
        pooled_norm: |S_p|².
    """
    n = len(own_NF)
    norm = _squared_product(own_NF, own_NF)
    distance = norm + pooled_norm - 2.0 * _squared_product(own_NF, pooled_NF)
    if distance <= 1e-5 * pooled_norm:  # S_c and S_p are equal but for rounding, as in a table with one condition
        return 0.0
    fourth = float((np.einsum("nf,nf->n", own_NF, own_NF, dtype=np.float64) ** 2).sum())  # Σ|r|⁴ / (n - 1)²
    error = (n * fourth - norm) / (n - 1)
    return float(np.clip(1.0 - error / distance, 0.0, 1.0))


def _squared_product(a_NF: Floats, b_NF: Floats) -> float:
    """Return |ABᵀ|², which equals the sum over the elementwise product of AᵀA and BᵀB."""
    if len(a_NF) > a_NF.shape[1]:
        return float(np.einsum("fg,fg->", a_NF.T @ a_NF, b_NF.T @ b_NF, dtype=np.float64))
    total = 0.0
    for start in range(0, len(b_NF), BLOCK):
        product = a_NF @ b_NF[start : start + BLOCK].T
        total += float(np.einsum("ij,ij->", product, product, dtype=np.float64))
    return total


def _reduced(root_NF: Floats) -> Floats:
    if len(root_NF) <= root_NF.shape[1]:
        return root_NF
    return np.asarray(np.linalg.qr(root_NF, mode="r"))


def _leading(root_RF: Floats, n_factors: int) -> Floats:
    from scipy.linalg import eigh

    is_wide = len(root_RF) <= root_RF.shape[1]
    gram = (root_RF @ root_RF.T if is_wide else root_RF.T @ root_RF).astype(np.float64)
    values, vectors = eigh(gram, subset_by_index=(max(0, len(gram) - n_factors), len(gram) - 1))
    if is_wide:  # UᵀM = diag(d) Vᵀ, with the eigenvectors U of MMᵀ
        loadings = vectors.T.astype(np.float32) @ root_RF
    else:
        loadings = (np.sqrt(np.maximum(values, 0.0)) * vectors).T.astype(np.float32)
    largest = np.take_along_axis(loadings, np.abs(loadings).argmax(axis=1)[:, None], axis=1)
    return np.asarray(np.where(largest < 0, -loadings, loadings))  # signs are arbitrary; libraries choose differently
