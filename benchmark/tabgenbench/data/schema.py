"""Roles of the ``obs`` columns of a table."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tabgenbench.errors import DataError, did_you_mean

__all__ = ["Schema"]


class Schema(BaseModel):
    """Roles of ``obs`` columns. Immutable.

    A generator gets ``conditions`` when it samples and never sees ``group``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    conditions: tuple[str, ...] = Field((), description="columns given to the generator when sampling")
    batch: str | None = Field(None, description="technical source of a row, such as a laboratory or a sequencing run")
    group: str | None = Field(None, description="donor of a row; rows of one donor stay on one side of a split")
    targets: tuple[str, ...] = Field((), description="obs columns or features that a downstream user predicts")
    categorical_features: tuple[str, ...] = Field((), description="obs columns that are generated (mixed tables)")

    @field_validator("conditions", "targets", "categorical_features")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))

    def obs_columns(self) -> tuple[str, ...]:
        """Return the columns with a role in ``obs``, each once, in the order of the fields, without targets."""
        names = [*self.conditions, self.batch, self.group, *self.categorical_features]
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def check(self, *, columns: Collection[str], features: Collection[str], where: str) -> None:
        """Raise `DataError` if a column with a role is missing from the table.

        Args:
            columns: the columns of ``obs``.
            features: the names of the features; a target may be one of them.
            where: name of the table for the message.
        """
        for name in self.obs_columns():
            if name not in columns:
                raise DataError(f"{where}: no column {name!r}, which the schema names{did_you_mean(name, columns)}")
        known = {*columns, *features}
        for name in self.targets:
            if name not in known:
                raise DataError(f"{where}: target {name!r} is neither an obs column nor a feature")
