"""The class `Table`: numeric features, categorical columns, roles of columns, and scale of values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench.data.layout import Layout
from tabgenbench.data.schema import Schema
from tabgenbench.errors import DataError

__all__ = ["Matrix", "Scale", "Source", "Table", "condition_labels"]

Scale = Literal["counts", "linear", "log2p1", "lognorm", "standardized"]
Matrix: TypeAlias = NDArray[np.float32] | Any  # or a scipy.sparse.csr_matrix, which has no types
CHECK_ROWS = 1024  # rows per block in checks of large matrices, to limit memory
NO_COUNT = (
    "is not a count, expected whole numbers >= 0; if the values are logarithms or estimates, name the layer that "
    "contains the counts, or set another scale"
)


@dataclass(frozen=True)
class Source:
    """Origin of a table: the dataset's name, its options, and a note that is copied to records and boards.

    Attributes:
        layout: description of the columns of the table's file, or None. The table's hash does not depend on it.
    """

    name: str = "table"
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    layout: Layout | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """A table of ``n_rows`` samples with numeric features and categorical columns. Immutable by convention.

    Attributes:
        X: values of the numeric features, shape (n_rows, n_features), float32, dense or CSR. A gap (missing value) is
            NaN before the dataset is split; afterwards, it is the median of the feature in the training rows.
        obs: categorical columns, one row per sample, indexed by unique sample ids.
        features: unique names of the columns of ``X``.
        schema: roles of the columns of ``obs``.
        scale: scale of the values of ``X``, such as ``counts``.
        log2p1: whether log2(x + 1) is taken before values are standardised to the evaluation scale.
        source: the dataset that the table comes from.

    Raises:
        DataError: shapes, types or names are inconsistent.
    """

    X: Matrix
    obs: pd.DataFrame
    features: tuple[str, ...]
    schema: Schema = field(default_factory=Schema)
    scale: Scale = "linear"
    log2p1: bool = False
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        where = f"table {self.source.name!r}"
        if self.scale not in get_args(Scale):
            raise DataError(f"{where}: scale {self.scale!r}, expected one of {', '.join(get_args(Scale))}")
        if self.X.ndim != 2 or self.X.dtype != np.float32:
            raise DataError(f"{where}: X has {self.X.ndim} dimensions of {self.X.dtype}, expected 2 of float32")
        if self.X.shape != (len(self.obs), len(self.features)):
            expected = (len(self.obs), len(self.features))
            raise DataError(f"{where}: X has shape {self.X.shape}, expected {expected} from obs and features")
        self.schema.check(columns=self.obs.columns, features=self.features, where=where)
        if self.schema.per_10k and (self.log2p1 or self.scale not in ("counts", "standardized")):
            got = f"scale {self.scale!r}" + " and log2p1 = true" * self.log2p1
            raise DataError(f"{where}: got {got} with per_10k = true, expected scale = 'counts' and log2p1 = false")
        if self.schema.per_10k and self.schema.numeric_gaps():
            column = self.schema.numeric_gaps()[0].column
            raise DataError(f"{where}: column {column!r} has gaps, expected a count in every row for per_10k = true")

    @property
    def n_rows(self) -> int:
        """Number of samples."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Number of numeric features."""
        return int(self.X.shape[1])

    @property
    def conditions(self) -> pd.DataFrame:
        """The condition columns of ``obs``, shape (n_rows, n_conditions)."""
        return self.obs.loc[:, list(self.schema.conditions)]

    @property
    def categories(self) -> pd.DataFrame:
        """The columns of ``obs`` that are categorical features, shape (n_rows, n_categorical_features)."""
        return self.obs.loc[:, list(self.schema.categorical_features)]

    def is_gap(self, column: str) -> NDArray[np.bool_]:
        """Return a mask of the rows in which a column has no value, shape (n_rows,)."""
        for gap in self.schema.gaps:
            if gap.column == column:
                return np.asarray(self.obs[gap.shown_by] == gap.value, dtype=np.bool_)
        return np.zeros(self.n_rows, dtype=bool)

    def present(self) -> NDArray[np.bool_] | None:
        """Return a mask of the present values of ``X``, shape (n_rows, n_features), or None if all are present."""
        gaps = self.schema.numeric_gaps()
        if not gaps:
            return None
        present = np.ones((self.n_rows, self.n_features), dtype=bool)
        for gap in gaps:
            present[:, self.features.index(gap.column)] = ~self.is_gap(gap.column)
        return present

    def dense(self) -> NDArray[np.float32]:
        """Return ``X`` as a dense array, shape (n_rows, n_features), without a copy if ``X`` is dense."""
        return dense_block(self.X)

    def take(self, rows: Sequence[int] | NDArray[Any]) -> Table:
        """Return a table with the rows at the given positions, in the given order."""
        return replace(self, X=self.X[rows], obs=self.obs.iloc[rows])

    def keep_features(self, names: Sequence[str]) -> Table:
        """Return a table with only the given features, in the given order; the schema loses the other features."""
        columns = pd.Index(self.features).get_indexer(pd.Index(names))
        schema = self.schema.without_features({*self.features} - {*names})
        return replace(self, X=self.X[:, columns], features=tuple(names), schema=schema)

    def like(self, X: Matrix, obs: pd.DataFrame, categories: pd.DataFrame | None = None) -> Table:
        """Return a table with new values and rows, and with the features, schema and scale of this table.

        Args:
            X: values, shape (len(obs), n_features), any float type.
            obs: the new ``obs``, with at least the condition columns.
            categories: the categorical features, one row for each row of ``obs``, in the same order, as text.

        Raises:
            DataError: the shapes are inconsistent, or a condition column is missing.
        """
        if categories is not None:
            if len(categories) != len(obs):
                raise DataError(f"categories have {len(categories)} rows for {len(obs)} rows of conditions")
            categories = categories.apply(as_categorical).set_axis(obs.index, axis=0)
            obs = pd.concat([obs.drop(columns=categories.columns, errors="ignore"), categories], axis=1)
        lost = {name for name in self.schema.obs_columns() if name not in obs and name not in self.schema.conditions}
        targets = {name for name in self.schema.targets if name not in obs and name not in self.features}
        schema = self.schema.without_columns(lost | targets)
        return replace(self, X=X.astype(np.float32, copy=False), obs=obs, schema=schema)

    def validate(self) -> Table:
        """Check the content of the table, and return the same table.

        Raises:
            DataError: a sample id or feature name occurs twice, a value is not finite, a value is negative although
                ``log2p1`` is true, a count is not a whole number, or a column with a role has missing values. The
                message names the row and the column.
        """
        where = f"dataset {self.source.name!r}"
        ids = self.obs.index
        if ids.has_duplicates:
            twice = ids[ids.duplicated()][0]
            raise DataError(f"{where}: sample id {twice!r} occurs more than once, expected unique ids; rename one row")
        names = pd.Index(self.features)
        if names.has_duplicates:
            twice = names[names.duplicated()][0]
            raise DataError(f"{where}: feature {twice!r} occurs more than once, expected unique names; rename a column")
        for column in self.schema.obs_columns():
            missing = self.obs[column].isna().to_numpy()
            if missing.any():
                row = ids[int(missing.argmax())]
                raise DataError(f"{where}: column {column!r} has no value in row {row!r}; fill it or drop the row")
        self._check_values(where)
        return self

    def _check_values(self, where: str) -> None:
        present = self.present()
        for start in range(0, self.n_rows, CHECK_ROWS):
            block = dense_block(self.X[start : start + CHECK_ROWS])
            bad_values = ~np.isfinite(block)
            if present is not None:
                bad_values &= present[start : start + CHECK_ROWS]
            checks = [(bad_values, "is not a finite number; impute it or drop the row")]
            if self.log2p1:
                checks.append((block < 0, "is negative, expected >= 0 to take log2(x + 1); set log2p1 = false"))
            if self.scale == "counts":
                checks.append(((block < 0) | (block != np.floor(block)), NO_COUNT))
            for bad, problem in checks:
                if bad.any():
                    row, column = (int(i[0]) for i in np.nonzero(bad))
                    place = f"row {self.obs.index[start + row]!r}, column {self.features[column]!r}"
                    raise DataError(f"{where}: {place}: {block[row, column]} {problem}")

    def fingerprint(self) -> str:
        """Return the SHA-256 of all values, names, roles and the order of the rows, in hex."""
        digest = hashlib.sha256()
        meaning = f"{self.schema.fingerprint_text()}|{self.scale}|{self.log2p1}|{self.X.shape}"
        digest.update("".join(text + "\0" for text in (meaning, *self.features, *map(str, self.obs.index))).encode())
        for column in self.obs.columns:
            digest.update(str(column).encode() + b"\1")
            digest.update("".join(value + "\0" for value in self.obs[column].astype(str)).encode())
        for start in range(0, self.n_rows, CHECK_ROWS):
            block = dense_block(self.X[start : start + CHECK_ROWS])
            digest.update(np.ascontiguousarray(block, dtype="<f4").data)
        return digest.hexdigest()

    def to_frame(self) -> pd.DataFrame:
        """Return one frame that contains the columns of ``obs`` and then the features, indexed by sample id."""
        values = pd.DataFrame(self.dense(), index=self.obs.index, columns=list(self.features))
        return pd.concat([self.obs, values], axis=1)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, *, schema: Schema | None = None, **meaning: Any) -> Table:
        """Convert a frame to a table.

        Columns with a role, and targets that contain text, become columns of ``obs``. All other columns become
        features.

        Args:
            frame: one row per sample, indexed by sample id.
            schema: roles of the columns; none by default.
            meaning: ``scale``, ``log2p1`` and ``source`` of the table.

        Raises:
            DataError: a feature column contains text; the message names the column and the row.
        """
        schema = schema or Schema()
        source = meaning.get("source", Source())
        roles = set(schema.obs_columns()) | {
            t for t in schema.targets if t in frame and not pd.api.types.is_numeric_dtype(frame[t])
        }
        schema.check(columns=frame.columns, features=[], where=f"dataset {source.name!r}")
        obs = frame.loc[:, [c for c in frame.columns if c in roles]].apply(as_categorical)
        obs.index = obs.index.astype(str)
        names = [c for c in frame.columns if c not in roles]
        for name in names:
            _check_numeric(frame[name], where=f"dataset {source.name!r}")
        values = frame.loc[:, names].to_numpy(dtype=np.float32, na_value=np.nan)
        features = tuple(str(n) for n in names)
        return cls(X=np.ascontiguousarray(values), obs=obs, features=features, schema=schema, **meaning)


