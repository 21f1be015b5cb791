"""Metric `block-test`: which blocks (groups of dimensions) of an embedding a classifier uses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import ClassVar, Literal

import pandas as pd
from pydantic import Field

from tabgenbench import Artifacts, Evaluation, Metric, MetricContext, MetricFigure, Requirement, Result, ScoreSpec
from tabgenbench_plugins.cell_columns import CellOptions, cell_columns
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.block_places import block_places
from tabgenbench_plugins.metrics.parts.block_use import accuracy_alone, block_use, chance_of
from tabgenbench_plugins.metrics.parts.probe_rows import ProbeRows, probe_rows

__all__ = ["BlockLine", "BlockTest"]

TALK = "three classifiers on the latents of inVAE, Aliee et al. 2023, arXiv 2307.00558"
ROLES = ("batch", "type", "condition")
SHARES = ("batch-spurious-share", "type-invariant-share", "condition-invariant-share")
_SHARE = "share of a block in the loss of held-out accuracy of a random forest if the block is permuted as a whole"


def _share(name: str, role: str, blocks: str) -> ScoreSpec:
    return ScoreSpec(
        name=name,
        direction="higher",
        low=0.0,
        high=1.0,
        description=f"joint permutation importance of {blocks} for the {role}: {_SHARE}",
        blind_to="Information that two blocks share counts for neither; compare with the share of dimensions, which a "
        "note states",
        ceiling="",
        citation=TALK,
    )


def _alone(role: str, direction: Literal["higher", "lower"], blind_to: str) -> ScoreSpec:
    return ScoreSpec(
        name=f"{role}-from-invariant",
        question="integration",
        direction=direction,
        low=-1.0,
        high=1.0,
        description=f"held-out accuracy of the {role} predicted from the first block alone, by the better of a "
        "logistic regression and a random forest, minus the share of the most frequent value",
        blind_to=blind_to,
        floor="" if direction == "lower" else "random",
        ceiling="",
        citation=TALK,
        headline=role == "batch",
    )


@dataclass(frozen=True)
class BlockLine:
    """One row of the stored table ``blocks``: how much a classifier uses a block (group of dimensions).

    Attributes:
        role: what the classifier predicts: batch, type or condition.
        column: name of the predicted column.
        block: name of the block.
        share: ``loss`` divided by the sum of the losses of all blocks.
        chance: number of dimensions of the block divided by the number of dimensions of the embedding.
        loss: decrease of the held-out accuracy if the values of the block are permuted between cells; at least 0.
        accuracy: held-out accuracy of a classifier that uses all blocks.
        alone: held-out accuracy of a classifier that uses only this block.
        most_frequent: share of the most frequent value among the held-out cells.
    """

    role: str
    column: str
    block: str
    share: float
    chance: float
    loss: float
    accuracy: float
    alone: float
    most_frequent: float


class BlockTest(Metric):
    """Permutation importance of each block of an embedding, and accuracy of classifiers that use only the first block.

    The classifiers predict the technical batch, the type and the condition of single cells. In a good embedding, the
    first block contains information about types and conditions, and the other blocks contain information about the
    batch. Module `block_use` has the formulas. With a single block, the scores ``*-share`` are undefined.
    """

    name: ClassVar[str] = "block-test"
    requires: ClassVar[tuple[Requirement, ...]] = ("conditions", "batch", "embedding")
    reads_synthetic: ClassVar[bool] = False
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        _alone("batch", "lower", "Biology: an embedding of pure noise has the best value"),
        _alone("type", "higher", "Batch effects; and types that one batch contains alone"),
        _alone("condition", "higher", "Batch effects; and conditions that one batch contains alone"),
        _share(SHARES[0], "batch", "the blocks other than the first"),
        _share(SHARES[1], "type", "the first block"),
        _share(SHARES[2], "condition", "the first block"),
    )

    class Config(CellOptions):
        """Options of `BlockTest`."""

        max_rows: int = Field(10_000, ge=100, description="training cells and test cells to use at most, at random")
        figure_rows: int = Field(2_000, ge=0, description="test cells in the figure at most; 0 for no figure of cells")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one embedding.

        Two artifacts (tables for figures) are stored. ``blocks`` has the columns of `BlockLine`. ``places`` has a row
        for each block and each plotted cell, with the columns ``block``, ``x``, ``y``, ``type``, ``condition`` and
        ``batch``.

        Raises:
            Unsupported: there is no embedding with finite coordinates.
            ConfigError: an option names a column that is not a condition column.
        """
        schema = evaluation.test.schema
        columns = (schema.batch or "", *cell_columns(schema.conditions, self.config))
        scores: dict[str, float] = {}
        undefined: dict[str, str] = {}
        lines: list[BlockLine] = []
        halves: list[str] = []
        for role, column, share in zip(ROLES, columns, SHARES, strict=True):
            try:
                rows = self._rows(evaluation, column, context.seed)
            except Undefined as reason:
                undefined |= {f"{role}-from-invariant": str(reason), share: str(reason)}
                continue
            found = _lines(rows, role, column, context.seed)
            lines += found
            halves += [column] if rows.halves else []
            scores[f"{role}-from-invariant"] = found[0].alone - found[0].most_frequent
            if len(found) == 1:
                undefined[share] = "the embedding has one block"
            else:
                counted = found[1:] if role == "batch" else found[:1]
                scores[share] = min(sum(line.share for line in counted), 1.0)
        notes = [f"dimensions by block: {_sizes(evaluation)}"]
        if halves:
            notes.append(
                f"{', '.join(halves)}: classifiers are trained on one half of the test cells, tested on the other"
            )
        artifacts = {"blocks": pd.DataFrame(map(asdict, lines))} if lines else {}
        places = block_places(evaluation, columns, n_cells=self.config.figure_rows, seed=context.seed)
        return Result(scores, undefined, artifacts | places, tuple(notes))

    def _rows(self, evaluation: Evaluation, column: str, seed: int) -> ProbeRows:
        if not column:
            raise Undefined("the dataset has no second condition column")
        return probe_rows(evaluation, column, max_rows=self.config.max_rows, seed=seed)

    @classmethod
    def figures(cls, artifacts: Artifacts) -> Iterable[MetricFigure]:
        """Return bar charts of `BlockLine.share` with marks at `BlockLine.chance`, and plots of the cells."""
        # Imported by name, so that changes of the drawing code do not change the cache key of the scores.
        figures: Iterable[MetricFigure] = import_module(f"{__package__}.parts.blocks_figure").block_figures(artifacts)
        return figures


def _lines(rows: ProbeRows, role: str, column: str, seed: int) -> list[BlockLine]:
    use, frequent = block_use(rows.known, rows.labels, rows.asked, rows.truth, seed=seed), chance_of(rows.truth)
    lines = []
    for name, share in use.shares.items():
        known, asked = rows.known.blocks[name], rows.asked.blocks[name]
        alone = accuracy_alone(known, rows.labels, asked, rows.truth, seed=seed)
        lines.append(
            BlockLine(role, column, name, share, use.chance[name], use.losses[name], use.accuracy, alone, frequent)
        )
    return lines


def _sizes(evaluation: Evaluation) -> str:
    blocks = (evaluation.embedding or {}).items()
    total = sum(block.shape[1] for _, block in blocks)
    return ", ".join(f"{name} {block.shape[1]} ({block.shape[1] / total:.3f} of all)" for name, block in blocks)
