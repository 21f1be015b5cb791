"""A split on disk, memory-mapped by all processes that train or score.

split.json        sample ids of training, validation, test and reference rows; kind, seed, fingerprint
train.h5ad        training rows on the evaluation scale; layer ``own`` has the dataset's own values
validation.h5ad   validation rows, stored like training rows; missing if the split has no validation rows
test.h5ad         test rows on the evaluation scale
                  If per_10k is true in the schema, these three files contain counts, which are standardised when read.
reference.h5ad    reference rows, stored like training rows, but never given to a model; used by privacy scores. The
                  file exists only if the rows are split into thirds for training, test and reference.
conditions.json   conditions of the synthetic rows, in order; by default the conditions of the test rows. A training
                  process reads this file, but does not read test.h5ad before the synthetic tables are written.
files.json        size and SHA-256 of each file, written last, to detect damage
"""

from __future__ import annotations

import filecmp
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from tabgenbench.data.file_digest import file_digest
from tabgenbench.data.gaps import fill_gaps, medians_at_gaps
from tabgenbench.data.h5ad import read_table, read_transform, write_table
from tabgenbench.data.split import Split, SplitSide
from tabgenbench.data.table import Matrix, Table
from tabgenbench.data.transform import Transform
from tabgenbench.errors import DataError, Unsupported

__all__ = [
    "find_damage",
    "read_evaluation_tables",
    "read_fit_tables",
    "read_reference",
    "read_reference_as_training",
    "read_split",
    "read_stored_tables",
    "read_transform",
    "same_split",
    "write_split",
]

REFERENCE = "reference.h5ad"
REQUIRED = ("split.json", "conditions.json", "train.h5ad", "test.h5ad")


