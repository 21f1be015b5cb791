"""The card (description) of a user's table: a TOML file, or options after the path of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from tabgenbench.data.table import Scale
from tabgenbench.options import Options

__all__ = ["DESCRIPTIVE", "FileCard", "FileOptions", "override"]

DESCRIPTIVE = {"name", "title", "summary", "citation", "licence", "url", "file", "metadata"}


class _Description(Options):
    """Fields of a dataset's card that describe the table for readers, and the path of its file."""

    name: str = Field("", description="name of the dataset; the card's or file's stem by default")
    title: str = Field("", description="title for readers; the name by default")
    summary: str = Field("", description="one sentence on the table")
    citation: str = Field("", description="citation of the data")
    licence: str = Field("", description="licence of the data")
    url: str = Field("", description="web page of the data")
    file: str = Field("", description="the CSV, TSV, Parquet or h5ad file, relative to the card")
    metadata: str = Field("", description="SDV metadata JSON with the kinds of the columns, relative to the table")


class FileOptions(Options):
    """Fields of a card that define how a table is read, such as the roles of its columns."""

    id: str | None = Field(None, description="column of sample ids")
    conditions: tuple[str, ...] | None = Field(
        None, description="columns that the generator receives for sampling; default: columns with a name such as label"
    )
    group: str | None = Field(None, description="column of the donor; a split does not divide a donor")
    batch: str | None = Field(None, description="column of the technical source")
    targets: tuple[str, ...] = Field((), description="columns or features that downstream tasks predict")
    categorical_features: tuple[str, ...] = Field(
        (), description="columns to generate as categories, beside columns of text and of true / false"
    )
    missing: Literal["keep", "drop-rows", "error"] = Field(
        "keep", description="missing values: generate them too, drop their rows, or refuse the table"
    )
    missing_values: tuple[str, ...] = Field(
        (), description="values that mean missing, beside empty, NA, N/A, NaN, NULL and #N/A"
    )
    date_formats: dict[str, str] = Field({}, description="format of dates by column, such as %d/%m/%Y")
    ignore: tuple[str, ...] = Field((), description="columns to exclude")
    transpose: bool = Field(False, description="whether samples are the columns of the file and features its rows")
    scale: Scale | None = Field(
        None, description="scale of the values; default: counts for an h5ad file of whole numbers, else linear"
    )
    log2p1: bool | None = Field(
        None, description="take log2(x + 1) before standardising; default: true if the scale is counts"
    )
    layer: str = Field("", description="layer of an h5ad file to read, such as counts; default: X")
    per_10k: bool = Field(
        False,
        description="features are counts, such as those of a cell: evaluate log1p(counts per 10,000) instead of "
        "log2(x + 1), and store synthetic rows as sparse counts",
    )

    @field_validator("conditions", "targets", "categorical_features", "ignore", "missing_values", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def named(self) -> tuple[str, ...]:
        """Return the columns that are read as text labels, even if their values look like numbers."""
        names = [*(self.conditions or ()), self.batch, self.group, *self.categorical_features]
        return tuple(name for name in names if name is not None)


class FileCard(FileOptions, _Description):
    """All fields of a card. Options on the command line override them."""


def override(card: Mapping[str, Any], given: FileOptions) -> dict[str, Any]:
    """Return the fields of a card, overridden by the fields in ``given``.

    If a column has one role in the card and another in ``given``, the role in ``given`` is used. For example,
    ``conditions=[income]`` removes ``income`` from the categorical features of the card. Columns in ``given.ignore``
    are added to the ignored columns of the card, but with ``ignore=[]`` no column is ignored.
    """
    said = given.model_dump(exclude_unset=True)
    gone = {*(said.get("ignore") or ()), said.get("id")} - {None}
    labels = {*(said.get("conditions") or ()), said.get("batch"), said.get("group")} - {None}
    made = {*(said.get("categorical_features") or ())}
    lost = {
        "conditions": gone | made,
        "targets": gone,
        "categorical_features": gone | labels,
        "ignore": labels | made | {said.get("id")},
    }
    fields = dict(card)
    for key, names in lost.items():
        listed = [fields[key]] if isinstance(fields.get(key), str) else fields.get(key)
        if isinstance(listed, list | tuple):  # a later check refuses other types
            fields[key] = [name for name in listed if name not in names]
    for key in ("batch", "group"):
        if isinstance(fields.get(key), str) and fields[key] in gone | made:
            del fields[key]
    if isinstance(fields.get("date_formats"), dict):
        fields["date_formats"] = {name: form for name, form in fields["date_formats"].items() if name not in gone}
    if said.get("ignore") and isinstance(fields.get("ignore"), list):
        said["ignore"] = (*fields["ignore"], *said["ignore"])
    return fields | said
