"""Identifiability: agreement of an embedding with the true factors of simulated cells."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from tabgenbench import Evaluation, Metric, MetricContext, Requirement, Result, ScoreSpec, Table, Unsupported
from tabgenbench_plugins.cell_columns import CellOptions
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.embedded_cells import Embedded, codes_of, embedded, labels_of
from tabgenbench_plugins.metrics.parts.factors import matched_correlation, within_groups
from tabgenbench_plugins.metrics.parts.results import collect

__all__ = ["Identifiability"]

MCC = "Hyvärinen & Morioka, NeurIPS 2016; Khemakhem et al., AISTATS 2020, arXiv 1907.04809"
BLIND = "Factors that are mixed linearly: only one latent for each factor counts"


def _spec(name: str, description: str, *, headline: bool = False) -> ScoreSpec:
    return ScoreSpec(
        name=name,
        direction="higher",
        low=0.0,
        high=1.0,
        description=description,
        blind_to=BLIND,
        floor="random",
        ceiling="",
        citation=MCC,
        ranked=headline,
    )


class Identifiability(Metric):
    """Mean correlation of latents (dimensions of an embedding) and true factors after the best one-to-one matching.

    The true factors are columns of the annotations ``obs``: ``z_inv_1``, ``z_inv_2``, ... (invariant factors, which
    describe biology) and ``z_spur_1``, ... (spurious factors, which describe the donor). The dataset
    ``simulated-cells`` has these columns. See `matched_correlation` for the formula.
    """

    name: ClassVar[str] = "identifiability"
    requires: ClassVar[tuple[Requirement, ...]] = ("embedding",)
    reads_synthetic: ClassVar[bool] = False
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        _spec("mcc", "mean correlation of all latents with all true factors, best matching", headline=True),
        _spec("mcc-invariant", "the same for the invariant factors, from the first block"),
        _spec("mcc-spurious", "the same for the spurious factors, from the other blocks"),
        _spec("mcc-within", "the same as mcc, after subtraction of the means of groups of equal conditions and batch"),
    )

    class Config(CellOptions):
        """Options of `Identifiability`."""

        correlation: Literal["pearson", "spearman"] = Field(
            "pearson", description="correlation of values, or of ranks, which also finds monotone relations"
        )

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score the agreement of one model's embedding with the true factors.

        Raises:
            Unsupported: the table has no true factors, or the model has no embedding with finite coordinates.
        """
        test, cells = evaluation.test, embedded(evaluation.embedding)
        invariant, spurious = (_factors(test, kind) for kind in ("inv", "spur"))
        factors = np.hstack([invariant, spurious])
        if not factors.shape[1] or len(factors) < 2:
            raise Unsupported("needs two cells with true factors, columns z_inv_1, ... of obs; the table lacks them")
        ranks, whole, groups = self.config.correlation == "spearman", cells.whole, _groups(test)
        scores, undefined = collect(
            {
                "mcc": lambda: matched_correlation(factors, whole, ranks=ranks),
                "mcc-invariant": lambda: _matched(invariant, cells.first, ranks),
                "mcc-spurious": lambda: _matched(spurious, _others(cells), ranks),
                "mcc-within": lambda: matched_correlation(
                    within_groups(factors, groups), within_groups(whole, groups), ranks=ranks
                ),
            }
        )
        return Result(scores, undefined, notes=(f"{whole.shape[1]} latents, {factors.shape[1]} true factors",))


def _factors(table: Table, kind: str) -> Floats:
    names = sorted(
        (str(name) for name in table.obs.columns if re.fullmatch(rf"z_{kind}_\d+", str(name))),
        key=lambda name: int(name.rsplit("_", 1)[1]),
    )
    factors: Floats = table.obs[names].to_numpy(dtype=np.float64)
    return factors


def _groups(table: Table) -> np.ndarray:
    columns = [*table.schema.conditions, *([table.schema.batch] if table.schema.batch else [])]
    joined = ["\t".join(row) for row in zip(*(labels_of(table, name) for name in columns), strict=True)]
    return codes_of(np.array(joined if columns else [""] * table.n_rows, dtype=object))


def _matched(factors: Floats, latents: Floats, ranks: bool) -> float:
    if not factors.shape[1]:
        raise Undefined("the table has no true factors of this kind")
    return matched_correlation(factors, latents, ranks=ranks)


def _others(cells: Embedded) -> Floats:
    blocks = list(cells.blocks.values())[1:]
    if not blocks:
        raise Undefined("the embedding has one block")
    return np.hstack(blocks)
