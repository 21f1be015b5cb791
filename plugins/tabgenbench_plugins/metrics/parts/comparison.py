"""Comparison of each feature between two groups of rows (a contrast), in real test rows and in synthetic rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Evaluation
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.contrasts import Cell, Cells, Contrast, contrasts_of
from tabgenbench_plugins.metrics.parts.pooled import RealOrSynthetic, finite_values, present_cells
from tabgenbench_plugins.metrics.parts.present import CHUNK
from tabgenbench_plugins.metrics.parts.two_sample import Moments, Ranks, mann_whitney, merged, moments, ranked, welch

__all__ = ["Comparison", "Pair", "compared_pairs", "lacking_note", "mean_over_contrasts", "size_ratio"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Differences of features between two groups of rows; each array has shape (n_features,).

    Attributes:
        usable: mask of the features that vary over the rows of the two groups and have at least two values in each
            group.
        difference: mean of the first group minus mean of the second, on the standardised scale; 0 if not ``usable``.
        effect: correlation of the feature with the indicator of the first group, -1 to 1; 0 if not ``usable``. The
            correlation is rank-biserial with option ``by_rank`` of `compared_pairs`, otherwise point-biserial.
        p: two-sided p-value of the test; 1 if not ``usable``.
    """

    usable: NDArray[np.bool_]
    difference: Floats
    effect: Floats
    p: Floats


@dataclass(frozen=True, eq=False)
class Pair:
    """Comparison of two groups of rows (a contrast) in real test rows and in synthetic rows.

    If a group has fewer than two synthetic rows, no feature of ``synthetic`` is usable. ``test_rows`` counts the real
    test rows of each group.
    """

    contrast: Contrast
    real: Comparison
    synthetic: Comparison
    test_rows: tuple[int, int]


@dataclass(frozen=True, eq=False)
class _Side:
    values: NDArray[np.float32]
    present: NDArray[np.bool_] | None
    cells: Cells

    def known(self, cells: Iterable[Cell]) -> tuple[Cell, ...]:
        return tuple(cell for cell in cells if cell in self.cells)

    def n_rows(self, cells: Iterable[Cell]) -> int:
        return sum(len(self.cells[cell]) for cell in self.known(cells))

    def rows(self, cells: Iterable[Cell]) -> NDArray[np.intp]:
        return np.sort(np.concatenate([self.cells[cell] for cell in self.known(cells)]))


def compared_pairs(
    evaluation: Evaluation,
    cells_of: Callable[[pd.DataFrame], Cells],
    *,
    key: Hashable,
    min_rows: int,
    by_rank: bool,
    mirrored: bool = False,
) -> list[Pair]:
    """Return the comparisons for each contrast (pair of groups of rows) with enough real test rows.

    Args:
        evaluation: the rows.
        cells_of: function of a frame of conditions, which returns the row positions of each pair (stratum, level), such
            as (liver, cancer); see `contrasts`.
        key: name of ``cells_of`` in the cache that stores the results of real rows.
        min_rows: smallest number of real test rows of each group.
        by_rank: whether to use the Mann-Whitney test and rank-biserial correlations instead of Welch's test and
            point-biserial correlations.
        mirrored: whether a stratum of two levels gives two contrasts with opposite signs instead of one contrast.

    Raises:
        Undefined: there is no row or no feature, or a value is not a finite number.
    """

    def of_real() -> tuple[list[Contrast], list[Comparison], list[tuple[int, int]]]:
        side = _side(evaluation, "test", cells_of)
        contrasts = contrasts_of(side.cells, min_rows=max(min_rows, 2), mirrored=mirrored)
        n_rows = [(side.n_rows(contrast.first), side.n_rows(contrast.second)) for contrast in contrasts]
        return contrasts, _compare(side, contrasts, by_rank=by_rank), n_rows

    name = ("compared groups", key, min_rows, by_rank, mirrored)
    contrasts, real, n_rows = evaluation.shared.once(name, of_real, scope="split")
    synthetic = _compare(_side(evaluation, "synthetic", cells_of), contrasts, by_rank=by_rank)
    together = zip(contrasts, real, synthetic, n_rows, strict=True)
    return [Pair(contrast, a, b, n) for contrast, a, b, n in together]


