"""The model of the dataset ``simulated-cells``, from which the control ``truth-cells`` samples new rows.

A (biological) cell has a type k, a condition with strength c (0 without treatment, 1 with treatment), and a donor d.
The count x_g of gene g is drawn as follows:

    z_inv ~ N(mu_k + c delta_k, s_kc^2)       5 invariant latents, for biology
    z_spur ~ N(m_d, t_d^2)                    2 spurious latents, for the donor
    h = z_inv + 0.5 tanh(z_inv A)
    f = softmax(b + h W_i + z_spur W_s)
    log L ~ N(log 900 + l_k + l_d, 0.35^2)
    x_g ~ Poisson(L f_g Gamma(theta_g, 1 / theta_g))

where h mixes the invariant latents, f is the expected share of each gene in the counts, and L is the library size.
Gamma has the parameters shape and scale. Given f and L, counts are therefore negative binomial with mean m = L f_g and
variance m + m^2 / theta_g. Donors are drawn with equal probability. The frequencies of types and of treatment differ
between donors.

The parameters are drawn once from the seed: mu ~ N(0, 1.3^2); delta_k = d0 + N(0, 0.4^2) with d0 a random direction of
length 2.15; s ~ U(0.3, 1.2) and t ~ U(0.2, 0.9) for each latent; m ~ N(0, 1.5^2), centred over donors; A ~ N(0, 1 / 5);
b ~ N(0, 1.2^2); W_i ~ N(0, 0.4^2) Bernoulli(0.35); W_s ~ N(0, 0.35^2) Bernoulli(0.5); l ~ N(0, 0.25^2);
log theta ~ N(log 4, 0.6^2); P(type | donor) ~ Dirichlet(48 pi) with pi = (0.28, 0.22, 0.18, 0.14, 0.11, 0.07);
P(treated | donor) ~ U(0.35, 0.65).

With ``n_conditions = 3``, half of the treated cells get a third condition. This condition has its own s and its own
delta, with another direction d0. With ``severity = continuous``, c is 0, 0.1, ..., 1 with equal probability for every
donor, and s is interpolated between its values at c = 0 and c = 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy import sparse

from tabgenbench import Options

__all__ = [
    "CONDITIONS",
    "SEVERITIES",
    "TYPES",
    "Cells",
    "CellsConfig",
    "CellsModel",
    "cell_gene_names",
    "donor_names",
]

SHARES = (0.28, 0.22, 0.18, 0.14, 0.11, 0.07)
TYPES = tuple(f"type-{k}" for k in range(1, len(SHARES) + 1))
CONDITIONS = ("control", "treated", "treated-2")
SEVERITIES = tuple(f"{level / 10:.1f}" for level in range(11))
D_INV, D_SPUR = 5, 2
BLOCK = 1024  # cells simulated together; bounds the memory of a large table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class CellsConfig(Options):
    """Size, seed and design of the simulation."""

    n_cells: int = Field(5_000, ge=100, le=10_000_000, description="cells")
    n_genes: int = Field(500, ge=2, le=100_000, description="genes")
    n_donors: int = Field(6, ge=2, le=10_000, description="donors")
    n_conditions: Literal[2, 3] = Field(2, description="conditions: control, treated, and treated-2 if 3")
    severity: Literal["none", "continuous"] = Field(
        "none", description="continuous: the condition is a severity of 0.0, 0.1, ..., 1.0 instead of a treatment"
    )
    seed: int = Field(0, ge=0, description="seed of the parameters and of the cells")

    @model_validator(mode="after")
    def _check_design(self) -> CellsConfig:
        if self.n_conditions == 3 and self.severity == "continuous":
            raise ValueError("n_conditions=3 with severity=continuous, expected one of the two; leave one out")
        return self


@dataclass(frozen=True, eq=False)
class Cells:
    """Design (type, condition, donor) and true latents of simulated cells.

    Attributes:
        kind: type of each cell, index in `TYPES`, shape (n_cells,).
        condition: index in `CONDITIONS`, shape (n_cells,).
        strength: strength c of the condition, shape (n_cells,).
        donor: donor of each cell, shape (n_cells,).
        invariant: latents of biology, shape (n_cells, 5).
        spurious: latents of the donor, shape (n_cells, 2).
    """

    kind: Ints
    condition: Ints
    strength: Floats
    donor: Ints
    invariant: Floats
    spurious: Floats


@dataclass(frozen=True, eq=False)
class CellsModel:
    """The parameters of the simulation.

    The letters at the end of an attribute's name state the shape of the array: ``K`` types, ``C`` conditions, ``D``
    donors, ``G`` genes, ``I`` invariant and ``S`` spurious latents.
    """

    config: CellsConfig
    mean_KI: Floats
    shift_CKI: Floats  # no shift in the first condition
    spread_CKI: Floats
    donor_mean_DS: Floats
    donor_spread_DS: Floats
    types_DK: Floats
    treated_D: Floats
    mixing_II: Floats
    base_G: Floats
    loadings_IG: Floats
    donor_loadings_SG: Floats
    library_K: Floats
    library_D: Floats
    theta_G: Floats

    @classmethod
    def from_config(cls, config: CellsConfig) -> CellsModel:
        """Draw the parameters of the model from the seed.

        The option ``n_conditions`` does not change the parameters of the first two conditions.
        """
        rng, further = (np.random.default_rng([config.seed, stream]) for stream in (0, 2))
        K, D, G, size = len(TYPES), config.n_donors, config.n_genes, (len(TYPES), D_INV)
        mean = rng.normal(0.0, 1.3, size)
        shift = [np.zeros(size), _shift(rng, size)]
        spread = [rng.uniform(0.3, 1.2, size), rng.uniform(0.3, 1.2, size)]
        centre = rng.normal(0.0, 1.5, (D, D_SPUR))
        return cls(
            config=config,
            mean_KI=mean,
            shift_CKI=np.stack([*shift, _shift(further, size)]),
            spread_CKI=np.stack([*spread, further.uniform(0.3, 1.2, size)]),
            donor_mean_DS=centre - centre.mean(axis=0),
            donor_spread_DS=rng.uniform(0.2, 0.9, (D, D_SPUR)),
            types_DK=rng.dirichlet(48.0 * np.array(SHARES), D),
            treated_D=rng.uniform(0.35, 0.65, D),
            mixing_II=rng.normal(0.0, np.sqrt(1 / D_INV), (D_INV, D_INV)),
            base_G=rng.normal(0.0, 1.2, G),
            loadings_IG=rng.normal(0.0, 0.4, (D_INV, G)) * (rng.random((D_INV, G)) < 0.35),
            donor_loadings_SG=rng.normal(0.0, 0.35, (D_SPUR, G)) * (rng.random((D_SPUR, G)) < 0.5),
            library_K=rng.normal(0.0, 0.25, K),
            library_D=rng.normal(0.0, 0.25, D),
            theta_G=np.exp(rng.normal(np.log(4.0), 0.6, G)),
        )

    def draw_cells(self, n: int, rng: np.random.Generator) -> Cells:
        """Draw donor, type, condition and latents of ``n`` biological cells."""
        donor = rng.integers(0, self.config.n_donors, n)
        kind = _choose(self.types_DK[donor], rng)
        condition = (rng.random(n) < self.treated_D[donor]).astype(np.int64)
        if self.config.n_conditions == 3:
            condition += condition * (rng.random(n) < 0.5)
        strength = np.ones(n)
        if self.config.severity == "continuous":
            condition, strength = np.ones(n, dtype=np.int64), rng.integers(0, len(SEVERITIES), n) / 10.0
        return self.with_latents(kind, condition, strength, donor, rng)

    def draw_donors(self, kind: Ints, condition: Ints, rng: np.random.Generator) -> Ints:
        """Draw the donor of each biological cell, given the cell's type and condition."""
        treated = self.treated_D[None, :]
        of_condition = np.where(condition[:, None] == 0, 1.0 - treated, treated)
        if self.config.severity == "continuous":
            of_condition = np.ones_like(of_condition)
        weights = self.types_DK.T[kind] * of_condition
        return _choose(weights / weights.sum(axis=1, keepdims=True), rng)

    def with_latents(
        self, kind: Ints, condition: Ints, strength: Floats, donor: Ints, rng: np.random.Generator
    ) -> Cells:
        """Return cells with the given types, conditions and donors, and with new random latents."""
        n, share = len(kind), strength[:, None]
        spread = (1.0 - share) * self.spread_CKI[0, kind] + share * self.spread_CKI[condition, kind]
        centre = self.mean_KI[kind] + share * self.shift_CKI[condition, kind]
        invariant = centre + spread * rng.standard_normal((n, D_INV))
        noise = self.donor_spread_DS[donor] * rng.standard_normal((n, D_SPUR))
        return Cells(kind, condition, strength, donor, invariant, self.donor_mean_DS[donor] + noise)

    def draw_counts(self, cells: Cells, rng: np.random.Generator) -> Any:
        """Draw counts as a CSR matrix of float32, shape (n_cells, n_genes)."""
        blocks = [self._block(cells, slice(at, at + BLOCK), rng) for at in range(0, len(cells.kind), BLOCK)]
        empty = sparse.csr_matrix((0, self.config.n_genes), dtype=np.float32)
        return sparse.vstack([empty, *blocks], format="csr")

    def _block(self, cells: Cells, rows: slice, rng: np.random.Generator) -> Any:
        # Sums of outer products replace matrix products, because the rounding of matrix products depends on the number
        # of threads.
        z, kind, donor = cells.invariant[rows], cells.kind[rows], cells.donor[rows]
        h = z + 0.5 * np.tanh(sum(_outer(z, self.mixing_II)))
        eta = np.broadcast_to(self.base_G, (len(z), len(self.base_G))).copy()
        for part in (*_outer(h, self.loadings_IG), *_outer(cells.spurious[rows], self.donor_loadings_SG)):
            eta += part
        eta = np.exp(eta - eta.max(axis=1, keepdims=True))
        middle = np.log(900.0) + self.library_K[kind] + self.library_D[donor]
        library = np.exp(middle + 0.35 * rng.standard_normal(len(z)))
        mean = eta * (library / eta.sum(axis=1))[:, None]
        return sparse.csr_matrix(rng.poisson(mean * rng.gamma(self.theta_G, 1.0 / self.theta_G, eta.shape)), dtype="f4")


def cell_gene_names(config: CellsConfig) -> tuple[str, ...]:
    """Return the names of the genes."""
    return tuple(f"gene-{g:0{len(str(config.n_genes))}d}" for g in range(1, config.n_genes + 1))


def donor_names(config: CellsConfig) -> tuple[str, ...]:
    """Return the names of the donors."""
    return tuple(f"donor-{d:0{len(str(config.n_donors))}d}" for d in range(1, config.n_donors + 1))


def _shift(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    direction = rng.standard_normal(size[1])
    shift: Floats = 2.15 * direction / np.sqrt((direction**2).sum()) + rng.normal(0.0, 0.4, size)
    return shift


def _choose(probabilities: Floats, rng: np.random.Generator) -> Ints:
    ends = probabilities.cumsum(axis=1)
    chosen: Ints = (rng.random(len(ends))[:, None] * ends[:, -1:] >= ends).sum(axis=1).astype(np.int64)
    chosen[chosen == probabilities.shape[1]] -= 1  # rounding
    return chosen


def _outer(left: Floats, right: Floats) -> Iterator[Floats]:
    for j in range(len(right)):
        yield left[:, j, None] * right[j]
