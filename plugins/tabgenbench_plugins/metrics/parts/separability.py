"""Scores of the separation of tissues and statuses and of the mixing of real and synthetic rows.

Tissue and status are the values of two condition columns. Bong & Oh (JBE 28(3), 2023) judge by eye whether a UMAP
figure meets three criteria:

1. Tissues cluster.
2. Cancer and normal samples cluster within a tissue.
3. Real and synthetic rows do not separate.

The scores of this module measure these criteria from coordinates of the rows. For criteria 1 and 2, classifiers are
trained on real test rows and applied to synthetic rows. For criterion 3, real and synthetic rows are counted among the
nearest neighbours of each row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Evaluation, Result, Unsupported, did_you_mean
from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.components import Cloud
from tabgenbench_plugins.metrics.parts.part_errors import Rows, part_errors, smaller_limit, take_rows
from tabgenbench_plugins.metrics.parts.results import collect
from tabgenbench_plugins.metrics.parts.separability_specs import SeparabilityOptions

__all__ = [
    "FILLED",
    "Roles",
    "condition_roles",
    "nearest_vote",
    "role_columns",
    "score_mixing",
    "score_separability",
    "separability_errors",
]

FILLED = "the median of the training rows stands in for a missing value"
JITTER = 1e-6  # as a share of the spread: breaks ties between equal rows, far below distances between unequal ones
Codes = NDArray[np.int64]
Labels = NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class Roles:
    """Tissue and status labels of all rows.

    Attributes:
        tissue_column: name of the column used as the tissue.
        status_column: name of the column used as the status, or None if no column is suitable.
        no_status: reason why no column is suitable as the status, or an empty text.
        real: tissue and status of the real test rows.
        synthetic: tissue and status of the synthetic rows.
    """

    tissue_column: str
    status_column: str | None
    no_status: str
    real: tuple[Labels, Labels | None]
    synthetic: tuple[Labels, Labels | None]


def score_separability(
    cloud: Cloud, evaluation: Evaluation, options: SeparabilityOptions, *, prefix: str, rng: np.random.Generator
) -> Result:
    """Return scores ``tissue``, ``status``, ``mixing``, ``overall`` and two silhouettes from coordinates of rows.

    ``evaluation`` contains the conditions of the rows. The names of the scores start with ``prefix``. Noise from
    ``rng`` breaks ties between equal rows.
    """
    roles = condition_roles(evaluation, options)
    counted, small = _counted(roles.real[0], options.min_tissue_rows)
    tissues = _inside_tissues(cloud, roles, options) if roles.real[1] is not None else {}
    parts: dict[str, Callable[[], float]] = {
        "tissue": lambda: _tissue(cloud, roles, counted, options),
        "status": lambda: _status(tissues, roles, options),
        "mixing": lambda: score_mixing(cloud, options.n_neighbours, rng),
        "silhouette-tissue": lambda: _silhouette_tissue(cloud, roles, counted),
        "silhouette-origin": lambda: _silhouette_origin(cloud),
    }
    scores, undefined = collect(parts)
    found, missing = collect({"overall": lambda: _overall(scores, undefined)})
    return Result(
        {f"{prefix}-{name}": value for name, value in {**scores, **found}.items()},
        {f"{prefix}-{name}": reason for name, reason in {**undefined, **missing}.items()},
        notes=_notes(small, roles, tissues, options),
    )


def separability_errors(
    cloud: Cloud,
    drawn: Evaluation,
    full: Evaluation,
    options: SeparabilityOptions,
    *,
    prefix: str,
    defined: Collection[str],
    seed: int,
) -> tuple[str, ...]:
    """Return a note with rough standard errors of the scores, or an empty tuple if the scores use all rows.

    ``drawn`` is a random subset of ``full``, and ``cloud`` contains the coordinates of the subset. The subset is
    divided into five parts (see `part_errors`). If the test rows are divided, the minimum numbers of test rows in
    ``options`` are divided by five too. The silhouettes and the status score get no standard error, because these
    scores are unreliable with a fifth of the rows. ``defined`` contains the names of the scores that have a value.
    """
    names = ("min_tissue_rows", "min_status_rows")
    limits = {name: smaller_limit(getattr(options, name), full, drawn) for name in names}
    smaller = options.model_copy(update=limits)

    def score_part(test: Rows, synthetic: Rows) -> Mapping[str, float]:
        part = Cloud(cloud.real[test], cloud.synthetic[synthetic])
        rng = np.random.default_rng(seed)
        return score_separability(part, take_rows(drawn, test, synthetic), smaller, prefix=prefix, rng=rng).scores

    noted = [name for part in ("tissue", "mixing", "overall") if (name := f"{prefix}-{part}") in defined]
    return part_errors(score_part, noted, full, drawn, seed=seed)


def condition_roles(evaluation: Evaluation, options: SeparabilityOptions) -> Roles:
    """Return which condition columns are the tissue and the status, and the values of all rows in these columns.

    Raises:
        Unsupported: an option names a column that is not a condition.
    """
    columns = [str(column) for column in evaluation.test.schema.conditions]
    for option, name in (("tissue", options.tissue), ("status", options.status)):
        if name is not None and name not in columns:
            hint = did_you_mean(name, columns)
            raise Unsupported(f"option {option!r}: {name!r} is not a condition column of this dataset{hint}")
    tissue, status = role_columns(columns, options)
    reason = "" if status is not None else f"the dataset has no condition column beside {tissue!r}"
    sides = [evaluation.test.conditions, evaluation.synthetic.conditions]
    if status is not None and sides[0][status].astype(str).nunique() < 2:
        status, reason = None, f"all real test rows have one value of {status!r}"
    real, synthetic = ((_labels(side, tissue), _labels(side, status) if status else None) for side in sides)
    return Roles(tissue, status, reason, real, synthetic)


def role_columns(columns: Sequence[str], options: SeparabilityOptions) -> tuple[str, str | None]:
    """Return the columns used as tissue and status.

    The tissue is the option ``tissue``, or else the column named "tissue", or else the first column that is not the
    option ``status``. The status is the option ``status``, or else the column named "status", or else the first column
    that is not the tissue. Without such a column, the status is None.
    """
    tissue, status = options.tissue, options.status
    if tissue is None:
        tissue = _named_or_first("tissue", [column for column in columns if column != status] or columns)
    others = [column for column in columns if column != tissue]
    if status is None and others:
        status = _named_or_first("status", others)
    return tissue, status


def _named_or_first(name: str, columns: Sequence[str]) -> str:
    return next((column for column in columns if column.casefold() == name), columns[0])


def _labels(conditions: pd.DataFrame, column: str) -> Labels:
    labels: Labels = conditions[column].astype(str).to_numpy(dtype=object)
    return labels


def _counted(labels: Labels, fewest: int) -> tuple[list[str], list[str]]:
    names, counts = np.unique(labels.astype(str), return_counts=True)
    large = [str(name) for name, n in zip(names, counts, strict=True) if n >= fewest]
    return large, sorted(set(map(str, names)) - set(large))


def nearest_vote(known: Floats, codes: Codes, asked: Floats, n_neighbours: int) -> Codes:
    """Return, for each row of ``asked``, the most frequent code of its nearest rows in ``known``.

    If several codes are equally frequent, the code with the nearest row is returned.

    Args:
        known: coordinates of rows with a code, shape (n_known, d).
        codes: code of each row of ``known``, a small integer from 0, shape (n_known,).
        asked: coordinates of the rows to classify, shape (n_asked, d).
        n_neighbours: number of nearest rows whose codes are counted, at most n_known.
    """
    from sklearn.neighbors import NearestNeighbors

    k = min(n_neighbours, len(known))
    neighbours = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(known).kneighbors(asked, return_distance=False)
    votes = np.zeros((len(asked), int(codes.max()) + 1))
    weights = 1.0 + 0.5 ** np.arange(2, k + 2)  # adds less than half a vote in total, so it only breaks ties
    for rank in range(k):
        votes[np.arange(len(asked)), codes[neighbours[:, rank]]] += weights[rank]
    return np.asarray(votes.argmax(axis=1), dtype=np.int64)


def _chance_corrected(true: Codes, predicted: Codes, n_classes: int) -> float:
    recalls = [float((predicted[true == code] == code).mean()) for code in range(n_classes)]
    return (float(np.mean(recalls)) - 1 / n_classes) / (1 - 1 / n_classes)


def _rule(cloud: Cloud, real: Labels, synthetic: Labels, classes: list[str], n_neighbours: int) -> float:
    known, codes = _coded(cloud.real, real, classes)
    asked, true = _coded(cloud.synthetic, synthetic, classes)
    lacking = [name for code, name in enumerate(classes) if not (true == code).any()]
    if lacking:
        raise Undefined(f"there are no synthetic rows of {', '.join(lacking)}")
    return _chance_corrected(true, nearest_vote(known, codes, asked, n_neighbours), len(classes))


def _coded(rows: Floats, labels: Labels, classes: list[str]) -> tuple[Floats, Codes]:
    codes = pd.Index(classes).get_indexer(labels)
    kept = codes >= 0
    return rows[kept], np.asarray(codes[kept], dtype=np.int64)


def _tissue(cloud: Cloud, roles: Roles, counted: list[str], options: SeparabilityOptions) -> float:
    if len(counted) < 2:
        raise Undefined(
            f"{len(counted)} values of {roles.tissue_column!r} have {options.min_tissue_rows} real test rows, "
            "and separation needs two"
        )
    return _rule(cloud, roles.real[0], roles.synthetic[0], counted, options.n_neighbours)


def _inside_tissues(cloud: Cloud, roles: Roles, options: SeparabilityOptions) -> dict[str, float | None]:
    (tissue, status), (tissue_synthetic, status_synthetic) = roles.real, roles.synthetic
    found: dict[str, float | None] = {}
    if status is None or status_synthetic is None:
        return found
    for name in sorted(set(tissue)):
        real, synthetic = tissue == name, tissue_synthetic == name
        states, _ = _counted(status[real], options.min_status_rows)
        found[name] = None
        if len(states) >= 2 and set(states) <= set(status_synthetic[synthetic]):
            part = Cloud(cloud.real[real], cloud.synthetic[synthetic])
            found[name] = _rule(part, status[real], status_synthetic[synthetic], states, options.n_neighbours)
    return found


def _status(tissues: dict[str, float | None], roles: Roles, options: SeparabilityOptions) -> float:
    values = [value for value in tissues.values() if value is not None]
    if roles.no_status:
        raise Undefined(roles.no_status)
    if not values:
        raise Undefined(
            f"no value of {roles.tissue_column!r} has {options.min_status_rows} real test rows and a synthetic row of "
            f"each of two values of {roles.status_column!r}"
        )
    return float(np.mean(values))


def score_mixing(cloud: Cloud, n_neighbours: int, rng: np.random.Generator) -> float:
    """Return how well real and synthetic rows mix, from 0 to 1.

    For each real row, the share of synthetic rows among the nearest neighbours is divided by the share that is expected
    by chance. For each synthetic row, the share of real rows is divided by its expected share. The quotients are
    averaged over the real rows and over the synthetic rows. The result is the smaller of the two means, or 1 if both
    exceed 1. Noise with a standard deviation of 1e-6 times that of the coordinates breaks ties between equal rows, so
    that the result does not depend on the order of rows.

    Raises:
        Undefined: there are too few rows for the number of neighbours.
    """
    from sklearn.neighbors import NearestNeighbors

    n_real, n_synthetic = len(cloud.real), len(cloud.synthetic)
    n = n_real + n_synthetic
    if min(n_real, n_synthetic) == 0 or n - 1 < n_neighbours:
        raise Undefined(
            f"{n_real} real test and {n_synthetic} synthetic rows are too few for {n_neighbours} neighbours"
        )
    pooled = cloud.pooled
    spread = float(np.sqrt(((pooled - pooled.mean(axis=0)) ** 2).mean())) or 1.0
    pooled = pooled + rng.normal(0.0, JITTER * spread, pooled.shape)
    neighbours = (
        NearestNeighbors(n_neighbors=n_neighbours, algorithm="brute").fit(pooled).kneighbors(return_distance=False)
    )
    synthetic = np.arange(n) >= n_real
    opposite = (synthetic[neighbours] != synthetic[:, None]).mean(axis=1)
    real_side = float(opposite[:n_real].mean()) * (n - 1) / n_synthetic
    synthetic_side = float(opposite[n_real:].mean()) * (n - 1) / n_real
    return min(1.0, real_side, synthetic_side)


def _overall(scores: dict[str, float], undefined: dict[str, str]) -> float:
    names = ("tissue", "status", "mixing")
    for name in names:
        if name in undefined:
            raise Undefined(f"{name} is undefined: {undefined[name]}")
    return float(np.prod([max(0.0, scores[name]) for name in names]) ** (1 / len(names)))


def _silhouette_tissue(cloud: Cloud, roles: Roles, counted: list[str]) -> float:
    rows, codes = _coded(cloud.synthetic, roles.synthetic[0], counted)
    return _silhouette(rows, codes)


def _silhouette_origin(cloud: Cloud) -> float:
    return _silhouette(cloud.pooled, np.repeat([0, 1], [len(cloud.real), len(cloud.synthetic)]))


def _silhouette(rows: Floats, codes: Codes) -> float:
    from sklearn.metrics import silhouette_score

    n_groups = len(np.unique(codes))
    if not 2 <= n_groups < len(rows):
        raise Undefined(f"{len(rows)} rows in {n_groups} groups have no silhouette")
    return float(silhouette_score(rows, codes))


def _are_named(roles: Roles, options: SeparabilityOptions) -> bool:
    pairs = ((options.tissue, roles.tissue_column, "tissue"), (options.status, roles.status_column or "", "status"))
    return all(option is not None or column.casefold() == name for option, column, name in pairs)


def _notes(
    small: list[str], roles: Roles, tissues: dict[str, float | None], options: SeparabilityOptions
) -> tuple[str, ...]:
    notes = []
    if roles.status_column is not None and not _are_named(roles, options):
        notes.append(f"{roles.tissue_column!r} is used as the tissue and {roles.status_column!r} as the status")
    if small:
        notes.append(
            f"excluded from {roles.tissue_column}, fewer than {options.min_tissue_rows} real test rows: "
            f"{', '.join(small)}"
        )
    left_out = [name for name, value in tissues.items() if value is None]
    if left_out:
        notes.append(
            f"excluded from {roles.status_column}, fewer than {options.min_status_rows} real test rows of two "
            f"statuses: {', '.join(left_out)}"
        )
    return tuple(notes)
