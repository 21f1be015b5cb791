"""The generators and metrics that ship with TabGenBench: ordinary plugins, named here and imported when used."""

from __future__ import annotations

from pathlib import Path

from tabgenbench import Lazy, hookimpl

_GENERATORS = "tabgenbench_plugins.generators"
_METRICS = "tabgenbench_plugins.metrics"


@hookimpl
def register_generators() -> list[Lazy]:
    """Name the generators."""
    return [
        Lazy("cvae", f"{_GENERATORS}.cvae:CVAE", "conditional variational autoencoder (Bong & Oh 2023)"),
        Lazy("wgan-gp", f"{_GENERATORS}.wgan_gp:WGANGP", "Wasserstein GAN with gradient penalty (Viñas et al. 2022)"),
        Lazy(
            "cvae-selected",
            f"{_GENERATORS}.cvae_selected:CVAESelected",
            "cvae at the learning rate and depth that validation rows choose",
        ),
        Lazy("ctgan", f"{_GENERATORS}.ctgan:CTGAN", "conditional GAN of mode-normalised columns (Xu et al. 2019)"),
        Lazy("tvae", f"{_GENERATORS}.tvae:TVAE", "variational autoencoder of mode-normalised columns (Xu et al. 2019)"),
        Lazy(
            "gaussian-copula",
            f"{_GENERATORS}.gaussian_copula:GaussianCopula",
            "Gaussian copula with margins fitted one by one (package sdv)",
            extra="sdv",
        ),
        Lazy("real-resample", f"{_GENERATORS}.real_resample:RealResample", "control: training rows of the condition"),
        Lazy("condition-mean", f"{_GENERATORS}.condition_mean:ConditionMean", "control: the condition's mean row"),
        Lazy(
            "condition-gaussian",
            f"{_GENERATORS}.condition_gaussian:ConditionGaussian",
            "control: independent Gaussian features within the condition",
        ),
        Lazy(
            "condition-mvn",
            f"{_GENERATORS}.condition_mvn:ConditionMVN",
            "control: condition mean + Ledoit-Wolf covariance of residuals",
        ),
        Lazy("shuffled", f"{_GENERATORS}.shuffled:Shuffled", "control: every feature permuted over training rows"),
    ]


@hookimpl
def register_metrics() -> list[Lazy]:
    """Name the metrics."""
    return [
        Lazy("gamma", f"{_METRICS}.gamma:Gamma", "agreement of the feature-feature correlation matrices"),
        Lazy("gamma-within", f"{_METRICS}.gamma_within:GammaWithin", "gamma after removing each condition's mean"),
        Lazy(
            "gamma-by-condition",
            f"{_METRICS}.gamma_by_condition:GammaByCondition",
            "mean of gamma inside each condition with at least 20 test rows",
        ),
        Lazy("dendrogram", f"{_METRICS}.dendrogram:Dendrogram", "agreement of gene dendrograms (S_dend, S_sdcc)"),
        Lazy("moments", f"{_METRICS}.moments:Moments", "errors of means and variances, variance ratios"),
        Lazy(
            "pca-separability",
            f"{_METRICS}.pca_separability:PCASeparability",
            "do tissues and states separate, do real and synthetic rows mix: in principal components",
        ),
        Lazy(
            "umap-separability",
            f"{_METRICS}.umap_separability:UMAPSeparability",
            "the same in the UMAP figure (an illustration), with the figure's coordinates",
        ),
        Lazy(
            "correlation-pairs",
            f"{_METRICS}.correlation_pairs:CorrelationPairs",
            "are correlations as strong as real ones, pair by pair; counts for a hexbin figure",
        ),
    ]


@hookimpl
def register_suites() -> list[Path]:
    """Name the suites: the TOML files beside this module."""
    return sorted((Path(__file__).parent / "suites").glob("*.toml"))
