"""Metric `umap-separability`: the scores of `pca-separability`, but in a UMAP and not ranked."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from tabgenbench import Artifacts, Evaluation, Metric, MetricContext, MetricFigure, Requirement, Result, ScoreSpec
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.components import Cloud
from tabgenbench_plugins.metrics.parts.pooled import SIDES, check_numeric, finite_values, numeric_notes
from tabgenbench_plugins.metrics.parts.results import undefined_result
from tabgenbench_plugins.metrics.parts.separability import FILLED, role_columns, score_separability, separability_errors
from tabgenbench_plugins.metrics.parts.separability_specs import SeparabilityOptions, separability_specs
from tabgenbench_plugins.metrics.parts.thinning import thinned
from tabgenbench_plugins.metrics.parts.umap_layout import umap_layout

__all__ = ["UMAPSeparability"]


class UMAPSeparability(Metric):
    """Separation of tissues and of statuses, and mixing of real and synthetic rows, in a UMAP of all rows.

    UMAP contracts compact groups, so rows without noise look better separated than real rows. Another seed of UMAP
    changes the scores by about 0.05. Therefore only ``pca-separability`` (the same scores in principal components)
    ranks generators.

    The default settings are those of Viñas et al., Bioinformatics 38(3), 2022: 300 neighbours, minimal distance 0.7.
    """

    name: ClassVar[str] = "umap-separability"
    requires: ClassVar[tuple[Requirement, ...]] = ("conditions",)
    scores: ClassVar[tuple[ScoreSpec, ...]] = separability_specs(
        "umap",
        where="in the UMAP figure (an illustration, not ranked)",
        ranked=False,
        blind_to="A UMAP is fitted for each draw, exaggerates gaps and depends on its seed",
    )

    class Config(SeparabilityOptions):
        """Options of `UMAPSeparability`."""

        umap_neighbours: int = Field(
            300, ge=2, description="neighbours in UMAP's graph, at most the number of rows minus one"
        )
        min_dist: float = Field(0.7, ge=0.0, le=1.0, description="minimal distance of two rows in the UMAP")
        epochs: int | None = Field(
            None,
            ge=1,
            description="epochs of the layout; none: the default of umap-learn, 500 up to 10,000 rows and 200 above",
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        The artifact (stored table) ``umap`` has one row for each point in the figure. The columns are ``origin``
        (``real`` or ``synthetic``), ``row`` (the number of the point among all points of this origin), ``x``, ``y``,
        and ``condition.NAME`` for each condition column, starting with tissue and status. If there are as many
        synthetic rows as test rows, the synthetic and the real point with the same ``row`` have equal conditions.

        Raises:
            Unsupported: an option names a column that is not a condition, or a table with categorical features has
                fewer than two numeric features.
        """
        check_numeric(evaluation, self.name)
        full = evaluation
        evaluation, thinning = thinned(full, self.config.max_rows, seed=context.seed)
        try:
            real, synthetic = (finite_values(evaluation, side) for side in SIDES)
            layout = umap_layout(
                np.concatenate([real, synthetic]),
                seed=context.seed,
                n_neighbors=self.config.umap_neighbours,
                min_dist=self.config.min_dist,
                n_epochs=self.config.epochs,
            )
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        cloud = Cloud(layout[: len(real)], layout[len(real) :])
        result = score_separability(cloud, evaluation, self.config, prefix="umap", rng=context.numpy)
        errors = separability_errors(
            cloud, evaluation, full, self.config, prefix="umap", defined=result.scores, seed=context.seed
        )
        return Result(
            result.scores,
            result.undefined,
            {"umap": _artifact(cloud, evaluation, self.config)},
            (*numeric_notes(evaluation, at_gaps=FILLED), *thinning, *errors, *result.notes),
        )

    @classmethod
    def figures(cls, artifacts: Artifacts) -> Iterable[MetricFigure]:
        """Return a figure with the panels of all generators, and an enlarged figure of each generator."""
        # Imported by name, so that changes of the drawing code do not change the cache key of the scores.
        figures: Iterable[MetricFigure] = import_module(f"{__package__}.parts.umap_figure").umap_figures(artifacts)
        return figures


def _artifact(cloud: Cloud, evaluation: Evaluation, options: SeparabilityOptions) -> pd.DataFrame:
    known = [str(name) for name in evaluation.test.conditions]
    names = dict.fromkeys([*(name for name in role_columns(known, options) if name is not None), *known])
    parts = []
    for origin, places, table in (
        ("real", cloud.real, evaluation.test),
        ("synthetic", cloud.synthetic, evaluation.synthetic),
    ):
        columns = {
            "row": np.arange(len(places)),
            "origin": origin,
            "x": places[:, 0].round(4),
            "y": places[:, 1].round(4),
        }
        conditions = {f"condition.{name}": table.conditions[name].astype(str).to_numpy() for name in names}
        parts.append(pd.DataFrame({**columns, **conditions}))
    return pd.concat(parts, ignore_index=True)
