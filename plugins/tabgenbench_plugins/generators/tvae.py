"""TVAE: a variational autoencoder for tables of numeric and categorical columns.

Xu, Skoularidou, Cuesta-Infante & Veeramachaneni, "Modeling tabular data using conditional GAN", NeurIPS 2019, section
4.5. Defaults are those of the package `ctgan`, except the number of epochs. Each column of continuous values is
modelled by a Gaussian mixture with up to ten components (modes). A continuous value is encoded as the one-hot code of a
mode and as a scalar that gives the position within the mode. A discrete value is encoded as a one-hot code. The
condition is not an input of the model but a discrete column that the model generates.

    x_ND ─ encoder ─► mu_NZ, logvar_NZ ─► z = mu + exp(logvar / 2) ε ─ decoder ─► tanh scalars, logits of one-hots

    loss = 2 · (Σ_C (x - tanh)² / (2 sigma²) + log sigma + Σ cross entropies) + KL,  mean over the batch

    N rows   C continuous columns   D width of an encoded row   Z latent
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from tabgenbench import Card, FitContext, SampleContext
from tabgenbench_plugins.generators.parts.tabular.base import TabularGenerator, TabularOptions
from tabgenbench_plugins.generators.parts.tabular.memory import n_parameters

if TYPE_CHECKING:
    import torch

    from tabgenbench_plugins.generators.parts.tabular.blocks import Blocks
    from tabgenbench_plugins.generators.parts.tabular.reference import PackageModel

__all__ = ["TVAE"]


class TVAE(TabularGenerator):
    """The variational autoencoder (TVAE) of Xu et al.

    Rows are sampled as in the package `ctgan`. The decoder maps latent noise to scalars and logits. Normal noise with
    the learned standard deviation is added to each scalar. Each value gets its most probable mode or category, so a
    rare category may never be sampled. Generated rows with the requested conditions are kept. If there are too few,
    rows with the most similar conditions are added.
    """

    name = "tvae"
    card = Card(
        summary="Variational autoencoder of mode-normalised columns.",
        citation="Xu et al., NeurIPS 2019; defaults of the package ctgan 0.12.1",
        licence="Apache-2.0; implementation=reference runs the package ctgan, which is under BUSL-1.1",
        url="https://arxiv.org/abs/1907.00503",
    )
    can_condition = False

    class Config(TabularOptions):
        """Options of `TVAE`; the defaults are those of the package ``ctgan``, except ``epochs``."""

        embedding_dim: int = Field(128, ge=1, description="dimensions of the latent space")
        compress_dims: tuple[PositiveInt, ...] = Field(
            (128, 128), min_length=1, description="widths of the encoder's hidden layers"
        )
        decompress_dims: tuple[PositiveInt, ...] = Field(
            (128, 128), min_length=1, description="widths of the decoder's hidden layers"
        )
        l2scale: float = Field(1e-5, ge=0, description="weight decay")
        loss_factor: float = Field(2.0, gt=0, description="weight of the reconstruction loss relative to the KL term")

    config: Config

    def training_bytes(self, n_rows: int, n_features: int, *, width: int, n_codes: int) -> int:
        """Return the memory of training in bytes: parameters, gradients, Adam's moments, rows, and other arrays."""
        config, row = self.config, width
        encoder = n_parameters((row, *config.compress_dims, 2 * config.embedding_dim))
        decoder = n_parameters((config.embedding_dim, *config.decompress_dims, row)) + n_features
        in_step = (6 if config.implementation == "fast" else 12) * min(config.batch_size, n_rows) * row
        copies = 2 if config.implementation == "fast" else 5  # of the encoded rows; the package starts with float64
        return 4 * (4 * (encoder + decoder) + in_step + copies * n_rows * row + 3 * n_rows * n_features)

    def fit_fast(self, encoded_ND: torch.Tensor, codes_NJ: torch.Tensor, blocks: Blocks, context: FitContext) -> None:
        """Train encoder and decoder; report the loss and its two terms after each epoch."""
        import torch

        from tabgenbench_plugins.generators.parts.tabular.networks import Decoder, Encoder
        from tabgenbench_plugins.generators.parts.tabular.training import AutoencoderTraining, report_losses

        config, seed = self.config, self.weights_seed(context)
        encoder = Encoder(blocks.width, config.compress_dims, config.embedding_dim, seed)
        decoder = Decoder(
            config.embedding_dim,
            config.decompress_dims,
            n_out=blocks.width,
            n_scalars=blocks.n_scalars,
            generator=seed,
        )
        self._decoder = decoder.to(context.device)
        training = AutoencoderTraining(
            encoder.to(context.device),
            self._decoder,
            blocks,
            encoded_ND,
            context.torch,
            config.batch_size,
            config.embedding_dim,
            config.loss_factor,
        )
        training.optimizer(config.l2scale)
        for epoch in range(1, config.epochs + 1):
            losses = training.epoch()
            losses = torch.cat([losses.sum().view(1), losses])
            report_losses(context, epoch, config.epochs, losses, names=("loss", "reconstruction", "kl"))

    def fit_reference(self, context: FitContext) -> PackageModel:
        """Return an untrained model of the package `ctgan`; its training reports the mean loss after each epoch."""
        from tabgenbench_plugins.generators.parts.tabular.reference import PackageModel, package_kind

        options = self.config.model_dump(exclude={"implementation", "max_batches"})

        def report(frame: pd.DataFrame) -> None:
            epoch = int(frame["Epoch"].iloc[-1])
            losses = frame.loc[frame["Epoch"] == epoch, "Loss"]
            context.report(epoch + 1, self.config.epochs, loss=float(losses.mean()))

        return PackageModel(package_kind("TVAE"), device=context.device, on_epoch=report, **options)

    def generate(self, value: int | None, context: SampleContext) -> tuple[torch.Tensor, NDArray[np.float32] | None]:
        """Return decoded rows (scalars, logits of one-hot codes) and the standard deviation of each scalar's noise."""
        import torch

        z_NZ = torch.randn(
            self.config.batch_size, self.config.embedding_dim, generator=context.torch, device=context.device
        )
        output_ND = self._decoder(z_NZ)
        output_ND[:, : self._blocks.n_scalars].tanh_()
        return output_ND, self._decoder.sigma.cpu().numpy()
