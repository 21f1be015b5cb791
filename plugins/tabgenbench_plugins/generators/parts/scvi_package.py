"""Training of models of the package scvi-tools, and conversion of cells and category codes for the package.

N cells   F genes   C condition columns
"""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from tabgenbench import FitContext
from tabgenbench_plugins.generators.parts.cell_covariates import TrainingCells

__all__ = ["BATCH", "LABEL", "NO_LABEL", "PackageCodes", "annotated", "column_names", "package_state", "train"]

LOGGERS = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero", "scvi")
BATCH, LABEL, NO_LABEL = "batch", "label", "none"  # columns of the AnnData, and the label of cells without one

Codes = NDArray[np.int64]


@contextmanager
def package_state(seed: int) -> Iterator[None]:
    """Inside a ``with`` block, seed the global random states and hide the messages of the package."""
    states = random.getstate(), np.random.get_state()
    loggers = [(logging.getLogger(name), logging.getLogger(name).level) for name in LOGGERS]
    try:
        with torch.random.fork_rng(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of scvi-tools, such as one about data loaders
            for logger, _ in loggers:
                logger.setLevel(logging.ERROR)
            random.seed(seed)
            np.random.seed(seed % 2**32)
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        for logger, level in loggers:
            logger.setLevel(level)


def column_names(positions: Sequence[int]) -> list[str]:
    """Return the names of condition columns in the AnnData object, given their positions."""
    return [f"condition-{j}" for j in positions]


def annotated(cells: TrainingCells, label: int | None = None) -> Any:
    """Return the training cells as AnnData, with the counts in ``X`` and the category codes in text columns.

    The table of cells (``obs``) has a column for each condition column and one for the batch. Unless ``label`` is None,
    a further column, the label, repeats the condition column at position ``label``, such as the cell type.
    """
    from anndata import AnnData

    codes = cells.biology_codes.numpy()
    columns = {name: codes[:, j].astype(str) for j, name in enumerate(column_names(range(codes.shape[1])))}
    columns[BATCH] = cells.batches().astype(str)
    if label is not None:
        columns[LABEL] = codes[:, label].astype(str)
    index = pd.Index([f"cell-{i}" for i in range(len(cells))])
    var = pd.DataFrame(index=[f"gene-{j}" for j in range(cells.counts.shape[1])])
    return AnnData(cells.counts, obs=pd.DataFrame(columns, index=index).astype("category"), var=var)


@dataclass(frozen=True)
class PackageCodes:
    """Map from TabGenBench's codes of conditions and batches to the package's codes of the same values.

    The package orders covariates (conditions that the decoder gets) and their values in its own way. Without this map,
    the decoder could silently use wrong values.

    Attributes:
        columns: positions of the covariates among the condition columns, in the decoder's order.
        ranks: one tuple for each entry of ``columns``. Entry i of a tuple is the package's code of the value that has
            code i in TabGenBench.
        batch: a tuple for the batch, with entries as in ``ranks``.
        label: a tuple for the label (see `annotated`), with entries as in ``ranks``; empty without a label.
    """

    columns: tuple[int, ...]
    ranks: tuple[tuple[int, ...], ...]
    batch: tuple[int, ...]
    label: tuple[int, ...] = ()

    @classmethod
    def of(cls, model: Any, columns: Sequence[int], cells: TrainingCells, label: int | None = None) -> PackageCodes:
        """Read the package's codes of covariates, batch and label from a model for ``annotated(cells, label)``.

        ``columns`` are the positions of the covariates among the condition columns. The decoder uses the covariates in
        the order of ``field_keys`` in the package's registry.
        """
        sizes, names = cells.biology.n_categories, column_names(columns)
        order, ranks = tuple[int, ...](), list[tuple[int, ...]]()
        if names:
            state = model.adata_manager.get_state_registry("extra_categorical_covs")
            order = tuple(columns[names.index(name)] for name in state.field_keys)
            ranks = [_ranks(state.mappings[column_names([j])[0]], sizes[j]) for j in order]
        n_batches = int(cells.batches().max()) + 1
        batch = _ranks(model.adata_manager.get_state_registry("batch").categorical_mapping, n_batches)
        known = model.adata_manager.get_state_registry("labels").categorical_mapping
        return cls(order, tuple(ranks), batch, () if label is None else _ranks(known, sizes[label]))

    @classmethod
    def from_facts(cls, facts: dict[str, Any]) -> PackageCodes:
        """Restore the codes from the result of `facts`."""
        ranks = tuple(tuple(one) for one in facts["ranks"])
        return cls(tuple(facts["columns"]), ranks, tuple(facts["batch"]), tuple(facts["label"]))

    def facts(self) -> dict[str, Any]:
        """Return the codes as a dictionary that can be written as JSON."""
        return asdict(self)

    def covariates(self, codes_NC: Codes) -> torch.Tensor | None:
        """Return the package's codes of the covariates, shape (N, number of covariates); None without covariates."""
        if not self.columns:
            return None
        parts = [np.array(ranks)[codes_NC[:, j]] for j, ranks in zip(self.columns, self.ranks, strict=True)]
        return torch.from_numpy(np.column_stack(parts))


def _ranks(values: Any, n_codes: int) -> tuple[int, ...]:
    known = [str(value) for value in values]
    return tuple(known.index(str(code)) for code in range(n_codes))


def train(model: Any, context: FitContext, *, epochs: range, batch_size: int, **options: Any) -> None:
    """Train a model of the package, and report the loss of each epoch.

    Args:
        model: a model of the package; it contains the training cells.
        context: device and reports.
        epochs: the epochs to train, numbered from 0 (in reports from 1). A model that starts from another model
            continues its numbers.
        batch_size: cells per step. A larger size is used if the last batch would have one cell, because batch norm
            fails on one cell.
        options: the package's ``plan_kwargs``, such as the learning rate. The additional option ``of`` is the total
            number of epochs of all models (by default ``epochs.stop``).
    """
    from lightning.pytorch.callbacks import Callback

    of = options.pop("of", epochs.stop)

    class Report(Callback):  # type: ignore[misc]  # the package has no types
        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            found = {name.removesuffix("_train"): value for name, value in trainer.callback_metrics.items()}
            losses = {name: float(found[name]) for name in ("elbo", "reconstruction_loss") if name in found}
            context.report(epochs.start + trainer.current_epoch + 1, of, **losses)

    n_cells = model.adata.n_obs
    batch_size = min(batch_size, n_cells)
    while n_cells % batch_size == 1:
        batch_size += 1
    is_gpu = context.device.startswith("cuda")
    model.train(
        max_epochs=len(epochs),
        train_size=1.0,
        shuffle_set_split=False,  # the package shuffles with another random state, which is not seeded
        batch_size=batch_size,
        accelerator="gpu" if is_gpu else "cpu",
        devices=[int(context.device.partition(":")[2] or 0)] if is_gpu else 1,
        enable_progress_bar=False,
        callbacks=[Report()],
        plan_kwargs=options,
    )
