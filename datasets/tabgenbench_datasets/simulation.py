"""The model of the dataset ``simulated-tissues`` and of the control ``truth``.

Row r has tissue t, status s (0 normal, 1 cancer) and donor d. The expression x of gene g in row r is defined on the
scale y = log2(x + 1):

    y_rg = mu_g + beta_tg + s (delta_g + eps_tg) + kappa_s b_tg sum_m a_tm W_mg z_rm + sigma_g e_rg
    z_rm = sqrt(rho) u_dm + sqrt(1 - rho) v_rm
    x_rg = 2^max(y_rg, 0) - 1

Here u, v and e are independent standard normal variables. Every gene has a level ``mu`` on the scale y. A tissue shifts
the level of a gene by ``beta``. A tumour shifts the level by ``delta``, which is equal in all tissues, plus ``eps``,
which is specific to the tissue. Variation within a condition has two parts: the activities ``z`` of a few gene modules,
and independent noise of each gene. An activity is multiplied by four factors. ``W`` is the loading of the gene on the
module. ``a`` is the amplitude of the module in the tissue. ``b`` is 1 if modules affect the gene in the tissue, else 0.
``kappa`` is 1 in normal tissue and 1.3 in cancer. The activities of two rows of one donor have a correlation of 0.5
(``rho``).

Without the clipping at 0, the mean and the covariance within a condition are

    mean_ts = mu + beta_t + s (delta + eps_t)
    cov_ts  = kappa_s^2 diag(b_t) W^T diag(a_t^2) W diag(b_t) + diag(sigma^2)

Correlations therefore differ between tissues, and a generator must learn the covariance of each condition.

The parameters are drawn once from the seed: mu ~ N(6, 1.5^2), beta ~ N(0, 1.2^2), delta ~ N(0, 0.8^2),
eps ~ N(0, 0.5^2), a ~ U(0.2, 1.6), b ~ Bernoulli(0.7), sigma ~ U(0.2, 0.6). Each gene has one main module; on this
module, W is U(0.5, 1) with a random sign. On all other modules, W ~ N(0, 0.15^2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tabgenbench import Options

__all__ = [
    "KAPPA",
    "RHO",
    "STATUSES",
    "Design",
    "SimulationConfig",
    "TissueModel",
    "config_of",
    "gene_names",
    "make_design",
    "tissue_names",
]

STATUSES = ("normal", "cancer")  # in the order of s
RHO = 0.5
KAPPA = (1.0, 1.3)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class SimulationConfig(Options):
    """Size and seed of the simulation."""

    n_rows: int = Field(400, ge=8, le=1_000_000, description="rows; at least 4 for each tissue")
    n_genes: int = Field(100, ge=2, le=100_000, description="genes")
    n_tissues: int = Field(4, ge=1, le=1_000, description="tissues, each with normal and cancer rows")
    n_modules: int = Field(5, ge=1, le=1_000, description="modules of genes that vary together")
    seed: int = Field(0, ge=0, description="seed of the parameters and of the rows")

    @model_validator(mode="after")
    def _enough_rows(self) -> SimulationConfig:
        if self.n_rows < 4 * self.n_tissues:  # two rows of every condition, so that each side of a split has one
            raise ValueError(
                f"n_rows={self.n_rows} is too few for {self.n_tissues} tissues, expected {4 * self.n_tissues} or more"
            )
        return self


@dataclass(frozen=True, eq=False)
class Design:
    """Tissue, status and donor of every simulated row, as indices, each of shape (n_rows,)."""

    tissue: Ints
    status: Ints
    donor: Ints


def make_design(config: SimulationConfig) -> Design:
    """Return the tissue, status and donor of every row to simulate.

    Donors are spread evenly over the tissues. In each tissue, about a third of the donors have only a normal row, a
    third have only a cancer row, and a third have one row of each status.
    """
    rows: list[tuple[int, int, int]] = []
    donor = 0
    while len(rows) < config.n_rows:
        tissue, kind = donor % config.n_tissues, (donor // config.n_tissues) % 3
        rows.extend((tissue, status, donor) for status in ((0,), (1,), (1, 0))[kind])
        donor += 1
    design = np.array(rows[: config.n_rows], dtype=np.int64)
    return Design(design[:, 0], design[:, 1], design[:, 2])


@dataclass(frozen=True, eq=False)
class TissueModel:
    """The parameters of the model.

    Shape letters: ``T`` tissues, ``S`` statuses, ``G`` genes, ``M`` modules. Formulas: see the module.

    Attributes:
        mean_TSG: mean of each condition on the log2(x + 1) scale before clipping, shape (T, 2, G).
        amplitude_TM: amplitude of each module in each tissue.
        part_TG: 1 if modules affect the gene in the tissue, else 0 (``b`` in the formulas).
        loadings_MG: loadings of the genes on the modules.
        sigma_G: standard deviation of the noise of each gene.
    """

    mean_TSG: Floats
    amplitude_TM: Floats
    part_TG: Floats
    loadings_MG: Floats
    sigma_G: Floats

    @classmethod
    def from_config(cls, config: SimulationConfig) -> TissueModel:
        """Draw the parameters of the model from the seed."""
        rng = np.random.default_rng([config.seed, 0])
        T, G, M = config.n_tissues, config.n_genes, config.n_modules
        level = rng.normal(6.0, 1.5, G) + rng.normal(0.0, 1.2, (T, G))
        tumour = rng.normal(0.0, 0.8, G) + rng.normal(0.0, 0.5, (T, G))
        loadings = rng.normal(0.0, 0.15, (M, G))
        loadings[rng.integers(0, M, G), np.arange(G)] = rng.uniform(0.5, 1.0, G) * rng.choice([-1.0, 1.0], G)
        return cls(
            mean_TSG=np.stack([level, level + tumour], axis=1),
            amplitude_TM=rng.uniform(0.2, 1.6, (T, M)),
            part_TG=(rng.random((T, G)) < 0.7).astype(np.float64),
            loadings_MG=loadings,
            sigma_G=rng.uniform(0.2, 0.6, G),
        )

    def covariance(self, tissue: int, status: int) -> Floats:
        """Return the covariance of genes within a condition on the log2(x + 1) scale before clipping, shape (G, G)."""
        weighted = self.amplitude_TM[tissue][:, None] * self.loadings_MG * self.part_TG[tissue]
        covariance: Floats = KAPPA[status] ** 2 * weighted.T @ weighted + np.diag(self.sigma_G**2)
        return covariance

    def sample(self, design: Design, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw the expression values x of the rows of a design, shape (n_rows, G), float32, >= 0.

        The code sums over modules in a loop, because the last bits of a matrix product depend on the number of threads.
        """
        _, donor = np.unique(design.donor, return_inverse=True)
        n, M = len(design.donor), len(self.loadings_MG)
        shared = rng.standard_normal((int(donor.max(initial=-1)) + 1, M))[donor]
        activity = np.sqrt(RHO) * shared + np.sqrt(1.0 - RHO) * rng.standard_normal((n, M))
        activity *= self.amplitude_TM[design.tissue] * np.array(KAPPA)[design.status][:, None]
        y = np.zeros((n, len(self.sigma_G)))
        for m in range(M):
            y += activity[:, m, None] * self.loadings_MG[m]
        y *= self.part_TG[design.tissue]
        y += self.mean_TSG[design.tissue, design.status]
        y += self.sigma_G * rng.standard_normal(y.shape)
        values: NDArray[np.float32] = (np.exp2(np.maximum(y, 0.0)) - 1.0).astype(np.float32)
        return values


def tissue_names(config: SimulationConfig) -> list[str]:
    """Return the names of the tissues, such as ``tissue-01``; all names have the same length."""
    return _names("tissue", config.n_tissues)


def gene_names(config: SimulationConfig) -> list[str]:
    """Return the names of the genes."""
    return _names("gene", config.n_genes)


def config_of(options: Any) -> SimulationConfig:
    """Return the options in `Table.source` as `SimulationConfig`; invalid options raise ``ValidationError``."""
    return SimulationConfig.model_validate(dict(options))


def _names(stem: str, n: int) -> list[str]:
    width = len(str(n))
    return [f"{stem}-{i:0{width}d}" for i in range(1, n + 1)]
