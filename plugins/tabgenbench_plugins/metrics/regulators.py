"""Compares the correlations of regulators and their target genes between synthetic and real rows."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, ValidationInfo, field_validator

from tabgenbench import Evaluation, Metric, MetricContext, Options, Result, ScoreSpec, Unsupported
from tabgenbench_plugins.correlation import MAX_TRIANGLE_FEATURES, MIN_ROWS, Floats, Undefined, unit_columns
from tabgenbench_plugins.metrics.parts.pooled import (
    SIDES,
    RealOrSynthetic,
    check_numeric,
    feature_notes,
    finite_values,
    present_cells,
    usable_features,
)
from tabgenbench_plugins.metrics.parts.present import Columns, PresentColumns, select, triangle_of
from tabgenbench_plugins.metrics.parts.results import collect, undefined_result

__all__ = ["Regulators", "read_pairs"]

CITATION = "psi and phi of Viñas et al., Bioinformatics 38(3), 2022"
DIGITS = 12  # of the hash of the file of pairs


class Regulators(Metric):
    """Similarity of the correlations of regulators and their target genes between synthetic rows and real test rows.

    For a regulator with n targets, u is the vector of its correlations with the targets, and v is the vector of the
    correlations of all pairs of targets. The cosine of two vectors is cos(a, b) = a'b / (|a| |b|).

    - ``psi``: mean over regulators of cos(u_real, u_synthetic), weighted by n
    - ``phi``: mean over regulators with two or more targets of cos(v_real, v_synthetic), weighted by n - 1

    The definitions and weights are those of Viñas et al. and of their public code (rvinas/adversarial-gene-expression,
    ``utils.py``). Features that are constant in the real test rows are excluded. The correlation of a feature
    that is constant only in the synthetic rows is 0. The cosine with a synthetic vector of zeros is 0. A regulator is
    not a target of itself.
    """

    name: ClassVar[str] = "regulators"
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="psi",
            question="structure",
            direction="higher",
            low=-1.0,
            high=1.0,
            description="weighted mean cosine of the correlations of regulators with their targets",
            blind_to=(
                "A common factor of the correlations of a regulator, and correlations within conditions, beside those "
                "between conditions. If all correlations are positive, every cosine is high"
            ),
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter", "label-swapper", "category-collapser"),
            citation=CITATION,
        ),
        ScoreSpec(
            name="phi",
            question="structure",
            direction="higher",
            low=-1.0,
            high=1.0,
            description="weighted mean cosine of the correlations between the targets of a regulator",
            blind_to=(
                "A common factor of the correlations of a regulator's targets, and correlations within conditions, "
                "beside those between conditions. If all correlations are positive, every cosine is high"
            ),
            floor="shuffled",
            detects=("correlation-breaker",),
            misses=("copier", "mean-shifter", "label-swapper", "category-collapser"),
            citation=CITATION,
        ),
    )

    class Config(Options):
        """Options of `Regulators`."""

        pairs: str | None = Field(
            None,
            description="file of pairs, TSV or CSV: the first two columns are names of features, regulator and target; "
            "without it, the metric is skipped",
        )
        content: str | None = Field(
            None,
            validate_default=True,
            description="first 12 digits of the file's SHA-256, filled in; a file with other content is refused",
        )

        @field_validator("pairs")
        @classmethod
        def _absolute(cls, value: str | None) -> str | None:
            if value is None:
                return value
            path = Path(value).expanduser().absolute()
            if not path.is_file():
                raise ValueError(f"there is no file {path}; set pairs to a TSV or CSV file of regulators and targets")
            return str(path)

        @field_validator("content")
        @classmethod
        def _hashed(cls, value: str | None, info: ValidationInfo) -> str | None:
            path = info.data.get("pairs")
            return value if value is not None or path is None else _hash(Path(path))

    config: Config

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one synthetic table; save psi and phi of each regulator as artifact ``regulators``.

        Raises:
            Unsupported: no file of regulators and targets is given, the file is invalid, no pair has two features of
                the table, a regulator has 4,000 or more targets, or a table with categorical features has fewer than
                two numeric features.
        """
        check_numeric(evaluation, self.name)
        targets, n_left_out = self._targets(evaluation)
        try:
            found = _cosines(evaluation, targets)
        except Undefined as reason:
            return undefined_result(self.scores, reason)
        scores, undefined = collect({name: partial(_weighted, found, name) for name in ("psi", "phi")})
        notes = [*feature_notes(evaluation), f"{len(found)} regulators with {int(found['targets'].sum())} targets"]
        if n_left_out:
            notes.append(f"{n_left_out} pairs of the file name a feature that the table does not have and are excluded")
        return Result(scores, undefined, artifacts={"regulators": found}, notes=tuple(notes))

    def _targets(self, evaluation: Evaluation) -> tuple[dict[str, list[str]], int]:
        if self.config.pairs is None:
            raise Unsupported("no file of regulators and targets is given; set the option pairs=FILE")
        pairs = evaluation.shared.once(
            (self.name, self.config.pairs, self.config.content),
            lambda: read_pairs(self.config.pairs or "", self.config.content),
            scope="split",
        )
        features = set(evaluation.test.features)
        targets: dict[str, list[str]] = {}
        n_left_out = 0
        for regulator, target in sorted(set(pairs)):
            if {regulator, target} <= features and regulator != target:
                targets.setdefault(regulator, []).append(target)
            n_left_out += not {regulator, target} <= features
        if not targets:
            raise Unsupported(
                f"option 'pairs': none of the {len(set(pairs))} pairs has two features of this table; the last pair is "
                f"{pairs[-1][0]!r}, {pairs[-1][1]!r}, and the first feature is {evaluation.test.features[0]!r}"
            )
        most = max(targets, key=lambda one: len(targets[one]))
        if len(targets[most]) >= MAX_TRIANGLE_FEATURES:
            raise Unsupported(
                f"option 'pairs': regulator {most!r} has {len(targets[most]):,} targets, expected fewer than "
                f"{MAX_TRIANGLE_FEATURES:,}, because memory grows with their square; remove pairs from the file"
            )
        return targets, n_left_out


