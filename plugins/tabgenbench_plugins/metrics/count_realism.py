"""Compares zeros, library sizes and mean profiles of cell types between synthetic and real single-cell counts."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse
from scipy.stats import ks_2samp

from tabgenbench import (
    ConfigError,
    Evaluation,
    Metric,
    MetricContext,
    Options,
    Result,
    ScoreSpec,
    Table,
    Unsupported,
    condition_labels,
)
from tabgenbench_plugins.correlation import Undefined
from tabgenbench_plugins.metrics.parts.results import collect

__all__ = ["CountRealism"]

PER = 10_000.0
MISSES = ("copier", "correlation-breaker")

Floats = NDArray[np.float64]


class CountRealism(Metric):
    """Errors of the share of zeros, the library sizes and the mean profiles of cell types, computed on counts.

    - ``zero-fraction-error``: |share of zeros among all synthetic counts - share of zeros among all real test counts|
    - ``library-ratio``: median library size (sum of the counts of a cell) of synthetic cells, divided by the median of
      test cells
    - ``library-distance``: Kolmogorov-Smirnov distance between the library sizes of synthetic cells and of test cells
    - ``pseudobulk-correlation``: Pearson correlation over genes between the synthetic and the real profile of a type,
      averaged over types. To obtain a profile, counts of a type are summed and scaled to a total of 10,000, and log1p
      is applied.

    The type is the condition column that the option ``type_column`` names; by default, it is the combination of all
    condition columns.
    """

    name: ClassVar[str] = "count-realism"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="zero-fraction-error",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            description="absolute difference between the synthetic and the real share of zeros among all counts",
            blind_to="Which genes and which cells have the zeros",
            misses=MISSES,
        ),
        ScoreSpec(
            name="library-ratio",
            question="fidelity",
            direction="one",
            low=0.0,
            description="median library size of synthetic cells divided by that of real test cells",
            blind_to="The spread of library sizes, and which genes have the counts",
            misses=MISSES,
        ),
        ScoreSpec(
            name="library-distance",
            question="fidelity",
            direction="lower",
            low=0.0,
            high=1.0,
            description="Kolmogorov-Smirnov distance between synthetic and real library sizes",
            blind_to="Which genes have the counts, and how library sizes depend on conditions",
            floor="condition-mean",
            misses=MISSES,
        ),
        ScoreSpec(
            name="pseudobulk-correlation",
            question="fidelity",
            direction="higher",
            low=-1.0,
            high=1.0,
            description="mean over types of the correlation between synthetic and real pseudobulk profiles",
            blind_to="All variation between the cells of a type",
            floor="shuffled",
            misses=MISSES,
        ),
    )

    class Config(Options):
        """Options of `CountRealism`."""

        type_column: str = Field("", description="condition column of the type; by default all conditions together")
        min_rows: int = Field(20, ge=1, description="fewest test cells of a type")

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table.

        Raises:
            Unsupported: the schema does not declare counts of single cells (``Schema.per_10k``), or there are no test
                rows, no synthetic rows or no features.
            ConfigError: the option ``type_column`` names a column that is not a condition column.
        """
        if evaluation.transform.library is None:
            raise Unsupported("needs counts of cells; the table is not one of counts with per_10k = true")
        if not evaluation.test.n_rows or not evaluation.synthetic.n_rows or not evaluation.test.n_features:
            raise Unsupported("needs test rows, synthetic rows and features; the table lacks one of them")
        real, made = evaluation.own("test"), evaluation.own("synthetic")
        libraries = [_libraries(table) for table in (real, made)]
        scores, undefined = collect(
            {
                "zero-fraction-error": lambda: abs(_zero_fraction(made) - _zero_fraction(real)),
                "library-ratio": lambda: _ratio(np.median(libraries[1]), np.median(libraries[0])),
                "library-distance": lambda: float(ks_2samp(libraries[0], libraries[1]).statistic),
                "pseudobulk-correlation": lambda: self._pseudobulk_correlation(real, made),
            }
        )
        return Result(scores, undefined)

    def _pseudobulk_correlation(self, real: Table, made: Table) -> float:
        labels = [self._types(table) for table in (real, made)]
        names, counts = np.unique(labels[0], return_counts=True)
        found = []
        for name in names[counts >= self.config.min_rows]:
            profiles = [_profile(table, types == name) for table, types in zip((real, made), labels, strict=True)]
            if np.ptp(profiles[0]) > 0:  # a constant synthetic profile counts as 0, for example without cells
                found.append(_correlation(*profiles) if np.ptp(profiles[1]) > 0 else 0.0)
        if not found:
            raise Undefined(f"no type has {self.config.min_rows} test cells and a profile that differs between genes")
        return float(np.mean(found))

    def _types(self, table: Table) -> NDArray[Any]:
        column = self.config.type_column
        if not column:
            return np.asarray(condition_labels(table.conditions), dtype=str)
        if column not in table.conditions:
            known = ", ".join(table.schema.conditions) or "none"
            where = "count-realism: option 'type_column'"
            raise ConfigError(f"{where}: {column!r} is no condition, expected one of {known}; name one or leave it out")
        return np.asarray(table.conditions[column], dtype=str)


def _zero_fraction(table: Table) -> float:
    return 1.0 - np.count_nonzero(sparse.csr_matrix(table.X).data) / (table.n_rows * table.n_features)


def _ratio(synthetic: np.floating, real: np.floating) -> float:
    if real == 0:
        raise Undefined("the median library size of the test cells is 0")
    return float(synthetic / real)


def _profile(table: Table, rows: NDArray[np.bool_]) -> Floats:
    totals = np.asarray(table.X[np.flatnonzero(rows)].sum(axis=0, dtype=np.float64)).reshape(-1)
    profile: Floats = np.log1p(PER * totals / max(totals.sum(), 1.0))
    return profile


def _correlation(real: Floats, made: Floats) -> float:
    return float(np.asarray(np.corrcoef(real, made))[0, 1])


def _libraries(table: Table) -> Floats:
    return np.asarray(table.X.sum(axis=1, dtype=np.float64)).reshape(-1)
