"""Generator of single cells that trains scVI, a variational autoencoder of counts, and samples from its prior.

Lopez, Regier, Cole, Jordan & Yosef, "Deep generative modeling for single-cell transcriptomics", Nature Methods 15,
2018, https://doi.org/10.1038/s41592-018-0229-2; package ``scvi-tools``.

    z ~ N(0, I),   f = softmax(decoder(z, s, b)),   x_g ~ NB(mean L f_g, dispersion theta_g), or zero-inflated

    s batch   b condition columns   L library size   f expected shares of the genes

The package trains the model, but has no method that samples without an input cell. Therefore this module draws z and L
and calls the decoder (``module.generative``). L is the library size of a random training cell. In the package, the
decoder's bias starts near 0 and the dispersions near 1. Adam then needs thousands of steps to reach the low means of
rare genes and the small variances of most genes. With ``start=data``, the initial bias and dispersions are therefore
estimated from the training cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse

from tabgenbench import (
    Card,
    FitContext,
    Generator,
    Options,
    SampleContext,
    Schema,
    Table,
    Unsupported,
    load_arrays,
    save_arrays,
)
from tabgenbench_plugins.generators.parts.by_condition import with_known_values
from tabgenbench_plugins.generators.parts.chunks import CHUNK
from tabgenbench_plugins.generators.parts.saved import codes_from, codes_to, conditions_from, conditions_to

if TYPE_CHECKING:
    import torch

    from tabgenbench_plugins.generators.parts.cell_covariates import TrainingCells

__all__ = ["SCVI", "ScviOptions"]

BLOCK_VALUES = 1 << 21  # most counts in a dense array, except in training steps
CELLS = 20_000  # the package's number of epochs falls above this number of cells


class ScviOptions(Options):
    """Options that the generators `scvi` and `scanvi` share."""

    epochs: int | None = Field(
        None, ge=1, description="passes over the training cells; by default 400, above 20,000 cells 8 million / cells"
    )
    batch_size: int = Field(128, ge=2, description="cells per step")
    learning_rate: float = Field(1e-3, gt=0, description="step size of Adam")
    hidden: int = Field(128, ge=1, description="width of hidden layers")
    layers: int = Field(1, ge=1, description="hidden layers of the encoder and of the decoder")
    latent: int = Field(10, ge=1, description="number of latents")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of the encoder's hidden units dropped in training")
    likelihood: Literal["nb", "zinb"] = Field(
        "nb", description="distribution of a count: negative binomial, or zero-inflated, the package's default"
    )
    start: Literal["data", "package"] = Field(
        "data",
        description="start of the decoder's bias and of the dispersions: data is log gene means and moments of the "
        "training cells within conditions; package is random",
    )
    kl_warmup: float = Field(
        0.25, ge=0, le=1, description="share of the epochs in which the weight of the KL term rises to 1"
    )
    covariates: Literal["biology", "batch"] = Field(
        "biology",
        description="columns that the decoder gets: conditions and batch, which sampling needs, or only the batch, so "
        "that the latents keep the biology for an embedding",
    )


class SCVI(Generator):
    """Trains the scVI model of scvi-tools with condition columns as categorical covariates; samples from its prior.

    A sampled cell gets the batch and the library size of a random training cell of its condition. The decoder also
    accepts new combinations of condition values. A cell of a new combination gets the batch and the library size of a
    cell of the most similar training condition.

    With ``covariates=batch``, the decoder does not depend on the conditions, so `sample` raises `Unsupported`.
    """

    name = "scvi"
    card = Card(
        summary="Variational autoencoder of counts of cells, sampled from its prior (package scvi-tools).",
        citation="Lopez et al., Nature Methods 15, 2018",
        licence="BSD-3-Clause (package scvi-tools)",
        url="https://doi.org/10.1038/s41592-018-0229-2",
    )
    scale = "own"
    libraries = ("torch", "scvi")

    class Config(ScviOptions):
        """Options of `SCVI`."""

    config: ScviOptions

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` unless the table contains counts of at least two cells, the minimum for batch norm."""
        if not schema.per_10k:
            raise Unsupported(f"{cls.name} models counts; the table is not one of counts with per_10k = true")
        if n_rows < 2:
            raise Unsupported(f"{cls.name}: {n_rows} training cells, expected at least 2 for batch norm")

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the memory in bytes that parameters, gradients, Adam's moments and activations need.

        The sparse counts of the table and the memory of imported libraries, about 0.6 GB, are not included.
        """
        config = self.config
        # Two encoders, and three linear maps from the last hidden layer to the genes.
        parameters = 5 * n_features * config.hidden + 6 * config.layers * config.hidden**2
        activations = min(config.batch_size, n_rows) * (16 * n_features + 12 * config.layers * config.hidden)
        return 4 * (4 * parameters + activations) + 8 * min(BLOCK_VALUES, n_rows * n_features)

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Train the scvi-tools model on the training cells only, and report the losses of each epoch."""
        from tabgenbench_plugins.generators.parts.cell_covariates import CellPool, TrainingCells
        from tabgenbench_plugins.generators.parts.scvi_package import PackageCodes, package_state

        self.supports(train.schema, train.n_rows, train.n_features)
        self._template = train.take([])
        cells = TrainingCells.of(train)
        self._biology, self._batch, self._pool = cells.biology, cells.batch, CellPool.of(cells)
        label = self._label()
        with package_state(int(context.numpy.integers(2**63))):
            model = self._trained(cells, self._covariates(), context)
            self._codes = PackageCodes.of(model, self._covariates(), cells, label)
        self._module = model.module.to(context.device).eval()

    def _label(self) -> int | None:
        return None

    def _covariates(self) -> Sequence[int]:
        return range(len(self._biology.columns)) if self.config.covariates == "biology" else ()

    def _trained(self, cells: TrainingCells, columns: Sequence[int], context: FitContext) -> Any:
        n_epochs = self._n_epochs(len(cells))
        return self._pretrained(cells, columns, context, of=n_epochs)

    def _n_epochs(self, n_cells: int) -> int:
        return self.config.epochs or max(1, round(400 * min(1.0, CELLS / n_cells)))

    def _pretrained(self, cells: TrainingCells, columns: Sequence[int], context: FitContext, *, of: int) -> Any:
        """Train and return an scVI model; progress reports state ``of`` as the total number of epochs."""
        import scvi

        from tabgenbench_plugins.generators.parts.scvi_package import BATCH, annotated, column_names, train

        data = annotated(cells, self._label())
        scvi.model.SCVI.setup_anndata(data, batch_key=BATCH, categorical_covariate_keys=column_names(columns) or None)
        model = scvi.model.SCVI(data, **self._sizes())
        if self.config.start == "data":
            self._start(model.module, cells)
        train(
            model,
            context,
            epochs=range(self._n_epochs(len(cells))),
            of=of,
            batch_size=self.config.batch_size,
            **self._plan(self._n_epochs(len(cells))),
        )
        return model

    def _sizes(self) -> dict[str, Any]:
        config = self.config
        return {
            "n_hidden": config.hidden,
            "n_latent": config.latent,
            "n_layers": config.layers,
            "dropout_rate": config.dropout,
            "gene_likelihood": config.likelihood,
        }

    def _plan(self, n_epochs: int) -> dict[str, Any]:
        warm = max(1, round(self.config.kl_warmup * n_epochs))
        return {"lr": self.config.learning_rate, "n_epochs_kl_warmup": warm}

    def _start(self, module: Any, cells: TrainingCells) -> None:
        import torch

        from tabgenbench_plugins.generators.parts.count_moments import pooled_dispersion

        spread = pooled_dispersion(cells.counts, cells.conditions.group)
        with torch.no_grad():
            module.decoder.px_scale_decoder[0].bias.copy_(cells.log_means())
            module.px_r.copy_(torch.from_numpy(-np.log(spread)))

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Sample counts for each requested condition, as a CSR matrix.

        Raises:
            Unsupported: the model was trained with ``covariates=batch``.
        """
        import torch

        if self.config.covariates == "batch":
            raise Unsupported(
                f"{self.name}: covariates=batch trains an embedding, whose prior knows no conditions; sampling needs "
                "covariates=biology"
            )
        used = with_known_values(conditions, self._pool.conditions, self._biology, context)
        batch, library = self._pool.draw(used, context)
        codes = self._biology.encode(used)
        noise = torch.randn(len(used), self.config.latent, generator=context.torch, device=context.device)
        step = max(1, min(CHUNK, BLOCK_VALUES // max(1, self._template.n_features)))
        blocks = [sparse.csr_matrix((0, self._template.n_features), dtype=np.float32)]
        for at in range(0, len(used), step):
            rows = slice(at, at + step)
            latents = self._latents(noise[rows], codes[rows], context)
            px = self._decoded(latents, codes[rows], batch[rows], library[rows])
            blocks.append(self._counts(px, context.numpy))
        return self._template.like(sparse.vstack(blocks, format="csr"), conditions)

    def _latents(self, noise_NZ: torch.Tensor, codes_NC: NDArray[np.int64], context: SampleContext) -> torch.Tensor:
        # The prior of scVI is standard normal; scANVI overrides this method.
        return noise_NZ

    def _decoded(
        self,
        z_NZ: torch.Tensor,
        codes_NC: NDArray[np.int64],
        batch_N: NDArray[np.int64],
        library_N: NDArray[np.float64],
    ) -> Any:
        import torch

        batch = torch.from_numpy(np.array(self._codes.batch)[batch_N][:, None])
        logs = torch.from_numpy(np.log(np.maximum(library_N, 1e-8))[:, None]).float()
        with torch.no_grad():
            covariates = self._codes.covariates(codes_NC)
            return self._module.generative(z=z_NZ, library=logs, batch_index=batch, cat_covs=covariates)["px"]

    def _counts(self, px: Any, rng: np.random.Generator) -> Any:
        rate, theta = (one.double().cpu().numpy() for one in (px.mu, px.theta))
        counts = rng.poisson(rate * rng.gamma(theta, 1.0 / theta, rate.shape))
        if self.config.likelihood == "zinb":
            counts[rng.random(counts.shape) < px.zi_probs.cpu().numpy()] = 0
        return sparse.csr_matrix(counts, dtype=np.float32)

    def embed(self, table: Table) -> dict[str, NDArray[np.float32]]:
        """Return the posterior mean of z for each cell; the encoder gets only the counts, no conditions or batch."""
        import torch

        parts = [np.zeros((0, self.config.latent), dtype=np.float32)]
        for x_NF in self._dense_blocks(table):
            with torch.no_grad():
                batch = torch.zeros(len(x_NF), 1, dtype=torch.int64)
                parts.append(self._module.inference(x=x_NF, batch_index=batch)["qz"].loc.cpu().numpy())
        return {"latent": np.concatenate(parts)}

    def _dense_blocks(self, table: Table) -> Any:
        import torch

        step = max(1, min(CHUNK, BLOCK_VALUES // max(1, table.n_features)))
        for at in range(0, table.n_rows, step):
            yield torch.from_numpy(table.take(np.arange(at, min(at + step, table.n_rows))).dense())

    def save(self, folder: Path) -> None:
        """Save weights, codes of covariates, and batch and library size of each training cell."""
        facts = {
            "conditions": conditions_to(self._pool.conditions),
            "biology": codes_to(self._biology),
            "batch": codes_to(self._batch),
            "codes": self._codes.facts(),
        }
        pool = {"pool.batch": self._pool.batch, "pool.library": self._pool.library}
        save_arrays(folder, {**self._module.state_dict(), **pool}, facts)

    @classmethod
    def load(cls, folder: Path, config: Options, *, template: Table, device: str) -> SCVI:
        """Return a generator with the saved weights."""
        import torch

        from tabgenbench_plugins.generators.parts.cell_covariates import CellPool
        from tabgenbench_plugins.generators.parts.scvi_package import PackageCodes, package_state

        arrays, facts = load_arrays(folder)
        made = cls(config)
        made._template = template
        made._biology, made._batch = codes_from(facts["biology"]), codes_from(facts["batch"])
        pool = [arrays.pop(f"pool.{name}") for name in ("batch", "library")]
        made._pool = CellPool(conditions_from(facts["conditions"]), *pool)
        made._codes = PackageCodes.from_facts(facts["codes"])
        with package_state(0):
            made._module = made._new_module(template.n_features)
        made._module.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        made._module.to(device).eval()
        return made

    def _new_module(self, n_genes: int) -> Any:
        from scvi.module import VAE

        return VAE(n_genes, **self._shape(), n_labels=1, **self._sizes())

    def _shape(self) -> dict[str, Any]:
        sizes = [self._biology.n_categories[j] for j in self._codes.columns]
        return {"n_batch": len(self._codes.batch), "n_cats_per_cov": sizes or None}
