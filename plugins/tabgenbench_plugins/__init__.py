"""Registration of the generators and metrics that ship with TabGenBench.

The module of a generator or metric is imported when this generator or metric is first used.
"""

from __future__ import annotations

from pathlib import Path

from tabgenbench import Lazy, hookimpl


def _generator(name: str, target: str, summary: str, extra: str | None = None) -> Lazy:
    return Lazy(name, f"{__name__}.generators.{target}", summary, extra=extra)


def _metric(name: str, target: str, summary: str, extra: str | None = None) -> Lazy:
    return Lazy(name, f"{__name__}.metrics.{target}", summary, extra=extra)


GENERATORS = (
    _generator("cvae", "cvae:CVAE", "conditional variational autoencoder (Bong & Oh 2023)"),
    _generator("wgan-gp", "wgan_gp:WGANGP", "Wasserstein GAN with gradient penalty (Viñas et al. 2022)"),
    _generator(
        "cvae-selected", "cvae_selected:CVAESelected", "cvae with learning rate and depth selected on validation rows"
    ),
    _generator("ctgan", "ctgan:CTGAN", "conditional GAN of mode-normalised columns (Xu et al. 2019)"),
    _generator("tvae", "tvae:TVAE", "variational autoencoder of mode-normalised columns (Xu et al. 2019)"),
    _generator(
        "gaussian-copula",
        "gaussian_copula:GaussianCopula",
        "Gaussian copula with separately fitted margins (package sdv)",
        extra="sdv",
    ),
    _generator("arf", "arf:ARF", "adversarial random forest with conditions by leaf weights (Watson et al. 2023)"),
    _generator(
        "forest-flow",
        "forest_flow:ForestFlow",
        "flow matching with boosted trees (package ForestDiffusion; Jolicoeur-Martineau et al. 2024)",
        extra="forest",
    ),
    _generator(
        "flow-matching",
        "flow_matching:FlowMatching",
        "conditional flow matching (Tong et al. 2024)",
    ),
    _generator("tabddpm", "tabddpm:TabDDPM", "Gaussian and multinomial diffusion (Kotelnikov et al. 2023)"),
    _generator(
        "hierarchical-factors",
        "hierarchical_factors:HierarchicalFactors",
        "condition means, shrunk covariances of few factors, empirical margins (ours)",
    ),
    _generator(
        "invae", "invae:InVAE", "counts of cells from an invariant and a spurious block of latents (Aliee et al. 2023)"
    ),
    _generator(
        "scvi", "scvi:SCVI", "counts of cells from a variational autoencoder (package scvi-tools)", "singlecell"
    ),
    _generator("scanvi", "scanvi:SCANVI", "scvi with a label in the prior, which it predicts", "singlecell"),
    _generator("unchanged", "unchanged:Unchanged", "control: another state's rows for an unseen combination"),
    _generator("shift-of-others", "shift_of_others:ShiftOfOthers", "control: those rows plus the other types' shift"),
    _generator(
        "shift-of-nearest", "shift_of_nearest:ShiftOfNearest", "control: those rows plus a similar type's shift"
    ),
    _generator("real-resample", "real_resample:RealResample", "control: training rows of the condition"),
    _generator("condition-mean", "condition_mean:ConditionMean", "control: the condition's mean row"),
    _generator(
        "condition-gaussian",
        "condition_gaussian:ConditionGaussian",
        "control: independent Gaussian features within the condition",
    ),
    _generator(
        "condition-mvn", "condition_mvn:ConditionMVN", "control: condition mean + Ledoit-Wolf covariance of residuals"
    ),
    _generator("smote", "smote:SMOTE", "control: interpolation between neighbouring training rows of the condition"),
    _generator(
        "condition-nb",
        "condition_nb:ConditionNB",
        "control: negative binomial counts of each gene within the condition (single cells)",
    ),
    _generator("unseen-third", "unseen_third:UnseenThird", "control of privacy: rows of the third that no model sees"),
    _generator("shuffled", "shuffled:Shuffled", "control: every feature permuted over training rows"),
)
PLANTED = (
    _generator("copier", "copier:Copier", "planted failure: training rows with tiny noise"),
    _generator("mode-dropper", "mode_dropper:ModeDropper", "planted failure: a tenth of the conditions is missing"),
    _generator(
        "correlation-breaker",
        "correlation_breaker:CorrelationBreaker",
        "planted failure: each feature permuted within the condition",
    ),
    _generator("mean-shifter", "mean_shifter:MeanShifter", "planted failure: a tenth of the features too high"),
    _generator(
        "label-swapper", "label_swapper:LabelSwapper", "planted failure: conditions of a fifth of the rows permuted"
    ),
    _generator("rounder", "rounder:Rounder", "planted failure: coarsely rounded numbers"),
    _generator(
        "category-collapser",
        "category_collapser:CategoryCollapser",
        "planted failure: the rarest categories replaced by the most frequent one",
    ),
)
EMBEDDING_CONTROLS = (
    _generator("pca", "pca:PCA", "control: an embedding by principal components"),
    _generator("harmony", "harmony:Harmony", "control: principal components corrected by Harmony", "singlecell"),
    _generator("random", "random_embedding:RandomEmbedding", "control: an embedding of pure noise"),
    _generator("batch-leaker", "batch_leaker:BatchLeaker", "control: an embedding that contains the batch"),
    _generator(
        "over-corrector", "over_corrector:OverCorrector", "control: an embedding without differences between conditions"
    ),
)
CELL_FAILURES = (
    _generator("library-halver", "library_halver:LibraryHalver", "control: counts of cells with half of the molecules"),
)
FIDELITY = (
    _metric("moments", "moments:Moments", "errors of means and variances, variance ratios"),
    _metric(
        "pca-separability",
        "pca_separability:PCASeparability",
        "separation of tissues and states, mixing of real and synthetic rows, in principal components",
    ),
    _metric(
        "umap-separability",
        "umap_separability:UMAPSeparability",
        "the same in a UMAP (an illustration), with coordinates for its figure",
    ),
    _metric("columns", "columns:Columns", "distances of single columns, numeric and categorical"),
    _metric("missing", "missing:Missing", "rates and patterns of missing values"),
    _metric(
        "associations",
        "associations:PairAssociations",
        "error of the associations of all pairs of columns, numeric and categorical",
    ),
    _metric("validity", "validity:Validity", "values outside the range, unseen categories, broken whole numbers"),
    _metric(
        "mean-variance", "mean_variance:MeanVariance", "shares of zeros, and relation of mean and variance of features"
    ),
    _metric(
        "combination-shift",
        "combination_shift:CombinationShift",
        "effect of a state on a type that training lacks in this state",
    ),
    _metric(
        "count-realism",
        "count_realism:CountRealism",
        "counts of cells: zeros, library sizes, and mean profiles of types",
    ),
    _metric("distances", "distances:Distances", "energy distance and maximum mean discrepancy"),
    _metric("frechet", "frechet:Frechet", "Fréchet distance in principal components"),
    _metric("prdc", "prdc:PRDC", "precision, recall, density and coverage by nearest neighbours"),
    _metric(
        "c2st",
        "c2st:ClassifierTest",
        "two-sample tests: AUC of boosted trees and of a logistic regression that tell synthetic from real rows",
    ),
    _metric(
        "sdmetrics",
        "sdmetrics_quality:SDMetricsQuality",
        "quality report of SDMetrics, which SDV shows (package sdmetrics)",
        extra="sdmetrics",
    ),
)
STRUCTURE = (
    _metric("gamma", "gamma:Gamma", "agreement of the feature-feature correlation matrices"),
    _metric("gamma-within", "gamma_within:GammaWithin", "gamma after removing each condition's mean"),
    _metric(
        "gamma-by-condition",
        "gamma_by_condition:GammaByCondition",
        "mean of gamma within each condition with at least 20 test rows",
    ),
    _metric("dendrogram", "dendrogram:Dendrogram", "agreement of feature dendrograms (S_dend, S_sdcc)"),
    _metric(
        "correlation-pairs",
        "correlation_pairs:CorrelationPairs",
        "error and strength of correlations, pair by pair, with counts for a hexbin figure",
    ),
    _metric(
        "differential-expression",
        "differential_expression:DifferentialExpression",
        "agreement of fold changes and of significant features between two groups, as cancer and normal in a tissue",
    ),
    _metric("marker-genes", "marker_genes:MarkerGenes", "agreement of the features that mark each condition"),
    _metric(
        "condition-prediction",
        "condition_prediction:ConditionPrediction",
        "AUC with which a classifier fitted on real rows predicts the conditions of synthetic rows",
    ),
    _metric(
        "condition-coexpression",
        "condition_coexpression:ConditionCoexpression",
        "agreement of the strongest correlations within each condition",
    ),
    _metric(
        "regulators",
        "regulators:Regulators",
        "agreement of the correlations of regulators and their targets, given a file of pairs (psi, phi)",
    ),
)
UTILITY = (
    _metric("tstr", "tstr:TrainSyntheticTestReal", "train on synthetic, test on real, beside train on real"),
    _metric(
        "feature-importance",
        "feature_importance:FeatureImportance",
        "agreement of the importances of predictors in forests of synthetic and of real rows",
    ),
    _metric(
        "augmentation",
        "augmentation:Augmentation",
        "gain of models by synthetic rows that are added to the real training rows",
    ),
)
PRIVACY = (
    _metric(
        "closest-record",
        "closest_record:ClosestRecord",
        "privacy: distances to the closest training row and to the closest hold-out row",
    ),
    _metric(
        "membership",
        "membership:Membership",
        "privacy: attacks by nearest distance, density ratio and discriminator on training rows",
    ),
    _metric(
        "mahalanobis-membership",
        "mahalanobis_membership:MahalanobisMembership",
        "privacy: attack through mean and covariance of each condition",
    ),
    _metric(
        "attribute-inference",
        "attribute_inference:AttributeInference",
        "privacy: guesses of a category of training rows against guesses of never-seen rows",
    ),
)
EMBEDDINGS = (
    _metric("scib", "scib:ScIB", "embeddings of cells: the ten scores of scIB, batch correction and biology"),
    _metric(
        "block-test",
        "block_test:BlockTest",
        "embeddings of cells: what each block of latents says about batch, type and condition",
    ),
    _metric(
        "label-prediction",
        "label_prediction:LabelPrediction",
        "predicted types and conditions of cells, by the model or from its embedding",
    ),
    _metric(
        "identifiability",
        "identifiability:Identifiability",
        "embeddings of simulated cells: correlation with the true factors",
    ),
    _metric(
        "query-to-atlas",
        "query_to_atlas:QueryToAtlas",
        "embeddings of cells: types of test cells from training cells, or unknown",
    ),
)


@hookimpl
def register_generators() -> list[Lazy]:
    """Register models, controls (simple generators for comparison) and planted failures (real rows with one fault).

    `tabgenbench calibrate` tests which scores detect the failures in `PLANTED`. Planted failures for single-cell data
    are not in `PLANTED`; boards show these failures as controls.
    """
    return [*GENERATORS, *PLANTED, *EMBEDDING_CONTROLS, *CELL_FAILURES]


@hookimpl
def register_metrics() -> list[Lazy]:
    """Register the metrics of fidelity, structure, utility and privacy, and the metrics of embeddings."""
    return [*FIDELITY, *STRUCTURE, *UTILITY, *PRIVACY, *EMBEDDINGS]


@hookimpl
def register_suites() -> list[Path]:
    """Register the suites (benchmarks): the TOML files in the folder `suites`."""
    return sorted((Path(__file__).parent / "suites").glob("*.toml"))