def _side(evaluation: Evaluation, side: RealOrSynthetic, cells_of: Callable[[pd.DataFrame], Cells]) -> _Side:
    cells = cells_of(evaluation.side(side).conditions)
    return _Side(finite_values(evaluation, side), present_cells(evaluation, side), cells)


def _compare(side: _Side, contrasts: Sequence[Contrast], *, by_rank: bool) -> list[Comparison]:
    nothing = np.zeros(side.values.shape[1])
    of_cell: dict[Cell, Moments] = {}
    ranked_cells: tuple[Cell, ...] = ()  # contrasts of one stratum have the same rows and ranks
    ranks: Ranks | None = None
    found: list[Comparison] = []
    for contrast in contrasts:
        groups = [side.known(contrast.first), side.known(contrast.second)]
        if min(side.n_rows(group) for group in groups) < 2:
            found.append(Comparison(nothing > 0.0, nothing, nothing, nothing + 1.0))
            continue
        together = tuple(sorted((*groups[0], *groups[1])))
        for cell in together:
            if cell not in of_cell:
                of_cell[cell] = _moments(side, side.cells[cell])
        first, second = (merged([of_cell[cell] for cell in group]) for group in groups)
        if not by_rank:
            found.append(_comparison(first, second, _point_biserial(first, second), welch(first, second)[1]))
            continue
        rows = side.rows(together)
        if ranks is None or ranked_cells != together:
            ranks = ranked(side.values[rows], None if side.present is None else side.present[rows])
            ranked_cells = together
        found.append(_comparison(first, second, *mann_whitney(ranks, np.isin(rows, side.rows(groups[0])))))
    return found


def _moments(side: _Side, rows: NDArray[np.intp]) -> Moments:
    blocks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    return merged([moments(side.values[b], None if side.present is None else side.present[b]) for b in blocks])


def _comparison(first: Moments, second: Moments, effect: Floats, p: Floats) -> Comparison:
    usable = (first.count > 1) & (second.count > 1) & (merged([first, second]).squares > 0.0)
    difference = np.where(usable, first.mean - second.mean, 0.0)
    return Comparison(usable, difference, np.where(usable, effect, 0.0), np.where(usable, p, 1.0))


def _point_biserial(first: Moments, second: Moments) -> Floats:
    whole = merged([first, second])
    squares = np.where(whole.squares > 0.0, whole.squares, 1.0) * np.maximum(whole.count, 1.0)
    r = (first.mean - second.mean) * np.sqrt(first.count * second.count / squares)
    return np.asarray(np.clip(r, -1.0, 1.0))


def mean_over_contrasts(values: pd.Series) -> float:
    """Return the mean of ``values`` (one per contrast), ignoring NaN, which marks a contrast without a result.

    Raises:
        Undefined: no contrast has a value.
    """
    found = values.dropna()
    if found.empty:
        raise Undefined("the real test rows give no value in any contrast: too few features, or none that differs")
    return float(found.mean())


def size_ratio(real: Sequence[Floats], synthetic: Sequence[Floats]) -> float:
    """Return the root mean square of all synthetic values divided by the root mean square of all real values.

    Args:
        real: fold changes or effect sizes of features in the real rows, one array per contrast.
        synthetic: values of the same features and contrasts in the synthetic rows.

    Raises:
        Undefined: all real values are 0.
    """
    size = sum(float(one @ one) for one in real)
    if size == 0.0:
        raise Undefined("the real test rows have no difference in any contrast")
    return float(np.sqrt(sum(float(one @ one) for one in synthetic) / size))


def lacking_note(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Return a note on the contrasts whose synthetic rows are too few or all equal, or () without such contrasts."""
    names = [pair.contrast.name for pair in pairs if not pair.synthetic.usable.any()]
    if not names:
        return ()
    reason = "a group has fewer than 2 synthetic rows, or all synthetic rows are equal"
    return (f"differences count as 0 because {reason}: {'; '.join(names)}",)
