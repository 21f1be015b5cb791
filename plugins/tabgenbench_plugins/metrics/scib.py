"""scIB (single-cell integration benchmark): how well embeddings of cells remove batch effects and conserve biology."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import (
    Artifacts,
    Evaluation,
    Metric,
    MetricContext,
    MetricFigure,
    Requirement,
    Result,
    ScoreSpec,
    Unsupported,
)
from tabgenbench_plugins.cell_columns import CellOptions, cell_columns
from tabgenbench_plugins.metrics.parts.embedded_cells import before_integration, codes_of, embedded, labels_of
from tabgenbench_plugins.metrics.parts.knn_graph import KnnGraph
from tabgenbench_plugins.metrics.parts.scib_scores import GRAPH, score_embedding

__all__ = ["ScIB"]

SCIB = "Luecken et al., Nature Methods 19, 2022, doi 10.1038/s41592-021-01336-8"
LISI = "Korsunsky et al., Nature Methods 16, 2019, doi 10.1038/s41592-019-0619-0"
KBET = "Büttner et al., Nature Methods 16, 2019, doi 10.1038/s41592-018-0254-1"
ONLY_BATCH = "Biology: an embedding of pure noise has a good value"
ONLY_BIO = "Batch effects: an embedding that keeps them can have the best value"
_PARTS: tuple[tuple[str, str, str, str], ...] = (
    ("ilisi", "median effective number of batches among a cell's neighbours", ONLY_BATCH, LISI),
    ("kbet", "share of cells whose neighbours of the same type have the batches of the type", ONLY_BATCH, KBET),
    ("graph-connectivity", "share of a type's cells in the largest component of its graph", ONLY_BATCH, SCIB),
    ("pcr-comparison", "share of the variance between batches that the embedding removed", ONLY_BATCH, KBET),
    ("asw-batch", "1 - |silhouette width| of batches within types", f"{ONLY_BATCH}; nested batch effects", SCIB),
    ("nmi", "normalised mutual information of types and Louvain clusters at the best resolution", ONLY_BIO, SCIB),
    ("ari", "adjusted Rand index of types and Louvain clusters at the best resolution", ONLY_BIO, SCIB),
    ("asw-label", "silhouette width of types", ONLY_BIO, SCIB),
    ("isolated-labels", "silhouette width of the types that occur in the fewest batches", ONLY_BIO, SCIB),
    ("clisi", "how few types are among a cell's neighbours", ONLY_BIO, LISI),
)
_VARIANTS: tuple[tuple[str, str, str, str], ...] = (
    (
        "bras",
        "batch-removal adapted silhouette, asw-batch in the package scib-metrics",
        ONLY_BATCH,
        "Rautenstrauch & Ohler, Nature Biotechnology, 2025, doi 10.1038/s41587-025-02743-4",
    ),
    ("nmi-kmeans", "nmi with clusters of k-means, as in the package scib-metrics", ONLY_BIO, SCIB),
    ("ari-kmeans", "ari with clusters of k-means, as in the package scib-metrics", ONLY_BIO, SCIB),
)
_MEANS: tuple[tuple[str, str, str, str], ...] = (
    ("total", ".6 bio + .4 batch", "A shared loss of conditions: only types and batches count", SCIB),
    ("bio", "mean of nmi, ari, asw-label, isolated-labels and clisi", ONLY_BIO, SCIB),
    ("batch", "mean of ilisi, kbet, graph-connectivity, pcr-comparison and asw-batch", ONLY_BATCH, SCIB),
    (
        "total-package",
        "the total with bras, nmi-kmeans and ari-kmeans, as in the package scib-metrics",
        "As the total",
        SCIB,
    ),
)

LINE = ["group", "score", "value"]
GROUPS = {
    **{part[0]: "batch correction" for part in _PARTS[:5]},
    **{part[0]: "bio conservation" for part in _PARTS[5:]},
    **dict.fromkeys(("batch", "bio", "total"), "aggregate score"),
}


def _spec(name: str, description: str, blind_to: str, citation: str) -> ScoreSpec:
    is_mean = name in ("total", "bio", "batch")
    return ScoreSpec(
        name=f"scib-{name}",
        question="integration" if is_mean else "",
        direction="higher",
        low=0.0,
        high=1.0,
        description=description,
        blind_to=blind_to,
        floor="random" if name in ("total", "bio") else "",
        ceiling="",
        citation=citation,
        ranked=is_mean,
        headline=name == "total",
    )


class ScIB(Metric):
    """The ten scores of scIB for the embedding of the test cells, and means of these scores.

    Only the first block (named group of dimensions) of the embedding is scored. The *labels* of scIB are the cell
    types, and its *batches* are the values of the batch column of the schema. Module `scib_scores` defines the scores.
    Neighbour graphs are exact, not approximate.

    Source: Luecken et al. 2022, as computed by the package scib-metrics. If the paper and the package define a score
    differently, the results contain a score for each definition.
    """

    name: ClassVar[str] = "scib"
    requires: ClassVar[tuple[Requirement, ...]] = ("conditions", "batch", "embedding")
    reads_synthetic: ClassVar[bool] = False
    scores: ClassVar[tuple[ScoreSpec, ...]] = tuple(_spec(*part) for part in (*_MEANS, *_PARTS, *_VARIANTS))

    class Config(CellOptions):
        """Options of `ScIB`."""

        max_rows: int = Field(
            10_000, ge=100, description="test cells to use at most, drawn at random: time grows with their square"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Compute the scores of scIB for the embedding of one model.

        The artifact ``scib`` has one row for each of the ten scores and of their three means, with columns ``group``,
        ``score`` and ``value``.

        Raises:
            Unsupported: the test cells have only one batch or only one type.
            ConfigError: an option names a column that is not a condition column.
        """
        test, cells = evaluation.test, embedded(evaluation.embedding)
        column, batch = cell_columns(test.schema.conditions, self.config)[0], test.schema.batch or ""
        types, batches = codes_of(labels_of(test, column)), codes_of(labels_of(test, batch))
        for name, codes in ((f"batch column {batch!r}", batches), (f"type column {column!r}", types)):
            if len(codes) == 0 or codes.max() == 0:
                raise Unsupported(f"needs two values among the test cells; the {name} has fewer")
        place, before = cells.first, before_integration(evaluation, 50)
        notes = [f"{column} is the type, {batch} the batch"]
        if len(place) > self.config.max_rows:
            rows = np.sort(context.numpy.choice(len(place), self.config.max_rows, replace=False))
            place, before = place[rows], before[rows]
            types, batches = (np.unique(codes[rows], return_inverse=True)[1] for codes in (types, batches))
            notes.append(f"computed on {len(rows):,} of {test.n_rows:,} test cells, drawn at random (option max_rows)")
        graph = evaluation.shared.once(
            ("knn-graph", self.config.max_rows, context.seed), lambda: KnnGraph.of(place, GRAPH)
        )
        scores, undefined = score_embedding(place, before, types, batches, graph)
        lines = [(group, name, scores[name]) for name, group in GROUPS.items() if name in scores]
        return Result(
            {f"scib-{name}": value for name, value in scores.items()},
            {f"scib-{name}": reason for name, reason in undefined.items()},
            {"scib": pd.DataFrame(lines, columns=LINE)},
            notes=tuple(notes),
        )

    @classmethod
    def figures(cls, artifacts: Artifacts) -> Iterable[MetricFigure]:
        """Return a figure with the table of scores, in the style of scIB."""
        # Imported by name, so that changes of the drawing code do not change the cache key of the scores.
        figures: Iterable[MetricFigure] = import_module(f"{__package__}.parts.scib_figure").scib_figures(artifacts)
        return figures
