"""Interfaces of generators that also embed rows or predict labels.

After a trained generator has sampled its synthetic tables, TabGenBench calls `Embedder.embed` once, on one table of all
training, validation and test rows. For each condition column, it calls `LabelPredictor.predict` on the test rows. All
these rows are on the scale of the generator, without conditions, group or targets (columns to predict). Metrics of
integration (removal of differences between batches) and of label prediction use the results.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tabgenbench.errors import PluginError, Unsupported
from tabgenbench.interfaces.generator import Generator, SampleContext

if TYPE_CHECKING:
    import pandas as pd

    from tabgenbench.data.table import Table

__all__ = ["Embedder", "EmbeddingModel", "LabelPredictor", "check_embedding", "check_predictions", "without_labels"]


@runtime_checkable
class Embedder(Protocol):
    """Interface of a trained generator that computes latent coordinates of rows."""

    def embed(self, table: Table) -> dict[str, NDArray[np.float32]]:
        """Return a dictionary from the name of a latent space to coordinates of shape (n_rows, n_dimensions).

        A model with one latent space returns ``{"latent": z}``. Metrics of integration use only the first latent space.
        The coordinates of a row must not depend on the order of the rows.
        """


@runtime_checkable
class LabelPredictor(Protocol):
    """Interface of a trained generator that predicts the value of a condition column."""

    def predict(self, table: Table, column: str) -> NDArray[Any]:
        """Return the predicted value of the column for each row, as text, shape (n_rows,).

        Raises:
            Unsupported: the model does not predict this column.
        """


class EmbeddingModel(Generator):
    """Base class of models that embed rows or predict labels, but sample no rows.

    A suite of embedding models sets ``draws = 0``, so that no synthetic table is requested.
    """

    samples: ClassVar[bool] = False

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Raise `Unsupported`."""
        raise Unsupported(f"{self.name!r} only embeds rows")


def without_labels(table: Table) -> Table:
    """Return a table without conditions, group or targets; sample ids become ``row-0``, ``row-1`` and so on."""
    schema = table.schema.model_copy(update={"conditions": (), "group": None, "targets": ()})
    obs = table.obs[list(schema.obs_columns())].set_axis([f"row-{i}" for i in range(table.n_rows)])
    return replace(table, obs=obs, schema=schema)


def check_embedding(found: Any, *, n_rows: int, plugin: str) -> dict[str, NDArray[np.float32]]:
    """Check and return the result of `Embedder.embed`, in single precision.

    Raises:
        PluginError: the embedding is not a dictionary of finite matrices with one row for each row of the table.
    """
    where = f"generator {plugin!r}: embed()"
    if not isinstance(found, dict) or not found:
        raise PluginError(f"{where} returned {type(found).__name__}, expected a dictionary of blocks with one or more")
    blocks = {}
    for name, block in found.items():
        values = np.asarray(block)
        if not isinstance(name, str) or not name or "/" in name:
            raise PluginError(f"{where} returned a block named {name!r}, expected a text without '/'")
        if values.ndim != 2 or len(values) != n_rows or values.shape[1] == 0 or values.dtype.kind not in "fiu":
            raise PluginError(
                f"{where} returned block {name!r} of shape {values.shape} and type {values.dtype}, expected numbers of "
                f"shape ({n_rows}, 1 or more)"
            )
        blocks[name] = values.astype(np.float32)
        if not np.isfinite(blocks[name]).all():
            raise PluginError(
                f"{where} returned block {name!r} with values that are not finite single-precision numbers"
            )
    return blocks


def check_predictions(found: Any, *, n_rows: int, plugin: str, column: str) -> NDArray[np.str_]:
    """Check and return the result of `LabelPredictor.predict`, as text.

    Raises:
        PluginError: the number of predicted labels differs from the number of rows.
    """
    labels = np.asarray(found)
    if labels.shape != (n_rows,):
        raise PluginError(
            f"generator {plugin!r}: predict({column!r}) returned labels of shape {labels.shape}, expected ({n_rows},)"
        )
    return labels.astype(np.str_)