def write_split(folder: Path, table: Table, split: Split) -> None:
    """Write all files of a split into an existing folder.

    The write is not atomic, so give a temporary folder and rename it afterwards.

    The medians that replace missing values, and the statistics of the transform to the evaluation scale, are computed
    from the training rows only, without validation rows.

    Args:
        folder: an empty folder.
        table: the whole table, on the dataset's own scale.
        split: the split of the table.

    Raises:
        DataError: the split belongs to another table.
    """
    if split.features:
        table = table.keep_features(split.features)
    train = table.take(split.rows(table, "train"))
    transform, medians = Transform.fit(train), medians_at_gaps(train)
    _write_side(folder / "train.h5ad", fill_gaps(train, medians), transform, keep_own=True)
    if split.validation:
        validation = fill_gaps(_side(table, split, "validation"), medians)
        _write_side(folder / "validation.h5ad", validation, transform, keep_own=True)
    test = fill_gaps(_side(table, split, "test"), medians)
    _write_side(folder / "test.h5ad", test, transform, keep_own=False)
    if split.reference:
        _write_side(folder / REFERENCE, fill_gaps(_side(table, split, "reference"), medians), transform, keep_own=True)
    asked = test.conditions
    if split.config.rows_per_training_row is not None:
        seen = [_side(table, split, side).conditions for side in ("train", "validation")]
        asked = pd.concat(seen * split.config.rows_per_training_row)
    (folder / "conditions.json").write_text(_conditions_to_json(asked), encoding="utf-8")
    (folder / "split.json").write_text(split.to_json(), encoding="utf-8")
    kept = {path.name: _describe(path) for path in sorted(folder.iterdir())}
    (folder / "files.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def find_damage(folder: Path) -> str:
    """Return what is wrong with the files of a split, or '' if they are intact.

    A file of another size than recorded is damaged. To save time, an h5ad file of the recorded size counts as intact if
    it is not newer than ``files.json``. For every other file, the hash is compared.
    """
    try:
        described: dict[str, dict[str, Any]] = json.loads((folder / "files.json").read_bytes())
        written = (folder / "files.json").stat().st_mtime_ns
        for name in dict.fromkeys((*REQUIRED, *described)):
            if not _is_as_described(folder / name, described[name], written=written):
                return f"{name} is not as it was written"
        return ""
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "files.json cannot be read"


def same_split(one: Path, other: Path) -> bool:
    """Return whether two folders contain the same split. Equal values count as equal, even if their bytes differ."""
    names = [{path.name for path in folder.iterdir()} - {"files.json"} for folder in (one, other)]
    return names[0] == names[1] and all(_same_file(one / name, other / name) for name in names[0])


def _same_file(one: Path, other: Path) -> bool:
    if filecmp.cmp(one, other, shallow=False):
        return True
    if one.name == "split.json":
        return read_split(one.parent).fingerprint == read_split(other.parent).fingerprint
    if one.suffix == ".h5ad":
        return _same_values(one, other)
    return one.suffix == ".json" and bool(json.loads(one.read_bytes()) == json.loads(other.read_bytes()))


def _same_values(one: Path, other: Path) -> bool:
    kept = [_keeps_own(path) for path in (one, other)]
    transforms = [read_transform(path) for path in (one, other)]
    parts = ("mean", "std", "library")
    same = [np.array_equal(getattr(transforms[0], name), getattr(transforms[1], name)) for name in parts]
    if kept[0] != kept[1] or not all(same):
        return False
    layers: tuple[Literal["own"] | None, ...] = (None, "own") if kept[0] else (None,)
    for layer in layers:
        first, second = (read_table(path, layer=layer) for path in (one, other))
        if (first.features, first.schema, first.scale) != (second.features, second.schema, second.scale):
            return False
        if not first.obs.equals(second.obs) or (first.X != second.X).sum() > 0:
            return False
    return True


def _keeps_own(path: Path) -> bool:
    with h5py.File(path, "r") as handle:
        return "layers/own" in handle


def _describe(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": file_digest(path)}


def _is_as_described(path: Path, described: Mapping[str, Any], *, written: int) -> bool:
    seen = path.stat()
    if seen.st_size != described["bytes"]:
        return False
    if path.suffix == ".h5ad" and seen.st_mtime_ns <= written:
        return True
    return bool(file_digest(path) == described["sha256"])


def read_split(folder: Path) -> Split:
    """Return the split that ``split.json`` in a folder describes.

    Raises:
        DataError: ``split.json`` does not contain a split, or the split does not match its fingerprint.
    """
    return Split.from_json((folder / "split.json").read_text(encoding="utf-8"))


def read_fit_tables(folder: Path, scale: Literal["standardized", "own"]) -> tuple[Table, Table | None, pd.DataFrame]:
    """Return the tables that a generator may see, without the column of donors.

    The files of test rows and reference rows are not opened.

    Args:
        folder: the split's folder.
        scale: scale on which the generator works; ``own`` selects the unchanged values of the dataset.

    Returns:
        Training rows, validation rows or None, and the conditions of the synthetic rows, shape (n_rows, n_conditions).
        The ids of the synthetic rows are numbers, because the id of a test row may identify its donor.
    """
    train = _read_side(folder / "train.h5ad", scale)
    path = folder / "validation.h5ad"
    validation = _read_side(path, scale) if path.exists() else None
    return train, validation, _asked_conditions(folder)


def read_reference_as_training(folder: Path, scale: Literal["standardized", "own"]) -> tuple[Table, None, pd.DataFrame]:
    """Return the same as `read_fit_tables`, but with reference rows as training rows and no validation rows.

    The control `unseen-third` returns reference rows as synthetic rows. Its privacy scores are those of rows that no
    model sees.

    Raises:
        Unsupported: the split has no reference rows.
    """
    if not (folder / REFERENCE).exists():
        raise Unsupported("needs reference rows, which only a split into thirds has ([split] thirds = true)")
    return _read_side(folder / REFERENCE, scale), None, _asked_conditions(folder)


def read_evaluation_tables(folder: Path) -> tuple[Table, Table, Transform]:
    """Return training and validation rows as one table, the test rows, and the transform to the evaluation scale.

    Both tables are on the evaluation scale. Without validation rows, the training rows are memory-mapped, not copied.
    """
    transform = read_transform(folder / "train.h5ad")
    train, test = read_stored_tables(folder)
    return transform.apply(train), transform.apply(test), transform


def read_stored_tables(folder: Path) -> tuple[Table, Table]:
    """Return training and validation rows as one table, and the test rows, with values as stored in the files."""
    train = read_table(folder / "train.h5ad")
    if (folder / "validation.h5ad").exists():
        validation = read_table(folder / "validation.h5ad")
        obs = pd.concat([train.obs, validation.obs])
        if train.schema.per_10k:
            values = sparse.vstack([train.X, validation.X], format="csr")
        else:
            values = np.concatenate([train.dense(), validation.dense()])
        train = replace(train, X=values, obs=obs)
    return train, read_table(folder / "test.h5ad")


def read_reference(folder: Path) -> Table | None:
    """Return the reference rows, which no model gets, on the evaluation scale; None if the split is not into thirds."""
    path = folder / REFERENCE
    return read_transform(path).apply(read_table(path)) if path.exists() else None


def _side(table: Table, split: Split, side: SplitSide) -> Table:
    return table.take(split.rows(table, side))


def _write_side(path: Path, table: Table, transform: Transform, *, keep_own: bool) -> None:
    if transform.library is not None:
        write_table(table, path, transform=transform)
        return
    evaluated = transform.apply(table)
    layers: Mapping[str, Matrix] = {"own": table.X} if keep_own and table.scale != evaluated.scale else {}
    write_table(evaluated, path, transform=transform, layers=layers)


def _read_side(path: Path, scale: Literal["standardized", "own"]) -> Table:
    table, transform = read_table(path), read_transform(path)
    if scale == "own" and transform.own_scale != table.scale:
        table = read_table(path, layer="own")
    if scale == "standardized":
        table = transform.for_generator(table)
    schema = table.schema.model_copy(update={"group": None})
    kept = {*schema.obs_columns(), *schema.targets}
    return replace(table, obs=table.obs[[name for name in table.obs.columns if name in kept]], schema=schema)


def _conditions_to_json(conditions: pd.DataFrame) -> str:
    columns: dict[str, Any] = {}
    for name in conditions.columns:
        column = conditions[name].astype("category")
        columns[str(name)] = {"categories": list(column.cat.categories), "codes": column.cat.codes.tolist()}
    return json.dumps({"n_rows": len(conditions), "columns": columns}) + "\n"


def _asked_conditions(folder: Path) -> pd.DataFrame:
    return _conditions_from_json((folder / "conditions.json").read_text(encoding="utf-8"))


def _conditions_from_json(text: str) -> pd.DataFrame:
    try:
        kept = json.loads(text)
        index = pd.Index([f"synthetic-{i}" for i in range(kept["n_rows"])], dtype=object)
        columns = {
            name: pd.Categorical.from_codes(column["codes"], categories=column["categories"])
            for name, column in kept["columns"].items()
        }
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"conditions.json: not the conditions of a split ({type(error).__name__}: {error})") from None
    return pd.DataFrame(columns, index=index)
