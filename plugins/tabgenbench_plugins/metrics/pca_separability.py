"""How well conditions are separated, and how well real and synthetic rows mix, in principal components."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Requirement, Result, ScoreSpec
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.components import principal_components
from tabgenbench_plugins.metrics.parts.pooled import check_numeric, numeric_notes
from tabgenbench_plugins.metrics.parts.results import undefined_result
from tabgenbench_plugins.metrics.parts.separability import FILLED, score_separability, separability_errors
from tabgenbench_plugins.metrics.parts.separability_specs import SeparabilityOptions, separability_specs
from tabgenbench_plugins.metrics.parts.thinning import thinned

__all__ = ["PCASeparability"]


class PCASeparability(Metric):
    """How well tissues and statuses are separated, and real and synthetic rows mix, in leading principal components.

    Tissue and status are condition columns. Module `separability` defines the scores. The 50 leading components are
    kept (option ``components``), because the noise of further components would make all distances similar.
    """

    name: ClassVar[str] = "pca-separability"
    requires: ClassVar[tuple[Requirement, ...]] = ("conditions",)
    scores: ClassVar[tuple[ScoreSpec, ...]] = separability_specs(
        "pca",
        where="in 50 principal components of real test and synthetic rows together (option components)",
        ranked=True,
        blind_to="Also structure outside these components",
    )

    class Config(SeparabilityOptions):
        """Options of `PCASeparability`."""

        components: int = Field(50, ge=1, description="principal components to keep")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        Raises:
            Unsupported: an option names a column that is not a condition, or the table has categorical features, but
                fewer than two numeric features.
        """
        check_numeric(evaluation, self.name)
        full = evaluation
        evaluation, thinning = thinned(full, self.config.max_rows, seed=context.seed)
        try:
            cloud = principal_components(evaluation, self.config.components)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        result = score_separability(cloud, evaluation, self.config, prefix="pca", rng=context.numpy)
        errors = separability_errors(
            cloud, evaluation, full, self.config, prefix="pca", defined=result.scores, seed=context.seed
        )
        return replace(result, notes=(*numeric_notes(evaluation, at_gaps=FILLED), *thinning, *errors, *result.notes))
