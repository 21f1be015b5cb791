"""scANVI: scVI (a VAE of counts) with a classifier and a prior that depends on a label, such as the cell type.

Xu, Lopez, Mehlman, Regier, Jordan & Yosef, "Probabilistic harmonization and annotation of single-cell transcriptomics
data with deep generative models", Molecular Systems Biology 17, 2021, https://doi.org/10.15252/msb.20209620; package
``scvi-tools``.

    y label,   u ~ N(0, I),   z | y, u ~ N(m(u, y), diag v(u, y)),   x as in scVI given z, batch and other conditions
    q(y | z): a classifier, trained with the labels of the training cells

As the package recommends, an scVI model is trained first, and scANVI starts with its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import Card, ConfigError, FitContext, SampleContext, Schema, Table, Unsupported, did_you_mean
from tabgenbench_plugins.generators.scvi import SCVI, ScviOptions

if TYPE_CHECKING:
    import torch

    from tabgenbench_plugins.generators.parts.cell_covariates import TrainingCells

__all__ = ["SCANVI"]


class SCANVI(SCVI):
    """Trains scVI, then scANVI. One condition column is the label; the others are inputs of the decoder (covariates).

    The decoder does not get the label; the label determines the prior of the latent code z. The embedding therefore
    contains the differences between labels. With ``covariates=batch``, the decoder gets no conditions, and the
    embedding contains the differences between all conditions.
    """

    name = "scanvi"
    card = Card(
        summary="scVI with a label in the prior and a classifier of it, sampled from its prior (package scvi-tools).",
        citation="Xu et al., Molecular Systems Biology 17, 2021",
        licence="BSD-3-Clause (package scvi-tools)",
        url="https://doi.org/10.15252/msb.20209620",
    )

    class Config(ScviOptions):
        """Options of `SCANVI`."""

        label_column: str | None = Field(
            None, description="condition column of the label; by default `cell_type`, else the first"
        )
        label_epochs: int = Field(20, ge=1, description="passes over the training cells after those of scVI")

    config: Config

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` for tables that `scvi` does not support, and for tables without condition columns."""
        super().supports(schema, n_rows, n_features)
        if not schema.conditions:
            raise Unsupported("scanvi needs a condition column as label, such as cell_type; the table has none")

    def _label(self) -> int:
        columns, wanted = list(self._biology.columns), self.config.label_column
        if wanted and wanted not in columns:
            raise ConfigError(
                f"generator 'scanvi': label_column={wanted!r} is no condition column, expected one of "
                f"{', '.join(columns)}{did_you_mean(wanted, columns)}"
            )
        return columns.index(wanted or ("cell_type" if "cell_type" in columns else columns[0]))

    def _covariates(self) -> Sequence[int]:
        return [j for j in super()._covariates() if j != self._label()]

    def _trained(self, cells: TrainingCells, columns: Sequence[int], context: FitContext) -> Any:
        import scvi

        from tabgenbench_plugins.generators.parts.scvi_package import LABEL, NO_LABEL, train

        before, more = self._n_epochs(len(cells)), self.config.label_epochs
        first = self._pretrained(cells, columns, context, of=before + more)
        model = scvi.model.SCANVI.from_scvi_model(first, unlabeled_category=NO_LABEL, labels_key=LABEL)
        epochs = range(before, before + more)
        train(model, context, epochs=epochs, batch_size=self.config.batch_size, **self._plan(more))
        return model

    def _latents(self, noise_NZ: torch.Tensor, codes_NC: NDArray[np.int64], context: SampleContext) -> torch.Tensor:
        import torch

        ranks = np.array(self._codes.label)[codes_NC[:, self._label()]]
        labels = torch.from_numpy(ranks[:, None]).to(noise_NZ.device)
        with torch.no_grad():
            mean, variance = self._module.decoder_z1_z2(noise_NZ, labels)
        more = torch.randn(noise_NZ.shape, generator=context.torch, device=noise_NZ.device)
        latents: torch.Tensor = mean + variance.sqrt() * more
        return latents

    def predict(self, table: Table, column: str) -> NDArray[np.str_]:
        """Return the most probable label of each cell.

        Raises:
            Unsupported: the requested column is not the label.
        """
        import torch

        label = self._label()
        if column != self._biology.columns[label]:
            raise Unsupported(f"scanvi predicts its label {self._biology.columns[label]!r}, not {column!r}")
        names = np.array(self._biology.categories[label])[np.argsort(self._codes.label)]
        parts = [np.zeros(0, dtype=np.int64)]
        for x_NF in self._dense_blocks(table):
            with torch.no_grad():
                batch = torch.zeros(len(x_NF), 1, dtype=torch.int64)
                parts.append(self._module.classify(x_NF, batch_index=batch).argmax(dim=1).cpu().numpy())
        return names[np.concatenate(parts)].astype(np.str_)

    def _new_module(self, n_genes: int) -> Any:
        from scvi.module import SCANVAE

        return SCANVAE(n_genes, **self._shape(), n_labels=len(self._codes.label), **self._sizes())