def dense_block(values: Matrix) -> NDArray[np.float32]:
    """Return values as a dense array, without a copy if the values are dense."""
    sparse_or_dense: Any = values
    dense: NDArray[np.float32] = sparse_or_dense.toarray() if sparse.issparse(values) else sparse_or_dense
    return dense


def stored_values(values: Matrix) -> NDArray[np.float32]:
    """Return all values of a dense matrix, or the values other than 0 of a sparse matrix."""
    sparse_or_dense: Any = values
    stored: NDArray[np.float32] = sparse_or_dense.data if sparse.issparse(values) else sparse_or_dense
    return stored


def as_categorical(column: pd.Series) -> pd.Series:
    """Return a column as a categorical with sorted strings as categories; missing values stay missing."""
    if isinstance(column.dtype, pd.CategoricalDtype) and all(isinstance(c, str) for c in column.cat.categories):
        return column
    return column.astype("string").astype(object).astype("category")


def condition_labels(conditions: pd.DataFrame) -> pd.Series:
    """Return, for each row, a label that joins its condition values, such as ``tissue=lung, status=normal``.

    If the frame has no columns, every label is ``all``.
    """
    if conditions.shape[1] == 0:
        return pd.Series("all", index=conditions.index, dtype=object)
    parts = [str(column) + "=" + conditions[column].astype(str) for column in conditions.columns]
    label = parts[0]
    for part in parts[1:]:
        label = label + ", " + part
    return label.astype(object)


def _check_numeric(column: pd.Series, *, where: str) -> None:
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return
    numbers = pd.to_numeric(column, errors="coerce")
    text = (numbers.isna() & column.notna()).to_numpy()
    row, value = (column.index[int(text.argmax())], column.iloc[int(text.argmax())]) if text.any() else ("?", "text")
    raise DataError(
        f"{where}: column {column.name!r}, row {row!r}: got {value!r}, expected a number; "
        "correct the value, or name the column as a condition, batch or group"
    )
