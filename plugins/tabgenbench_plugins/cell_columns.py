"""Choice of two condition columns: the type of a row (such as cell type) and its state (such as disease)."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from tabgenbench import ConfigError, Options, Unsupported, did_you_mean

__all__ = ["CellOptions", "cell_columns"]


class CellOptions(Options):
    """Options that name the condition columns used as type and state of a row."""

    type_column: str = Field(
        "", description="condition column of the cell type; empty: the column named cell_type, else the first"
    )
    condition_column: str = Field(
        "",
        description="condition column of the state, such as disease; empty: the column named condition, else the first "
        "other one",
    )


def cell_columns(conditions: Sequence[str], options: CellOptions) -> tuple[str, str]:
    """Return the names of the type column and the state column.

    If no option names a state column and only the type column is a condition, the name of the state column is empty.

    Raises:
        Unsupported: the dataset has no condition column.
        ConfigError: an option names a column that is not a condition column.
    """
    if not conditions:
        raise Unsupported("needs a condition column with the cell type; the dataset has no condition column")
    for option, name in (("type_column", options.type_column), ("condition_column", options.condition_column)):
        if name and name not in conditions:
            hint = did_you_mean(name, conditions)
            known = ", ".join(conditions)
            raise ConfigError(f"option {option!r}: {name!r} is no condition column, expected one of {known}{hint}")
    free = [name for name in conditions if name != options.condition_column] or list(conditions)
    kind = options.type_column or ("cell_type" if "cell_type" in free else free[0])
    others = [name for name in conditions if name != kind]
    state = options.condition_column or ("condition" if "condition" in others else (others or [""])[0])
    return kind, state
