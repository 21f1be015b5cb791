"""inVAE, a variational autoencoder of single cells with two groups (blocks) of latents and learned priors.

The invariant block z_inv represents biology, and the spurious block z_spur represents the batch. The formulas are from
Aliee et al., "Conditionally invariant representation learning for disentangling cellular heterogeneity", 2023,
https://arxiv.org/abs/2307.00558; no code of the authors is used.

    z_inv ~ p(z_inv | b)     b: condition columns, such as cell type and disease
    z_spur ~ p(z_spur | s)   s: the batch column, such as donor
    f = softmax(decoder(z_inv, z_spur)),   x_g ~ NB(mean L f_g, dispersion theta_g)

    loss = -log p(x | z, L) + beta · KL(q(z_inv, z_spur | x, b, s) ‖ p(z_inv | b) p(z_spur | s))
           + tc · TC(z_inv; z_spur) + covariate_penalty · [Σ corr²(z_inv, s | b) + Σ corr²(z_spur, b | s)]

L is the library size of the cell; a sampled cell gets the library size of a random training cell of the condition. q is
a diagonal Gaussian from an encoder whose inputs are log(x + 1) and the one-hot codes of b and s. TC is the mutual
information of the two blocks under the average of the posterior densities of the cells in a training step. From each
entry of the one-hot code of s, its mean over the training cells with equal b is subtracted. corr²(z, s | b) is the
squared correlation of z with such an entry. The sums run over all entries and, for z, over the posterior means of the
block and the products of two centred posterior means. The priors of both blocks are diagonal Gaussians
(`parts.gaussian_prior`). With ``prior=exponential``, the prior of z_inv is a general exponential family
(`parts.exponential_prior`), the loss of score matching is added, and z_inv is whitened before its squared correlations
are computed. In the last epochs, the encoder is fixed, and only decoder and priors are trained (`parts.last_epochs`).
The paper has neither the penalty on squared correlations nor the last epochs with a fixed encoder.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator
from scipy import sparse

from tabgenbench import (
    Card,
    ConfigError,
    FitContext,
    Generator,
    Options,
    SampleContext,
    Schema,
    Table,
    Unsupported,
    condition_labels,
    load_arrays,
    save_arrays,
)
from tabgenbench_plugins.generators.parts.chunks import CHUNK
from tabgenbench_plugins.generators.parts.label_probe import LabelProbe
from tabgenbench_plugins.generators.parts.saved import codes_from, codes_to, conditions_from, conditions_to

if TYPE_CHECKING:
    import torch

    from tabgenbench_plugins.generators.parts.biology_inputs import CovariateRows
    from tabgenbench_plugins.generators.parts.cell_covariates import Minibatch, TrainingCells
    from tabgenbench_plugins.generators.parts.two_blocks import TwoBlocks

__all__ = ["InVAE"]

BLOCK_VALUES = 1 << 21  # counts that are dense at once outside of training steps
SMALL = 2_000  # with fewer training cells, a batch has 128 cells by default
PUBLISHED: dict[str, Any] = {
    "epochs": 500,
    "batch_size": 256,
    "latent_spurious": 1,
    "prior_mean": "zero",
    "activation": "relu",
    "tc": 0.0,
    "covariate_penalty": 0.0,
    "kl_warmup": 0.0,
    "mask": 0.0,
    "fixed_encoder_share": 0.0,
}
LOSSES = ("reconstruction", "kl", "tc", "penalty", "prior")  # terms of the loss, as reported


class InVAE(Generator):
    """Trains the model `TwoBlocks`, and samples cells by decoding latents drawn from its priors.

    A sampled cell gets the batch and the library size of a random training cell of its condition. The prior mean of the
    invariant block is linear in the condition columns: the effects of single values are added. The model can therefore
    sample a new combination of values that occur in training. Cells of a new combination get batches and library sizes
    of the most similar condition with training cells.
    """

    name = "invae"
    card = Card(
        summary="Variational autoencoder of cells with an invariant and a spurious block of latents.",
        citation="Aliee et al., arXiv:2307.00558, 2023",
        url="https://arxiv.org/abs/2307.00558",
    )
    scale = "own"
    libraries = ("torch",)

    class Config(Options):
        """Options of `InVAE`; ``recipe=published`` changes their defaults."""

        recipe: Literal["separated", "published"] = Field(
            "separated",
            description="defaults of the other options: separated penalises blocks that know the other block's "
            "covariates, an addition of this project; published follows the authors' code",
        )
        prior: Literal["factorised", "exponential"] = Field(
            "factorised",
            description="prior of the invariant block: factorised is a diagonal Gaussian (FinVAE), exponential a "
            "general exponential family that is learned by score matching (NFinVAE)",
        )
        epochs: int = Field(200, ge=1, description="passes over the training cells")
        batch_size: int | None = Field(
            None, ge=2, description="cells per step; by default 256, and 128 below 2,000 training cells"
        )
        learning_rate: float = Field(1e-3, gt=0, description="step size of Adam, except in the last epochs")
        weight_decay: float = Field(1e-4, ge=0, description="weight decay of Adam, on weight matrices")
        hidden: tuple[PositiveInt, ...] = Field(
            (128, 128), min_length=1, description="widths of the encoder's hidden layers; the decoder mirrors them"
        )
        latent_invariant: int = Field(9, ge=1, description="latents of the invariant block")
        latent_spurious: int = Field(2, ge=1, description="latents of the spurious block")
        prior_mean: Literal["linear", "zero"] = Field(
            "linear", description="mean of the Gaussian priors: linear in the covariates, or zero"
        )
        activation: Literal["softplus", "relu"] = Field("softplus", description="activation in the priors' networks")
        dropout: float = Field(0.1, ge=0, lt=1, description="share of hidden units dropped in training")
        beta: float = Field(1.0, ge=0, description="weight of the KL term")
        kl_warmup: float = Field(
            0.25, ge=0, le=1, description="share of the steps in which the weight of the KL term rises from 0 to beta"
        )
        tc: float = Field(1.0, ge=0, description="weight of the total correlation between the blocks")
        covariate_penalty: float = Field(
            20.0, ge=0, description="weight of squared correlations of a block and the other block's covariates"
        )
        fixed_encoder_share: float = Field(
            0.25,
            ge=0,
            description="further epochs that train decoder and priors with a fixed encoder, as a share of epochs; 0 "
            "also leaves out the offsets of combinations",
        )
        langevin_steps: int = Field(
            300, ge=2, description="steps of MALA, with which prior=exponential samples; half of them adapt the step"
        )
        continuous: tuple[str, ...] = Field(
            (),
            description="condition columns that are numbers, such as severity or age: the mean of the prior is linear "
            "in them, so that values that no training cell has can be sampled",
        )
        mask: float = Field(
            0.5, ge=0, lt=1, description="probability with which a covariate is hidden from the encoder in training"
        )

        @model_validator(mode="before")
        @classmethod
        def _of_recipe(cls, values: Any) -> Any:
            if isinstance(values, Mapping) and values.get("recipe") == "published":
                return {**PUBLISHED, **values}
            return values

    config: Config

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` unless the table contains counts of at least two cells, the minimum for batch norm."""
        if not schema.per_10k:
            raise Unsupported("invae models counts; the table is not one of counts with per_10k = true")
        if n_rows < 2:
            raise Unsupported(f"invae: {n_rows} training cells, expected at least 2 for batch norm")

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the memory in bytes of parameters, gradients, Adam's moments, activations and one-hot codes.

        The estimate assumes 32 different values of each condition column and of the batch. The sparse counts of the
        table and the imported packages (about 0.3 GB) are not included.
        """
        config, n_columns = self.config, 32 * (len(schema.conditions) + 1)
        n_latent = config.latent_invariant + config.latent_spurious
        inner = sum(config.hidden)
        parameters = (2 * n_features + n_columns + 2 * inner) * max(config.hidden) + n_features
        batch = min(self._batch_size(n_rows), n_rows)
        # About ten arrays of cells by genes in the likelihood; three of cells by cells by latents in the penalty.
        activations = batch * (10 * n_features + 12 * inner) + 3 * batch**2 * n_latent
        return 4 * (4 * parameters + activations + n_rows * (n_columns + 8)) + 8 * min(
            BLOCK_VALUES, n_rows * n_features
        )

    def _batch_size(self, n_rows: int) -> int:
        return self.config.batch_size or (256 if n_rows >= SMALL else 128)

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Minimise the loss with Adam, and report each term of the loss after each epoch.

        Validation cells are not used.
        """
        import torch

        from tabgenbench_plugins.generators.parts.biology_inputs import BiologyInputs, CovariateRows
        from tabgenbench_plugins.generators.parts.cell_covariates import CellPool, TrainingCells

        self.supports(train.schema, train.n_rows, train.n_features)
        self._template = train.take([])
        cells = TrainingCells.of(train)
        self._biology = BiologyInputs.fit(cells, self.config.continuous)
        self._batch, self._pool = cells.batch, CellPool.of(cells)
        # Weights are drawn on the CPU so that every device starts from the same weights.
        generator = torch.Generator().manual_seed(int(context.numpy.integers(2**63)))
        self._model = self._network(cells.log_means(), generator).to(context.device)
        covariates = CovariateRows.of(cells, self._biology)
        self._train(cells, covariates, context)
        self._train_for_sampling(cells, covariates, context)
        columns = self._biology.categories.columns
        z_inv = self.blocks(train, hide=True)[0] if columns else np.zeros((0, 1), dtype=np.float32)
        self._probes = {name: LabelProbe.fit(z_inv, train.obs[name].to_numpy()) for name in columns}

    def _network(self, log_means: torch.Tensor, generator: torch.Generator) -> TwoBlocks:
        from tabgenbench_plugins.generators.parts.cell_covariates import n_codes
        from tabgenbench_plugins.generators.parts.two_blocks import Design, TwoBlocks

        sizes = self._biology.size, n_codes(self._batch)
        return TwoBlocks(Design.of(self.config), sizes, log_means=log_means, generator=generator)

    def _train(self, cells: TrainingCells, covariates: CovariateRows, context: FitContext) -> None:
        import torch

        from tabgenbench_plugins.generators.parts.nn import minibatches

        config, model = self.config, self._model
        order = torch.Generator().manual_seed(int(context.numpy.integers(2**63)))
        decayed = [one for one in model.parameters() if one.ndim > 1]
        others = [one for one in model.parameters() if one.ndim == 1]
        groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others}]
        optimizer = torch.optim.Adam(groups, lr=config.learning_rate, fused=True)
        batch_size, step = self._batch_size(len(cells)), 0
        warm = config.kl_warmup * config.epochs * len(minibatches(len(cells), batch_size, torch.Generator()))
        for epoch in range(1, config.epochs + 1):
            model.train()
            sums = torch.zeros(len(LOSSES), device=context.device)
            for rows in minibatches(len(cells), batch_size, order):
                step += 1
                batch: Minibatch = covariates.minibatch(cells.counts, rows, context.device)
                terms = model.terms(batch, context.torch)
                weights = (1.0, config.beta * min(1.0, step / max(warm, 1.0)), config.tc, config.covariate_penalty, 1.0)
                optimizer.zero_grad()
                torch.stack([w * term for w, term in zip(weights, terms, strict=True)]).sum().backward()  # type: ignore[no-untyped-call]  # torch's
                optimizer.step()
                sums += torch.stack(terms).detach() * len(rows)
            self._report(dict(zip(LOSSES, (sums / len(cells)).tolist(), strict=True)), epoch, context)
        model.eval()

    def _last_epochs(self) -> int:
        share = self.config.fixed_encoder_share
        return max(1, round(share * self.config.epochs)) if share else 0

    def _train_for_sampling(self, cells: TrainingCells, covariates: CovariateRows, context: FitContext) -> None:
        import torch

        from tabgenbench_plugins.generators.parts.last_epochs import Latents, train_for_sampling

        config, known = self.config, cells.conditions
        self._offsets = np.zeros((len(known.labels), config.latent_invariant), dtype=np.float32)
        if not self._last_epochs():
            return
        found = []
        for rows in self._chunks(len(cells)):
            batch = covariates.minibatch(cells.counts, torch.arange(rows.start, rows.stop), context.device)
            with torch.no_grad():
                codes_NK = torch.cat([batch.biology_NI, batch.batch_NS], dim=1)
                found.append(self._model.network.posterior(batch.x_NF, codes_NK))
        mu, logvar = (torch.cat(parts) for parts in zip(*found, strict=True))
        codes = covariates.biology_NI.to(mu.device), covariates.batch_NS.to(mu.device)
        self._offsets = train_for_sampling(
            self._model,
            Latents(mu, logvar, codes, known.group, len(known.labels)),
            cells.counts,
            epochs=self._last_epochs(),
            batch_size=self._batch_size(len(cells)),
            offsets=self._model.has_linear_mean and not config.continuous,
            order=torch.Generator().manual_seed(int(context.numpy.integers(2**63))),
            report=lambda epoch, losses: self._report(losses, config.epochs + epoch, context),
        )

    def _chunks(self, n_rows: int) -> Iterator[slice]:
        step = max(1, min(CHUNK, BLOCK_VALUES // max(1, self._template.n_features)))
        for start in range(0, n_rows, step):
            yield slice(start, min(start + step, n_rows))

    def _report(self, losses: Mapping[str, float], epoch: int, context: FitContext) -> None:
        bad = next((name for name, value in losses.items() if not math.isfinite(value)), None)
        if bad is not None:
            fix = f"lower learning_rate ({self.config.learning_rate})"
            if epoch > self.config.epochs:
                fix = f"set fixed_encoder_share=0 or lower it ({self.config.fixed_encoder_share})"
            raise ConfigError(
                f"generator 'invae': the loss {bad!r} is {losses[bad]} at epoch {epoch}, expected a finite number; "
                f"{fix}"
            )
        context.report(epoch, self.config.epochs + self._last_epochs(), **losses)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return sampled counts in CSR form."""
        import torch

        from tabgenbench_plugins.generators.parts.cell_covariates import to_one_hot

        used, b_NI = self._biology.asked(conditions, self._pool.conditions, context)
        batch, library = self._pool.draw(used, context)
        if self._batch.columns:
            column = self._batch.columns[0]
            context.note(
                f"the value of {column!r} of a sampled cell is that of a random training cell of its condition"
            )
        batches = torch.from_numpy(batch[:, None] if self._batch.columns else batch[:, None][:, :0])
        s_NS = to_one_hot(batches, self._batch).to(context.device)
        z_NZ = self._model.draw(b_NI.to(context.device), s_NS, context)
        z_NZ[:, : self.config.latent_invariant] += torch.from_numpy(self._offset(used)).to(context.device)
        return self._template.like(self._all_counts(z_NZ, library, context.numpy), conditions)

    def _offset(self, conditions: pd.DataFrame) -> NDArray[np.float32]:
        at = pd.Index(self._pool.conditions.labels).get_indexer(condition_labels(conditions))
        offsets: NDArray[np.float32] = np.vstack([self._offsets, np.zeros_like(self._offsets[:1])])[at]
        return offsets

    def _all_counts(self, z_NZ: torch.Tensor, library: NDArray[np.float64], rng: np.random.Generator) -> Any:
        blocks = [sparse.csr_matrix((0, self._template.n_features), dtype=np.float32)]
        for rows in self._chunks(len(z_NZ)):
            blocks.append(self._counts(z_NZ[rows], library[rows], rng))
        return sparse.vstack(blocks, format="csr")

    def _counts(self, z_NZ: torch.Tensor, library: NDArray[np.float64], rng: np.random.Generator) -> Any:
        f_NF, theta_F = self._model.proportions_and_dispersion(z_NZ)
        rate = library[:, None] * f_NF
        return sparse.csr_matrix(rng.poisson(rate * rng.gamma(theta_F, 1.0 / theta_F, rate.shape)), dtype=np.float32)

    def embed(self, table: Table) -> dict[str, NDArray[np.float32]]:
        """Return the posterior means of both blocks of latents.

        If the table has no conditions, the encoder gets no covariates (conditions and batch).
        """
        invariant, spurious = self.blocks(table, hide=None if table.schema.conditions else True)
        return {"invariant": invariant, "spurious": spurious}

    def blocks(self, table: Table, *, hide: bool | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return posterior means of the invariant and the spurious block, each of shape (n_rows, latents of the block).

        Args:
            table: counts of the same genes as in training.
            hide: whether covariates (conditions and batch) are hidden from the encoder. By default, they are hidden if
                the encoder was trained with hidden covariates (``mask`` above 0). A category that no training cell has
                is always hidden.
        """
        import torch

        from tabgenbench_plugins.generators.parts.cell_covariates import batch_columns, known_one_hot

        hide = self.config.mask > 0 if hide is None else hide
        width = self._model.n_codes
        codes = np.zeros((table.n_rows, width), dtype=np.float32)
        if not hide:
            parts = self._biology.of(table.conditions).numpy(), known_one_hot(batch_columns(table), self._batch)
            codes = np.concatenate(parts, axis=1)
        device = next(self._model.parameters()).device
        found = [np.zeros((0, self._model.n_latent), dtype=np.float32)]
        for rows in self._chunks(table.n_rows):
            x = torch.from_numpy(table.take(np.arange(rows.start, rows.stop)).dense()).to(device)
            found.append(self._model.means(x, torch.from_numpy(codes[rows]).to(device)))
        z = np.concatenate(found)
        return z[:, : self.config.latent_invariant], z[:, self.config.latent_invariant :]

    def predict(self, table: Table, column: str) -> NDArray[np.str_]:
        """Return the most probable value of a condition column, by a logistic regression on the invariant block.

        The regression is fitted on training cells. The encoder never gets the covariates here, because they contain
        the predicted column.

        Raises:
            Unsupported: the column is not a categorical condition column.
        """
        if column not in self._probes:
            raise Unsupported(f"invae predicts {', '.join(self._probes) or 'no column'}, not {column!r}")
        return self._probes[column].predict(self.blocks(table, hide=True)[0])

    def shift(self, table: Table, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Return predicted counts of the same cells under other conditions (a counterfactual of each cell).

        The invariant block of a cell is shifted from its posterior mean by the difference between the prior means of
        the new and the old condition. The prior means include the offsets (see `parts.last_epochs`). All cells with the
        same old and new condition are thus assumed to move by the same vector. The spurious block and the library size
        do not change.

        Args:
            table: cells and their conditions, with the same genes as the training cells.
            conditions: the new conditions, one row for each cell. Every category must occur in the training cells.
            context: random numbers.

        Raises:
            Unsupported: the prior has no learned mean (``prior=exponential`` or ``prior_mean=zero``).
            ConfigError: the numbers of conditions and cells differ, or a category occurs in no training cell.
        """
        import torch

        if not self._model.has_linear_mean:
            raise Unsupported("invae: shift() needs learned prior means: prior=factorised and prior_mean=linear")
        old, new = (self._known(frame, table.n_rows) for frame in (table.conditions, conditions))
        codes = [self._biology.of(frame) for frame in (old, new)]
        device = next(self._model.parameters()).device
        with torch.no_grad():
            before, after = (self._model.invariant_means(one.to(device)) for one in codes)
        moved = torch.from_numpy(self._offset(new) - self._offset(old)).to(device)
        blocks = [torch.from_numpy(block).to(device) for block in self.blocks(table, hide=False)]
        z_NZ = torch.cat([blocks[0] + after - before + moved, blocks[1]], dim=1)
        library = np.asarray(sparse.csr_matrix(table.X).sum(axis=1, dtype=np.float64)).reshape(-1)
        return self._template.like(self._all_counts(z_NZ, library, context.numpy), conditions)

    def _known(self, conditions: pd.DataFrame, n_rows: int) -> pd.DataFrame:
        if len(conditions) != n_rows:
            raise ConfigError(f"invae: shift() got {len(conditions)} conditions for {n_rows} cells, expected one each")
        frame = conditions.loc[:, list(self._biology.codes.columns)].astype(str)
        for column, values in zip(self._biology.categories.columns, self._biology.categories.categories, strict=True):
            unknown = sorted(set(frame[column]) - set(values))
            if unknown:
                raise ConfigError(
                    f"invae: shift() got {column}={unknown[0]!r}, which no training cell has; expected one of "
                    f"{', '.join(values)}"
                )
        return frame

    def save(self, folder: Path) -> None:
        """Write weights, encodings of covariates, offsets, probes, and batch and library size of each training cell."""
        facts = {"conditions": conditions_to(self._pool.conditions), "batch": codes_to(self._batch)}
        facts["biology"] = self._biology.saved()
        facts["labels"] = {name: list(probe.values) for name, probe in self._probes.items()}
        pool = {"pool.batch": self._pool.batch, "pool.library": self._pool.library, "pool.offsets": self._offsets}
        for i, probe in enumerate(self._probes.values()):
            pool |= probe.arrays(f"probe.{i}")
        save_arrays(folder, {**self._model.state_dict(), **pool}, facts)

    @classmethod
    def load(cls, folder: Path, config: Options, *, template: Table, device: str) -> InVAE:
        """Return a generator with the saved weights."""
        import torch

        from tabgenbench_plugins.generators.parts.biology_inputs import BiologyInputs
        from tabgenbench_plugins.generators.parts.cell_covariates import CellPool

        arrays, facts = load_arrays(folder)
        made = cls(config)
        made._template = template
        made._biology, made._batch = BiologyInputs.loaded(facts["biology"]), codes_from(facts["batch"])
        pool = [arrays.pop(f"pool.{name}") for name in ("batch", "library")]
        made._offsets = arrays.pop("pool.offsets")
        probes = {name: arrays.pop(name) for name in list(arrays) if name.startswith("probe.")}
        made._probes = {
            name: LabelProbe.of_arrays(probes, f"probe.{i}", tuple(values))
            for i, (name, values) in enumerate(facts["labels"].items())
        }
        made._pool = CellPool(conditions_from(facts["conditions"]), *pool)
        made._model = made._network(torch.zeros(template.n_features), torch.Generator())
        made._model.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
        made._model.to(device).eval()
        return made
