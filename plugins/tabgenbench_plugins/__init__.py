"""Registration of the generators and metrics that ship with TabGenBench; their modules are imported when used."""

from __future__ import annotations

from pathlib import Path

from tabgenbench import Lazy, hookimpl

_GENERATORS = "tabgenbench_plugins.generators"
_METRICS = "tabgenbench_plugins.metrics"


@hookimpl
def register_generators() -> list[Lazy]:
    """Register the generators."""
    return [
        Lazy("cvae", f"{_GENERATORS}.cvae:CVAE", "conditional variational autoencoder (Bong & Oh 2023)"),
        Lazy("wgan-gp", f"{_GENERATORS}.wgan_gp:WGANGP", "Wasserstein GAN with gradient penalty (Viñas et al. 2022)"),
        Lazy(
            "cvae-selected",
            f"{_GENERATORS}.cvae_selected:CVAESelected",
            "cvae with learning rate and depth selected on validation rows",
        ),
        Lazy("ctgan", f"{_GENERATORS}.ctgan:CTGAN", "conditional GAN of mode-normalised columns (Xu et al. 2019)"),
        Lazy("tvae", f"{_GENERATORS}.tvae:TVAE", "variational autoencoder of mode-normalised columns (Xu et al. 2019)"),
        Lazy(
            "gaussian-copula",
            f"{_GENERATORS}.gaussian_copula:GaussianCopula",
            "Gaussian copula with separately fitted margins (package sdv)",
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
        Lazy(
            "unseen-third",
            f"{_GENERATORS}.unseen_third:UnseenThird",
            "control of privacy: rows of the third that no model sees",
        ),
        Lazy("shuffled", f"{_GENERATORS}.shuffled:Shuffled", "control: every feature permuted over training rows"),
    ]


@hookimpl
def register_metrics() -> list[Lazy]:
    """Register the metrics."""
    return [
        Lazy("gamma", f"{_METRICS}.gamma:Gamma", "agreement of the feature-feature correlation matrices"),
        Lazy("gamma-within", f"{_METRICS}.gamma_within:GammaWithin", "gamma after removing each condition's mean"),
        Lazy(
            "gamma-by-condition",
            f"{_METRICS}.gamma_by_condition:GammaByCondition",
            "mean of gamma within each condition with at least 20 test rows",
        ),
        Lazy("dendrogram", f"{_METRICS}.dendrogram:Dendrogram", "agreement of feature dendrograms (S_dend, S_sdcc)"),
        Lazy("moments", f"{_METRICS}.moments:Moments", "errors of means and variances, variance ratios"),
        Lazy(
            "pca-separability",
            f"{_METRICS}.pca_separability:PCASeparability",
            "separation of tissues and states, mixing of real and synthetic rows, in principal components",
        ),
        Lazy(
            "umap-separability",
            f"{_METRICS}.umap_separability:UMAPSeparability",
            "the same in a UMAP (an illustration), with coordinates for its figure",
        ),
        Lazy(
            "correlation-pairs",
            f"{_METRICS}.correlation_pairs:CorrelationPairs",
            "error and strength of correlations, pair by pair, with counts for a hexbin figure",
        ),
        Lazy("columns", f"{_METRICS}.columns:Columns", "distances of single columns, numeric and categorical"),
        Lazy("missing", f"{_METRICS}.missing:Missing", "rates and patterns of missing values"),
        Lazy(
            "associations",
            f"{_METRICS}.associations:PairAssociations",
            "error of the associations of all pairs of columns, numeric and categorical",
        ),
        Lazy(
            "closest-record",
            f"{_METRICS}.closest_record:ClosestRecord",
            "privacy: distances to the closest training row and to the closest hold-out row",
        ),
        Lazy(
            "membership",
            f"{_METRICS}.membership:Membership",
            "privacy: attacks by nearest distance, density ratio and discriminator on training rows",
        ),
        Lazy(
            "mahalanobis-membership",
            f"{_METRICS}.mahalanobis_membership:MahalanobisMembership",
            "privacy: attack through mean and covariance of each condition",
        ),
        Lazy(
            "attribute-inference",
            f"{_METRICS}.attribute_inference:AttributeInference",
            "privacy: guesses of a category of training rows against guesses of never-seen rows",
        ),
        Lazy(
            "validity",
            f"{_METRICS}.validity:Validity",
            "values outside the range, unseen categories, broken whole numbers",
        ),
        Lazy(
            "mean-variance",
            f"{_METRICS}.mean_variance:MeanVariance",
            "shares of zeros, and relation of mean and variance of features",
        ),
        Lazy("distances", f"{_METRICS}.distances:Distances", "energy distance and maximum mean discrepancy"),
        Lazy("frechet", f"{_METRICS}.frechet:Frechet", "Fréchet distance in principal components"),
        Lazy("prdc", f"{_METRICS}.prdc:PRDC", "precision, recall, density and coverage by nearest neighbours"),
        Lazy(
            "c2st",
            f"{_METRICS}.c2st:ClassifierTest",
            "two-sample tests: AUC of boosted trees and of a logistic regression that tell synthetic from real rows",
        ),
        Lazy(
            "sdmetrics",
            f"{_METRICS}.sdmetrics_quality:SDMetricsQuality",
            "quality report of SDMetrics, which SDV shows (package sdmetrics)",
            extra="sdmetrics",
        ),
    ]


@hookimpl
def register_suites() -> list[Path]:
    """Register the suites: the TOML files beside this module."""
    return sorted((Path(__file__).parent / "suites").glob("*.toml"))
