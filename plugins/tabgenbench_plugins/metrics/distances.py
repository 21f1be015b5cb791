"""Energy distance and maximum mean discrepancy of synthetic rows and real test rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.encoded import encoded, encoding_notes
from tabgenbench_plugins.metrics.parts.neighbours import distance_blocks
from tabgenbench_plugins.metrics.parts.results import undefined_result
from tabgenbench_plugins.metrics.parts.thinning import RowLimit, thinned

__all__ = ["Distances", "median_distance"]

MEDIAN_ROWS = 2000  # real test rows for the median distance: two million pairs
BLIND_TO = (
    "Copies of training rows, and small groups of rows. Dependence between features has little weight in a wide table, "
    "where distances of rows are almost equal: independent features of the right means and variances score well"
)


class Distances(Metric):
    """Energy distance and maximum mean discrepancy (MMD) between synthetic rows and real test rows.

    |x - y| is the Euclidean distance of two rows that are encoded as vectors (see module `encoded`). E is the mean over
    pairs of rows; X and X' are real rows, and Y and Y' are synthetic rows:

    - ``energy-distance``: 2 E|X - Y| - E|X - X'| - E|Y - Y'|, including pairs of a row with itself. The energy distance
      is never negative. In finite samples, the estimate is positive even if the two distributions are equal.
    - ``mmd``: E k(X, X') + E k(Y, Y') - 2 E k(X, Y) with the kernel k(x, y) = exp(-|x - y|^2 / (2 h^2)). The width h is
      the median distance of two real test rows, computed from at most 2,000 rows. Pairs of a row with itself are
      excluded, so the estimate is unbiased and may be negative.
    """

    name: ClassVar[str] = "distances"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="energy-distance",
            question="fidelity",
            direction="lower",
            low=0.0,
            description="energy distance of synthetic and real test rows on the evaluation scale",
            blind_to=BLIND_TO,
            floor="condition-mean",
            detects=("mean-shifter", "mode-dropper"),
            misses=("copier", "label-swapper"),
            citation="Székely & Rizzo, J. Statistical Planning and Inference 143(8), 2013",
        ),
        ScoreSpec(
            name="mmd",
            question="fidelity",
            direction="lower",
            low=-2.0,
            high=2.0,
            description="unbiased squared maximum mean discrepancy, Gaussian kernel of the median real distance",
            blind_to=BLIND_TO,
            floor="condition-mean",
            detects=("mean-shifter", "mode-dropper"),
            misses=("copier", "label-swapper"),
            citation="Gretton et al., J. Machine Learning Research 13, 2012",
        ),
    )

    class Config(RowLimit):
        """Options of `Distances`."""

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table."""
        evaluation, thinning = thinned(evaluation, self.config.max_rows, seed=context.seed)
        try:
            real, synthetic = encoded(evaluation, "test"), encoded(evaluation, "synthetic")
            for rows, words in ((real, "real test"), (synthetic, "synthetic")):
                if len(rows) < 2:
                    raise Undefined(f"there is one {words} row; distances between rows need at least two")
            width = evaluation.shared.once(
                "median-distance", lambda: median_distance(real, seed=context.seed), scope="split"
            )
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        within_real = evaluation.shared.once(("distance-sums", width), lambda: _within(real, width), scope="split")
        within_synthetic = _within(synthetic, width)
        to_synthetic, to_real = _between(real, synthetic, width)
        energy = _Contrast(within_real.distance, within_synthetic.distance, to_synthetic.distance, to_real.distance)
        notes = [f"median distance of two real test rows: {width:.4g}", *encoding_notes(evaluation)]
        scores, undefined = {"energy-distance": max(0.0, energy.of_all_pairs())}, {}
        kernel = _Contrast(within_real.kernel, within_synthetic.kernel, to_synthetic.kernel, to_real.kernel)
        errors = f"energy-distance {energy.standard_error():.2g}"
        if width > 0.0:
            scores["mmd"] = -kernel.of_distinct_rows()
            errors += f", mmd {kernel.standard_error():.2g}"
        else:
            undefined["mmd"] = "the median distance of two real test rows is 0, so the kernel has no width"
        if thinning:
            notes = [*thinning, f"standard errors of the subsample: {errors}", *notes]
        return Result(scores, undefined, notes=tuple(notes))


