"""Configuration of splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from tabgenbench.data.schema import Schema
from tabgenbench.errors import ConfigError
from tabgenbench.options import Options

__all__ = ["SplitConfig", "combination"]

LATER = ("drop_from_training", "thirds", "rows_per_training_row", "highly_variable")
"""Options of later versions; an option is written only if it is used, so that earlier keys (hashes) stay valid."""


class SplitConfig(Options):
    """Configuration of a split (division of a table into training rows and test rows)."""

    stratified: bool | None = Field(
        None, description="hold out the same share of each condition; by default if the schema has conditions"
    )
    grouped: bool | None = Field(
        None, description="keep all rows of a donor on one side; by default if the schema has a group"
    )
    test_fraction: float = Field(0.25, gt=0, lt=1, description="share of the rows held out for scoring")
    validation_fraction: float = Field(
        0.1, ge=0, lt=1, description="share of the other rows for early stopping and model selection"
    )
    train_rows: int | None = Field(
        None, ge=1, description="number of training rows, for learning curves; validation rows shrink in proportion"
    )
    leave_out: Mapping[str, tuple[str, ...]] | None = Field(
        None, description="values of obs columns that training must not see; several columns name their combination"
    )
    drop_from_training: Mapping[str, tuple[str, ...]] | None = Field(
        None,
        description="values of obs columns whose rows are removed from training and validation; held-out rows keep "
        "them",
    )
    thirds: bool = Field(
        False,
        description="divide the rows into thirds A, B and C: fold 0 trains on A and holds out B, fold 1 trains on B "
        "and holds out A; C is the reference, which no model sees",
    )
    rows_per_training_row: int | None = Field(
        None,
        ge=1,
        description="number of synthetic rows for the condition of each training and validation row; by default one "
        "for each test row",
    )
    highly_variable: int | None = Field(
        None,
        ge=1,
        description="keep this number of features of a table of counts: the most variable ones among the training rows "
        "of each split",
    )

    @field_validator("leave_out", "drop_from_training", mode="before")
    @classmethod
    def _as_tuples(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        if not value:
            raise ValueError("expected at least one column, such as {tissue: lung}")
        listed = {column: values if isinstance(values, list | tuple) else [values] for column, values in value.items()}
        for column, values in listed.items():
            if not values or not all(isinstance(item, str | int) for item in values):
                raise ValueError(f"column {column!r} has {list(values)!r}, expected one value or a list of values")
        return {str(column): tuple(sorted({str(item) for item in listed[column]})) for column in sorted(listed)}

    @model_validator(mode="after")
    def _check_thirds(self) -> SplitConfig:
        if self.thirds:
            for name in ("test_fraction", "train_rows", "leave_out", "drop_from_training"):
                if not self._is_default(name):
                    raise ConfigError(f"split: thirds = true determines the held-out rows; remove the option {name!r}")
        return self

    @model_serializer(mode="wrap")
    def _without_unused(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = write(self)
        return {name: value for name, value in values.items() if not (name in LATER and self._is_default(name))}

    def _is_default(self, name: str) -> bool:
        return bool(getattr(self, name) == type(self).model_fields[name].default)

    def resolve(self, schema: Schema) -> SplitConfig:
        """Return the configuration with true or false instead of None for ``stratified`` and ``grouped``.

        None becomes true for ``stratified`` if the schema has conditions, and for ``grouped`` if the schema has a
        group; otherwise, None becomes false.

        Raises:
            ConfigError: ``stratified`` is true but the schema has no conditions, or ``grouped`` is true but the schema
                has no group.
        """
        for name, asked, present in (
            ("stratified", self.stratified, bool(schema.conditions)),
            ("grouped", self.grouped, schema.group is not None),
        ):
            if asked and not present:
                role = "conditions" if name == "stratified" else "group"
                raise ConfigError(f"split: {name} = true, but the schema has no {role}; name them or set it to false")
        stratified = bool(schema.conditions) if self.stratified is None else self.stratified
        grouped = schema.group is not None if self.grouped is None else self.grouped
        return self.model_copy(update={"stratified": stratified, "grouped": grouped})

    @property
    def folds(self) -> tuple[int | None, ...]:
        """The numbers of the folds: ``(0, 1)`` for a split into thirds, ``(None,)`` for any other split."""
        return (0, 1) if self.thirds else (None,)

    @property
    def kind(self) -> str:
        """The description of the split on boards, such as ``stratified, grouped`` or ``random``."""
        default = " where possible"
        asked = {"stratified": self.stratified, "grouped": self.grouped}
        parts = [name + (default if on is None else "") for name, on in asked.items() if on is not False]
        parts = parts or ["random"]
        if self.leave_out is not None:
            parts.append(f"leave-out {combination(self.leave_out)}")
        if self.drop_from_training is not None:
            parts.append(f"training without {combination(self.drop_from_training)}")
        if self.train_rows is not None:
            parts.append(f"{self.train_rows} training rows")
        if self.thirds:
            parts.append("thirds")
        if self.rows_per_training_row is not None:
            parts.append(f"{self.rows_per_training_row} synthetic rows per training row")
        if self.highly_variable is not None:
            parts.append(f"{self.highly_variable} highly variable features")
        return ", ".join(parts)


def combination(values: Mapping[str, tuple[str, ...]]) -> str:
    """Return values of obs columns as text, such as ``status=normal & tissue=lung``."""
    return " & ".join(f"{column}={'/'.join(one)}" for column, one in values.items())
