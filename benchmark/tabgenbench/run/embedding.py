"""Embedding of rows and prediction of labels by a trained generator, and the file that stores the results.

The file ``embedding.npz`` is in the folder of the synthetic tables of a training. It contains the arrays
``train/<block>`` and ``test/<block>`` for each block (named group of latent variables), and ``predicted/<column>`` for
each predicted condition column. It contains no pickled objects.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from tabgenbench.data.split_files import read_stored_tables
from tabgenbench.data.table import Table
from tabgenbench.data.transform import Transform
from tabgenbench.errors import Unsupported, text_of
from tabgenbench.interfaces.embedder import (
    Embedder,
    LabelPredictor,
    check_embedding,
    check_predictions,
    without_labels,
)
from tabgenbench.interfaces.generator import Generator

__all__ = ["Embedded", "embed_rows", "read_embedding"]


@dataclass(frozen=True)
class Embedded:
    """Latent coordinates and labels that one trained generator computed; a missing result is an empty dictionary.

    Attributes:
        train: coordinates of the training rows, followed by the validation rows, by name of the block.
        test: coordinates of the test rows, by name of the block.
        predictions: predicted labels of the test rows, by condition column.
    """

    train: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    test: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    predictions: dict[str, NDArray[Any]] = field(default_factory=dict)


def embed_rows(
    generator: Generator, split_folder: Path, transform: Transform, path: Path, *, must_succeed: bool = False
) -> list[str]:
    """Write the embeddings of all rows and the predicted conditions of test rows to a file; return notes on errors.

    If the generator can neither embed nor predict, no file is written. An error of the generator is returned as a note,
    because the synthetic tables of the generator are still usable. With ``must_succeed``, which is set for suites
    without synthetic tables, the error is raised instead.
    """
    if not isinstance(generator, (Embedder, LabelPredictor)):
        return []
    name = type(generator).name
    train, test = read_stored_tables(split_folder)
    columns = train.schema.conditions
    scale = type(generator).scale
    to_scale = transform.invert if scale == "own" else transform.for_generator
    rows = [without_labels(to_scale(table)) for table in (train, test)]
    arrays: dict[str, NDArray[Any]] = {}
    notes = []
    if isinstance(generator, Embedder):
        try:
            found = check_embedding(generator.embed(_joined(*rows)), n_rows=len(train.obs) + len(test.obs), plugin=name)
        except Exception as error:  # a plugin may raise anything
            if must_succeed:
                raise
            notes.append(f"no embedding: embed() raised {text_of(error)[:500]}")
        else:
            arrays |= {f"train/{block}": values[: len(train.obs)] for block, values in found.items()}
            arrays |= {f"test/{block}": values[len(train.obs) :] for block, values in found.items()}
    for column in columns:
        if not isinstance(generator, LabelPredictor):
            break
        try:
            labels = generator.predict(rows[1], column)
            arrays[f"predicted/{column}"] = check_predictions(labels, n_rows=len(test.obs), plugin=name, column=column)
        except Unsupported:
            continue
        except Exception as error:
            if must_succeed:
                raise
            notes.append(f"no predictions of {column!r}: predict() raised {text_of(error)[:500]}")
    if arrays:
        with path.open("wb") as handle:
            np.savez(handle, allow_pickle=False, **arrays)
    return notes


def read_embedding(path: Path | None) -> Embedded:
    """Return the content of a file that `embed_rows` wrote; without a path, return an empty result."""
    found = Embedded()
    if path is None:
        return found
    with np.load(path, allow_pickle=False) as arrays:
        for key in arrays.files:
            side, _, name = key.partition("/")
            {"train": found.train, "test": found.test, "predicted": found.predictions}[side][name] = arrays[key]
    return found


def _joined(first: Table, second: Table) -> Table:
    obs = pd.concat([first.obs, second.obs.set_axis([f"row-{first.n_rows + i}" for i in range(second.n_rows)])])
    if sparse.issparse(first.X):
        return replace(first, X=sparse.vstack([first.X, second.X], format="csr"), obs=obs)
    return replace(first, X=np.concatenate([first.dense(), second.dense()]), obs=obs)