def median_distance(rows: NDArray[np.floating], *, seed: int) -> float:
    """Return the median Euclidean distance between two rows, computed from at most 2,000 randomly drawn rows."""
    from scipy.spatial.distance import pdist

    if len(rows) > MEDIAN_ROWS:
        rows = rows[np.random.default_rng(seed).choice(len(rows), MEDIAN_ROWS, replace=False)]
    return float(np.median(pdist(rows.astype(np.float64))))


@dataclass(frozen=True, eq=False)
class _Sums:
    distance: Floats
    kernel: Floats


@dataclass(frozen=True, eq=False)
class _Contrast:
    """Estimates of 2 E(X, Y) - E(X, X') - E(Y, Y'), where E is the mean distance or the mean kernel value of two rows.

    Attributes:
        real: for each real row, the sum of distances or kernel values to all other real rows.
        synthetic: for each synthetic row, the same sum to all other synthetic rows.
        to_synthetic: for each real row, the same sum to all synthetic rows.
        to_real: for each synthetic row, the same sum to all real rows.
    """

    real: Floats
    synthetic: Floats
    to_synthetic: Floats
    to_real: Floats

    def of_all_pairs(self) -> float:
        """Return the estimate over all pairs, including pairs of a row with itself, whose distance is 0."""
        n, m = len(self.real), len(self.synthetic)
        return float(2 * self.to_synthetic.sum() / (n * m) - self.real.sum() / n**2 - self.synthetic.sum() / m**2)

    def of_distinct_rows(self) -> float:
        n, m = len(self.real), len(self.synthetic)
        within = self.real.sum() / (n * (n - 1)) + self.synthetic.sum() / (m * (m - 1))
        return float(2 * self.to_synthetic.sum() / (n * m) - within)

    def standard_error(self) -> float:
        """Return a first-order approximation of the standard error of `of_all_pairs` and `of_distinct_rows`."""
        n, m = len(self.real), len(self.synthetic)
        of_real = 2 * (self.to_synthetic / m - self.real / (n - 1))
        of_synthetic = 2 * (self.to_real / n - self.synthetic / (m - 1))
        return float(np.sqrt(of_real.var(ddof=1) / n + of_synthetic.var(ddof=1) / m))


def _within(rows: NDArray[np.float32], width: float) -> _Sums:
    distance, kernel = np.empty((2, len(rows)))
    for block, apart in distance_blocks(rows, rows):
        own = np.arange(block.start, block.stop)
        apart[own - block.start, own] = 0.0
        distance[block] = apart.sum(axis=1)
        kernel[block] = _kernel(apart, width).sum(axis=1) - 1.0
    return _Sums(distance, kernel)


def _between(real: NDArray[np.float32], synthetic: NDArray[np.float32], width: float) -> tuple[_Sums, _Sums]:
    distance, kernel = np.empty((2, len(real)))
    distance_back, kernel_back = np.zeros((2, len(synthetic)))
    for block, apart in distance_blocks(real, synthetic):
        distance[block] = apart.sum(axis=1)
        distance_back += apart.sum(axis=0)
        values = _kernel(apart, width)
        kernel[block] = values.sum(axis=1)
        kernel_back += values.sum(axis=0)
    return _Sums(distance, kernel), _Sums(distance_back, kernel_back)


def _kernel(apart: Floats, width: float) -> Floats:
    if width == 0.0:
        return np.ones_like(apart)
    apart *= apart
    apart *= -0.5 / width**2
    values: Floats = np.exp(apart, out=apart)
    return values