def read_pairs(path: str, content: str | None = None) -> list[tuple[str, str]]:
    """Read pairs of a regulator and a target from the first two columns of a TSV or CSV file.

    Columns are separated by tabs if the first line contains a tab, otherwise by commas. The SHA-256 of the file
    must start with the digits ``content``; None accepts any file.

    Raises:
        Unsupported: the file has no pairs, a line has fewer than two columns, or the SHA-256 of the file does not start
            with ``content``.
    """
    data = Path(path).read_bytes()
    if content is not None and not hashlib.sha256(data).hexdigest().startswith(content):
        raise Unsupported(f"option 'pairs': {path} has changed since the run was planned; start the run again")
    lines = data.decode("utf-8-sig").splitlines()
    separator = "\t" if lines and "\t" in lines[0] else ","
    pairs = []
    for number, line in enumerate(lines, 1):
        cells = [cell.strip().strip('"') for cell in line.split(separator)]
        if line.strip() and (len(cells) < 2 or not all(cells[:2])):
            raise Unsupported(f"option 'pairs': {path}, line {number}: got {line!r}, expected a regulator and a target")
        if line.strip():
            pairs.append((cells[0], cells[1]))
    if not pairs:
        raise Unsupported(f"option 'pairs': {path} has no line; expected a regulator and a target in each line")
    return pairs


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]


def _cosines(evaluation: Evaluation, targets: dict[str, list[str]]) -> pd.DataFrame:
    usable = usable_features(evaluation)
    place = {name: j for j, name in enumerate(evaluation.test.features) if usable[j]}
    tables = [_columns(evaluation, side) for side in SIDES]
    found = []
    for regulator, names in targets.items():
        known = [place[name] for name in names if name in place]
        if regulator in place and known:
            # The first pairs are those of the regulator with each target; the others are pairs of two targets.
            a, b = (triangle_of(select(table, np.array([place[regulator], *known]))) for table in tables)
            n = len(known)
            found.append((regulator, n, _cosine(a[:n], b[:n]), _cosine(a[n:], b[n:])))
    if not found:
        raise Undefined("no regulator and target of the file both vary in the real test rows")
    return pd.DataFrame(found, columns=["regulator", "targets", "psi", "phi"])


def _columns(evaluation: Evaluation, side: RealOrSynthetic) -> Columns:
    def columns() -> Columns:
        values, present = finite_values(evaluation, side), present_cells(evaluation, side)
        if len(values) < MIN_ROWS:
            raise Undefined(f"{len(values)} {SIDES[side]} rows, and correlations need at least {MIN_ROWS}")
        return unit_columns(values) if present is None else PresentColumns(values, present)

    scope: Literal["draw", "split"] = "split" if side == "test" else "draw"
    return evaluation.shared.once(("unit columns", side), columns, scope=scope)


def _cosine(real: Floats, synthetic: Floats) -> float:
    lengths = float(np.linalg.norm(real)), float(np.linalg.norm(synthetic))
    if lengths[0] == 0.0:
        return np.nan
    if lengths[1] == 0.0:
        return 0.0
    return float(np.clip(real @ synthetic / lengths[0] / lengths[1], -1.0, 1.0))


def _weighted(found: pd.DataFrame, name: str) -> float:
    counted = found[found[name].notna()]
    if counted.empty:
        raise Undefined("no regulator has two targets that vary in the real test rows")
    weights = counted["targets"] - (1 if name == "phi" else 0)
    return float(np.average(counted[name], weights=weights))
