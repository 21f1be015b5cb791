"""Roles (such as group or feature) and kinds of the columns of a user's table.

A column gets the first role in this list that applies:

* the role that the card (description of the table) gives to the column;
* the group, if the column has a name in `GROUP_NAMES`, such as ``donor`` or ``patient``;
* a condition, if the card names no conditions and the column has a name in `CONDITION_NAMES`, such as ``label``; the
  values must be true / false, text with few different values, or at most 20 different whole numbers;
* a numeric feature, if the column contains numbers (also if all are equal) or dates, unless every row has the same
  date; dates become whole numbers, such as the number of days since the earliest date;
* left out, if the column has no value or the same value in every row;
* left out, if the column is text with more than 1,000 different values, or with more different values than half the
  number of rows, because such text is usually an identifier or free text;
* a categorical feature, if the column contains other text or true / false.

A missing value of a condition or categorical feature becomes a category. For numbers, an additional categorical feature
marks the rows with a missing value (`tabgenbench.data.schema.Gap`). The `Layout` of the table lists each inferred role
and the option that overrides it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from tabgenbench.data.frame_file import is_text
from tabgenbench.data.layout import Column, ColumnKind, ColumnRole, Layout
from tabgenbench.data.number_size import too_large
from tabgenbench.data.schema import DateFeature, Gap, Schema
from tabgenbench.data.table_file import numeric_problem
from tabgenbench.data.text_file import BLANKS, SHORT_ROWS
from tabgenbench.data.typed_columns import date_feature, decimals_of, find_date_format, is_whole, labels_of
from tabgenbench.errors import DataError, did_you_mean
from tabgenbench.formatting import count_text
from tabgenbench.registry.doubts import FEW, doubt_about_numbers, doubt_about_text
from tabgenbench.registry.file_card import FileCard

__all__ = ["CONDITION_NAMES", "GROUP_NAMES", "Roles", "find_roles", "named_roles", "with_gaps"]

GROUP_NAMES = frozenset(name + end for name in ("donor", "individual", "patient", "subject") for end in ("", "_id"))
CONDITION_NAMES = frozenset(
    ("condition", "label", "class", "target", "diagnosis", "tissue", "status", "cell_type", "celltype", "cell type")
)
MANY = 1_000  # text with more values looks like an identifier or free text
GAP_NAMES = ("missing", "(missing)", "(no value)")
EXACT = 2**24  # float32 represents all whole numbers up to this limit exactly
WHOLE = 2**53  # a larger float64 has no digits after the decimal point


@dataclass(frozen=True)
class Roles:
    """A table as a frame, and the roles of its columns.

    Attributes:
        frame: the table, without columns that are left out and rows that are dropped.
        schema: roles of the columns.
        layout: every column of the file.
        note: text that lists the inferred roles.
    """

    frame: pd.DataFrame
    schema: Schema
    layout: Layout
    note: str


@dataclass
class _Found:
    columns: dict[str, Column] = field(default_factory=dict)
    dates: list[DateFeature] = field(default_factory=list)

    def names(self, role: ColumnRole, *kinds: ColumnKind) -> tuple[str, ...]:
        fits = (one for one in self.columns.values() if one.role == role and (not kinds or one.kind in kinds))
        return tuple(one.name for one in fits)

    def doubtful(self, words: str) -> list[str]:
        return [one.name for one in self.columns.values() if words in one.guess]


def find_roles(frame: pd.DataFrame, said: FileCard, title: str, *, where: Path | str) -> Roles:
    """Infer the roles that the card does not give, and return the roles of all columns.

    Args:
        frame: one row per sample, without the sample ids and the ignored columns.
        said: the card (description of the table).
        title: name of the table for `Roles.note`.
        where: name of the table in error messages.

    Raises:
        DataError: a column that the card names does not exist, the values of a column cannot be used, or a value is
            missing although ``missing = "error"``.
    """
    _check_names(frame, said, where)
    if said.missing == "error":
        _check_no_gap(frame, where)
    found = _Found()
    group = said.group or next((name for name in _free(frame, said) if name.lower() in GROUP_NAMES), None)
    for name in map(str, frame.columns):
        found.columns[name] = _column(frame[name], said, found, where=f"{where}: column {name!r}", group=group)
    for name in said.targets:
        if found.columns[name].role == "left out":
            guess = found.columns[name].guess
            raise DataError(f"{where}: column {name!r}, given as a target, {guess}, expected two or more; name another")
    kept = frame.drop(columns=list(found.names("left out")))
    n_rows = len(kept)
    if said.missing == "drop-rows":
        kept = kept.dropna()
        if kept.empty:
            raise DataError(f"{where}: every row has a missing value, so missing = drop-rows leaves none; keep them")
    is_linear = said.scale in (None, "linear") and not said.per_10k
    schema = Schema(
        conditions=said.conditions if said.conditions is not None else found.names("condition"),
        batch=said.batch,
        group=group,
        targets=said.targets,
        categorical_features=found.names("feature", "category", "boolean", "text"),
        whole_numbers=found.names("feature", "whole number", "date") if is_linear else (),
        dates=tuple(found.dates),
        per_10k=said.per_10k,
    )
    schema = with_gaps(kept, schema, where)
    ids = _ids(frame)
    n_missing = {gap.column: int(kept[gap.column].isna().sum()) for gap in schema.gaps}
    note = _note(found, said, schema, n_missing, ids=ids[0].name if ids else None, n_rows=(n_rows, len(kept)))
    blanks = "blanks before values removed" if frame.attrs.get(BLANKS) else ""
    n_short = frame.attrs.get(SHORT_ROWS, 0)
    short = f"{count_text(n_short, 'line')} of the file with too few cells, the others are missing" if n_short else ""
    note = "; ".join(part for part in (f"{title}, {count_text(len(frame), 'row')}", blanks, short, note) if part)
    return Roles(kept, schema, Layout(columns=(*ids, *found.columns.values())), note)


def named_roles(obs: pd.DataFrame, said: FileCard, title: str) -> tuple[Schema, str]:
    """Return the roles of the columns of ``obs``, and a note on the roles that the card does not give."""
    notes = [f"{title}, {len(obs):,} rows"]
    group = said.group
    if group is None:
        taken = {*(said.conditions or ()), said.batch, *said.categorical_features}
        group = next((str(name) for name in obs.columns if name not in taken and name.lower() in GROUP_NAMES), None)
        notes += [f"group by default: {group}"] if group is not None else []
    if said.conditions is None:
        notes.append("conditions by default: none")
    schema = Schema(
        conditions=said.conditions or (),
        batch=said.batch,
        group=group,
        targets=said.targets,
        categorical_features=said.categorical_features,
        per_10k=said.per_10k,
    )
    return schema, "; ".join(notes)


def _check_names(frame: pd.DataFrame, said: FileCard, where: Path | str) -> None:
    named = Schema(
        conditions=said.conditions or (),
        batch=said.batch,
        group=said.group,
        targets=said.targets,
        categorical_features=said.categorical_features,
    )
    for name in said.ignore:
        if name in (*named.obs_columns(), *said.targets):
            raise DataError(f"{where}: column {name!r} is to be ignored and has a role too, expected one; name it once")
    named.check(columns=frame.columns, features=(), where=str(where))
    for name in said.date_formats:
        if name not in frame.columns:
            raise DataError(f"{where}: no column {name!r} with a date format{did_you_mean(name, frame.columns)}")


def _check_no_gap(frame: pd.DataFrame, where: Path | str) -> None:
    for name in frame.columns:
        missing = frame[name].isna().to_numpy()
        if missing.any():
            row = frame.index[int(missing.argmax())]
            fix = "fill it, or set missing = keep or drop-rows"
            raise DataError(f"{where}: column {name!r}, row {row!r}: is empty, expected a value; {fix}")


def _free(frame: pd.DataFrame, said: FileCard) -> list[str]:
    return [str(name) for name in frame.columns if name not in said.named()]


def _ids(frame: pd.DataFrame) -> tuple[Column, ...]:
    name = frame.attrs.get("ids")
    return () if name is None else (Column(name=name, kind="text", role="id", dtype="object"),)


def _column(column: pd.Series, said: FileCard, found: _Found, *, where: str, group: str | None) -> Column:
    name = str(column.name)
    kind = _kind(column, said, found, where)
    one = Column(name=name, kind=kind, role="feature", dtype=str(column.dtype))
    if name == group:
        guess = "" if said.group else f"named {name}; group=... overrides it"
        return one.model_copy(update={"role": "group", "guess": guess})
    if name == said.batch:
        return one.model_copy(update={"role": "batch"})
    if name in (said.conditions or ()):
        return one.model_copy(update={"role": "condition"})
    constant, decimals = _constant(column), decimals_of(column) if kind == "number" else None
    is_free = said.conditions is None and name not in said.categorical_features
    if is_free and constant is None and _is_condition(column, name, kind):
        return one.model_copy(update={"role": "condition", "guess": f"named {name}; conditions=[...] overrides it"})
    if kind == "empty":
        return one.model_copy(update={"role": "left out", "guess": "has no value", "constant": ""})
    if name in said.categorical_features:
        return one.model_copy(update={"kind": "boolean" if kind == "boolean" else "category"})
    if constant is not None:
        is_label = kind in ("category", "boolean", "text", "date")
        role: ColumnRole = "left out" if is_label else "feature"
        update = {"role": role, "guess": "has one value", "constant": constant, "decimals": decimals}
        return one.model_copy(update=update)
    if kind == "text":
        if name in said.targets:
            return one.model_copy(update={"kind": "category"})
        n = f"{count_text(column.nunique(), 'value')} in {count_text(int(column.notna().sum()), 'row')}"
        plain = f"{n}, like an identifier or free text; categorical_features=[{name}] keeps it"
        doubt = doubt_about_text(column)
        guess = doubt if doubt.startswith(("text such as", "dates or times")) else plain
        return one.model_copy(update={"role": "left out", "guess": guess})
    return one.model_copy(update={"guess": _doubt(column, kind, found), "decimals": decimals})


def _kind(column: pd.Series, said: FileCard, found: _Found, where: str) -> ColumnKind:
    name, filled = str(column.name), column.dropna()
    if filled.empty:
        return "empty"
    if pd.api.types.is_bool_dtype(column) or set(map(type, filled.iloc[:1000])) == {bool}:
        return "boolean"
    if isinstance(filled.iloc[0], list | dict | set | np.ndarray):
        hint = "expected a number, a text, a date or true / false; ignore the column"
        raise DataError(f"{where}, row {filled.index[0]!r}: got {filled.iloc[0]!r}, {hint}")
    if not is_text(column):
        if isinstance(column.dtype, pd.CategoricalDtype):
            return "category"
        return _kind_of_numbers(column, said, where) if name not in said.named() else "whole number"
    is_dated = pd.api.types.is_datetime64_any_dtype(column)
    if name in said.named():
        return "category"
    form = said.date_formats.get(name, "") or _stored_format(column) or ""
    if not form and not isinstance(column.dtype, pd.CategoricalDtype) and not is_dated:
        form = find_date_format(column, where) if filled.iloc[:100].astype(str).str.contains(r"\d").any() else ""
    if form and _constant(column) is None:
        found.dates.append(date_feature(column, form, where))
    if form:
        return "date"
    if not isinstance(column.dtype, pd.CategoricalDtype):
        if _are_mostly_numbers(filled):  # numbers with other entries, or text that happens to be numbers
            raise DataError(f"{where}, {numeric_problem(filled)}")
    n_values = filled.nunique()
    return "text" if n_values > MANY or n_values > len(column) / 2 else "category"


def _are_mostly_numbers(values: pd.Series) -> bool:
    few = values.iloc[:: max(1, len(values) // 1_000)]
    shares = (float(pd.to_numeric(some, errors="coerce").notna().mean()) for some in (few, values))
    return next(shares) >= 0.25 and next(shares) >= 0.5


def _stored_format(column: pd.Series) -> str:
    if not pd.api.types.is_datetime64_any_dtype(column):
        return ""
    stamps = column.dropna()
    return "%Y-%m-%d" if (stamps.dt.normalize() == stamps).all() else "%Y-%m-%d %H:%M:%S"


def _kind_of_numbers(column: pd.Series, said: FileCard, where: str) -> ColumnKind:
    if problem := too_large(column):
        raise DataError(f"{where}, {problem}")
    if said.scale not in (None, "linear") or not is_whole(column):
        return "number"
    values = column.dropna().to_numpy(dtype=np.float64)
    largest = np.abs(values).max()
    if largest > WHOLE and pd.api.types.is_float_dtype(column):
        return "number"
    if largest > EXACT and len(np.unique(values)) > len(np.unique(values.astype(np.float32))):
        are_days = 19000101 <= values.min() and largest <= 21001231
        hint = f', or its format as dates by date_formats={{"{column.name}": "%Y%m%d"}}' if are_days else ""
        raise DataError(
            f"{where}: whole numbers up to {largest:,.0f} are too large, float32 merges some above {EXACT:,}; ignore "
            f"it, or name it as the id, a condition or a categorical feature{hint}"
        )
    return "whole number"


def _constant(column: pd.Series) -> str | None:
    if column.isna().any() or column.nunique() != 1:
        return None
    return (
        str(labels_of(column.iloc[:1]).iloc[0])
        if not pd.api.types.is_float_dtype(column)
        else repr(float(column.iloc[0]))
    )


def _is_condition(column: pd.Series, name: str, kind: ColumnKind) -> bool:
    few = kind == "whole number" and column.nunique() <= FEW
    return name.strip().lower() in CONDITION_NAMES and (few or kind in ("category", "boolean"))


def _doubt(column: pd.Series, kind: ColumnKind, found: _Found) -> str:
    if kind == "date" and not pd.api.types.is_datetime64_any_dtype(column):
        form = next(date.format for date in found.dates if date.column == column.name)
        return f"read as {form}; date_formats gives another format"
    if kind == "category" and not isinstance(column.dtype, pd.CategoricalDtype):
        return doubt_about_text(column)
    return doubt_about_numbers(column, kind)


def with_gaps(frame: pd.DataFrame, schema: Schema, where: Path | str) -> Schema:
    """Return the schema with a description (`Gap`) of the missing values of each column.

    For each numeric feature with missing values, a categorical feature is added, which marks these values.

    Raises:
        DataError: the batch or the group has a missing value; the message names the row.
    """
    gaps, companions = [], []
    own = {*schema.conditions, *schema.categorical_features}
    for name in map(str, frame.columns):
        missing = frame[name].isna().to_numpy()
        if not missing.any():
            continue
        if name in (schema.group, schema.batch):
            row = frame.index[int(missing.argmax())]
            raise DataError(
                f"{where}: column {name!r}, row {row!r}: is empty, expected a value; fill it or drop the row"
            )
        if name in own:
            taken = set(labels_of(frame[name].dropna()))
            value = next(label for label in (*GAP_NAMES, f"{GAP_NAMES[0]} {len(taken)}") if label not in taken)
            gaps.append(Gap(column=name, shown_by=name, value=value))
        else:
            companion = f"{name} is missing"
            while companion in frame.columns:
                companion += "?"
            gaps.append(Gap(column=name, shown_by=companion, value="yes"))
            companions.append(companion)
    features = (*schema.categorical_features, *companions)
    return schema.model_copy(update={"gaps": tuple(gaps), "categorical_features": features})


def _note(
    found: _Found,
    said: FileCard,
    schema: Schema,
    n_missing: Mapping[str, int],
    *,
    ids: str | None,
    n_rows: tuple[int, int],
) -> str:
    made = [name for name in schema.categorical_features if name in found.columns]
    facts = {
        "sample ids": [ids] if ids and said.id is None else [],
        "group by default": [schema.group] if schema.group is not None and said.group is None else [],
        "categorical features by default": [name for name in made if name not in said.categorical_features],
        "dates": [date.column for date in schema.dates],
        "few whole numbers, which categorical_features=[...] makes categories": found.doubtful("whole numbers;"),
        "some values begin with 0, which categorical_features=[...] keeps": found.doubtful("begin with 0"),
        "one value or none": [one.name for one in found.columns.values() if one.constant is not None],
        "left out, like an identifier or free text": found.doubtful("like an identifier"),
        "text that looks like numbers with other characters": found.doubtful("thousands separators"),
        "dates or times of an unknown format, which date_formats gives": found.doubtful("unknown format"),
        "may name rows, which ignore=[...] leaves out": found.doubtful("if it names the row"),
        "may have a mark for missing values, which missing_values=[...] names": found.doubtful("may mean a missing"),
        "missing values kept": [f"{name} ({n:,})" for name, n in n_missing.items()],
    }
    conditions = [] if said.conditions is not None else [", ".join(schema.conditions) or "none"]
    lines = {**{"conditions by default": conditions}, **facts}
    order = ["sample ids", "group by default", "conditions by default", *facts]
    notes = [f"{name}: {_listed(lines[name])}" for name in dict.fromkeys(order) if lines[name]]
    dropped = n_rows[0] - n_rows[1]
    return "; ".join(notes + ([f"{dropped:,} rows with missing values dropped"] if said.missing == "drop-rows" else []))


def _listed(names: Sequence[str | None], most: int = 8) -> str:
    rest = len(names) - most
    return ", ".join(map(str, names[:most])) + (f" and {rest} more" if rest > 0 else "")
