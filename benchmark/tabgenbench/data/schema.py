"""Schema of a table: the roles of its columns, and which columns have gaps (missing values), whole numbers or dates."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tabgenbench.errors import DataError, did_you_mean

__all__ = ["DateFeature", "DateUnit", "Gap", "Schema"]

DateUnit = Literal["day", "hour", "minute", "second"]


class Gap(BaseModel):
    """How the gaps (missing values) of one column are marked. Immutable.

    The field ``shown_by`` names a column of ``obs``. In rows with a gap, this column contains the text of the field
    ``value``. For a numeric feature, it is a companion column, which generators generate too. For a column of ``obs``,
    it is the column itself, in which gaps are a separate category.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(description="a feature or an obs column")
    shown_by: str = Field(description="the obs column that shows its gaps; the column itself if it is categorical")
    value: str = Field(description="the value of that column at a gap")


class DateFeature(BaseModel):
    """A feature of dates or times, stored as a whole number of units, such as days, since an origin. Immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(description="the feature")
    unit: DateUnit = Field(description="unit of the values")
    origin: str = Field(description="date and time of the value 0, in ISO 8601")
    format: str = Field(description="format of the dates in the file, as for datetime.strftime")


class Schema(BaseModel):
    """Roles of the columns of a table. Immutable.

    For sampling, a generator gets the values of the ``conditions`` columns, and generates the features and
    ``categorical_features``. A generator never gets ``group``, the donor of each row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    conditions: tuple[str, ...] = Field((), description="columns given to the generator when sampling")
    batch: str | None = Field(None, description="technical source of a row, such as a laboratory or a sequencing run")
    group: str | None = Field(None, description="donor of a row; rows of one donor stay on one side of a split")
    targets: tuple[str, ...] = Field((), description="obs columns or features that a downstream user predicts")
    categorical_features: tuple[str, ...] = Field((), description="obs columns that are generated (mixed tables)")
    whole_numbers: tuple[str, ...] = Field((), description="features that are whole numbers; samples are rounded")
    dates: tuple[DateFeature, ...] = Field((), description="features that are dates; they are whole numbers too")
    gaps: tuple[Gap, ...] = Field((), description="columns with missing values, and what shows them")
    per_10k: bool = Field(
        False,
        description="features are counts, such as those of a cell; the evaluation scale is log1p(counts per 10,000)",
    )

    @field_validator("conditions", "targets", "categorical_features")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))

    def obs_columns(self) -> tuple[str, ...]:
        """Return the ``obs`` columns that are conditions, batch, group or categorical features, in this order."""
        names = [*self.conditions, self.batch, self.group, *self.categorical_features]
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def _role(self, name: str) -> str:
        if name in self.conditions:
            return "a condition"
        return {self.batch: "the batch", self.group: "the group"}.get(name, "a categorical feature")

    def check(self, *, columns: Collection[str], features: Collection[str], where: str) -> None:
        """Raise `DataError` if a column with a role is missing from the table.

        Args:
            columns: the columns of ``obs``.
            features: the names of the features. A target (column to predict) may be a feature.
            where: name of the table for the message.
        """
        for name in self.obs_columns():
            if name not in columns:
                role = self._role(name)
                raise DataError(f"{where}: no column {name!r}, given as {role}{did_you_mean(name, columns)}")
        known = {*columns, *features}
        for name in self.targets:
            if name not in known:
                raise DataError(f"{where}: no column {name!r}, given as a target{did_you_mean(name, known)}")
        for name in (*self.whole_numbers, *(date.column for date in self.dates)):
            if name not in known:
                raise DataError(f"{where}: no feature {name!r}, which the schema names{did_you_mean(name, features)}")
        for name in self.categorical_features:
            if name in (*self.conditions, self.batch, self.group):
                raise DataError(
                    f"{where}: column {name!r} is a categorical feature and also a condition, batch or group, expected "
                    "one role; name it once"
                )

    def fingerprint_text(self) -> str:
        """Return the schema as JSON.

        Fingerprints (hashes) of tables are computed from this text. Fields that were added in later versions are
        omitted if they have their default value, so that fingerprints from earlier versions stay valid.
        """
        later = ("whole_numbers", "dates", "gaps", "per_10k")
        return self.model_dump_json(exclude={name for name in later if not getattr(self, name)})

    def without_columns(self, lost: Collection[str]) -> Schema:
        """Return the schema without the ``obs`` columns in ``lost``."""
        names = {"conditions": self.conditions, "categorical_features": self.categorical_features}
        changes: dict[str, object] = {key: tuple(n for n in value if n not in lost) for key, value in names.items()}
        changes["batch"] = self.batch if self.batch not in lost else None
        changes["group"] = self.group if self.group not in lost else None
        changes["targets"] = tuple(name for name in self.targets if name not in lost)
        changes["gaps"] = tuple(gap for gap in self.gaps if gap.shown_by not in lost)
        return self.model_copy(update=changes)

    def without_features(self, lost: Collection[str]) -> Schema:
        """Return the schema without the features in ``lost``."""
        changes: dict[str, object] = {
            "targets": tuple(name for name in self.targets if name not in lost),
            "whole_numbers": tuple(name for name in self.whole_numbers if name not in lost),
            "dates": tuple(date for date in self.dates if date.column not in lost),
            "gaps": tuple(gap for gap in self.gaps if gap.column not in lost),
        }
        return self.model_copy(update=changes)

    @property
    def n_categorical(self) -> int:
        """The number of categorical features, without the columns that mark gaps of numeric features."""
        return len(self.categorical_features) - len(self.numeric_gaps())

    def numeric_gaps(self) -> tuple[Gap, ...]:
        """Return the gaps of numeric features, each of which is marked in a companion column."""
        return tuple(gap for gap in self.gaps if gap.column != gap.shown_by)
