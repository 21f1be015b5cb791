"""CVAE: a conditional variational autoencoder of expression rows.

Bong & Oh, "Conditional VAE-based generative model for gene expression data augmentation", Journal of Broadcast
Engineering 28(3), 2023, doi 10.5909/JBE.2023.28.3.275. The paper states the number of epochs, the batch size, the
learning rate, the widths of the hidden layers, the latent size, and the use of batch norm. The paper's loss is mean
squared error + KL. The paper does not state the structure of the layers, the prior, or the weight of KL. Here, each
hidden layer is Linear - batch norm - ReLU, the output layers (heads) are linear, and the prior is N(0, I). Half of the
squared error is summed over the F features, as in a Gaussian log-likelihood with variance 1. With the mean over
features instead, KL would weigh F / 2 times as much, and latent codes would no longer depend on the rows.

    x_NF ─┐
          ├─ encoder ─► mu_NZ, logvar_NZ ─► z = mu + exp(logvar / 2) ε ─┐
    c_NK ─┴─────────────────────────────────────────────────────────────┴─ decoder ─► mean_NF

    loss = ½ Σ_F (x - mean)² + beta · Σ_Z KL(N(mu, e^logvar) ‖ N(0, 1)),  mean over the batch

If a table has categorical features, their one-hot codes are appended to x_NF. For each categorical feature, the decoder
has one more head, which returns the logits of the categories. The reconstruction term is the negative log-likelihood of
the whole row, so numeric and categorical features need no relative weights. Missing numeric values contribute nothing
to the loss:

    Σ_present ½ (x - mean)² - Σ_C log softmax(logits)[category]

    N rows   F features   K one-hot codes of the conditions   Z latent   C categorical features
"""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from pydantic import Field, PositiveInt, model_validator

from tabgenbench import (
    Card,
    ConditionCodes,
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
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, with_known_values
from tabgenbench_plugins.generators.parts.chunks import CHUNK, chunks
from tabgenbench_plugins.generators.parts.saved import codes_from, codes_to, conditions_from, conditions_to

if TYPE_CHECKING:
    import torch

    from tabgenbench_plugins.generators.parts.aggregated_prior import AggregatedPrior
    from tabgenbench_plugins.generators.parts.vae import ConditionalVAE

    Rows = tuple[torch.Tensor, torch.Tensor]  # values x_NF and codes c_NK

__all__ = ["CVAE"]

NOISE = "residual standard deviations"  # name of an array in a saved model
CODES = "means of codes", "roots of covariances of codes"  # array names of a saved aggregated prior
WIDTHS = {2: (1000, 512), 3: (1000, 512, 256), 4: (1000, 512, 256, 128)}  # widths by number of layers, as in the paper


class CVAE(Generator):
    """Trains `ConditionalVAE`, and samples rows by decoding latent codes drawn from the prior.

    A sampled row is the mean that the decoder returns. The variance of sampled rows within a condition is therefore too
    small, unless ``output_noise`` adds noise with the variance of the residuals (training rows minus decoded means).
    With ``prior=aggregated``, latent codes are drawn from a distribution fitted to the codes of the condition's
    training rows (`parts.aggregated_prior`). All conditions share one network, so conditions with few training rows can
    be sampled too. The model can sample a new combination of condition values if each value occurs in training rows. A
    condition with a value that no training row has is replaced by the most similar condition of the training rows.
    Categories are drawn from the softmax of their logits.
    """

    name = "cvae"
    card = Card(
        summary="Conditional variational autoencoder with a Gaussian decoder.",
        citation="Bong & Oh, Journal of Broadcast Engineering 28(3), 2023",
        url="https://doi.org/10.5909/JBE.2023.28.3.275",
    )
    makes = ("numeric", "categorical")
    libraries = ("torch",)

    class Config(Options):
        """Options of `CVAE`; the defaults are the paper's."""

        epochs: int = Field(1400, ge=1, description="passes over the training rows")
        batch_size: int = Field(50, ge=2, description="rows per batch; a last batch of one row joins the previous one")
        learning_rate: float = Field(1e-4, gt=0, description="step size of Adam")
        depth: Literal[2, 3, 4] | None = Field(
            None, description="shortcut for hidden: 2 is [1000, 512], 3 the paper's choice, 4 [1000, 512, 256, 128]"
        )
        hidden: tuple[PositiveInt, ...] = Field(
            WIDTHS[3], min_length=1, description="widths of the encoder's hidden layers; the decoder mirrors them"
        )
        latent: int = Field(50, ge=1, description="dimensions of the latent space")
        batch_norm: bool = Field(True, description="batch norm in each hidden layer")
        beta: float = Field(1.0, ge=0, description="weight of the KL term")
        prior: Literal["standard", "aggregated"] = Field(
            "standard",
            description="distribution of the latent codes of sampled rows: standard is N(0, I), as in the paper; "
            "aggregated is a normal distribution fitted to the codes of each condition's training rows, and sets "
            "output_noise=residual unless output_noise is given",
        )
        output_noise: Literal["none", "residual"] = Field(
            "none",
            description="noise added to the decoder's mean: none, or independent noise with each feature's "
            "residual standard deviation on training rows",
        )
        weights: Literal["last", "best"] = Field(
            "last", description="weights that sample: those of the last epoch or those of lowest validation loss"
        )

        @model_validator(mode="before")
        @classmethod
        def _hidden_of_depth(cls, values: Any) -> Any:
            depth = values.get("depth") if isinstance(values, dict) else None
            if not isinstance(depth, int) or depth not in WIDTHS:
                return values
            if values.get("hidden", WIDTHS[depth]) not in (WIDTHS[depth], list(WIDTHS[depth])):
                raise ValueError(f"depth {depth} means hidden {list(WIDTHS[depth])}; give only one of the two options")
            return {**values, "hidden": WIDTHS[depth]}

        @model_validator(mode="before")
        @classmethod
        def _noise_of_prior(cls, values: Any) -> Any:
            if isinstance(values, dict) and values.get("prior") == "aggregated":
                return {"output_noise": "residual", **values}
            return values

    config: Config

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` for tables with fewer than two rows, because batch norm needs two."""
        if n_rows < 2:
            raise Unsupported(f"generator 'cvae': {n_rows} training rows, expected at least 2 for batch norm")

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the memory in bytes that weights, gradients, Adam's moments, rows and activations need.

        Numbers of categories are not known yet, so the estimate assumes 32 categories per condition column and per
        categorical feature. The estimate includes two copies of the weights, and two copies of the rows (in main memory
        and on the device). The memory of imported libraries, about 0.3 GB, is not included.
        """
        config = self.config
        n_codes = 32 * len(schema.conditions)
        n_features += 32 * len(schema.categorical_features)
        encoder = (n_features + n_codes, *config.hidden, 2 * config.latent)
        decoder = (config.latent + n_codes, *reversed(config.hidden), n_features)
        parameters = sum(a * b + 3 * b for w in (encoder, decoder) for a, b in pairwise(w))
        # Linear and batch norm with their gradients: four numbers for each unit and row.
        activations = 4 * min(config.batch_size, n_rows) * (sum(encoder) + sum(decoder))
        without_gradient = min(CHUNK, n_rows) * (3 * n_features + 2 * max(config.hidden))
        return 4 * (5 * parameters + 2 * n_rows * n_features + max(activations, without_gradient))

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Minimise the loss with Adam; report training and validation losses after each epoch."""
        import torch

        from tabgenbench_plugins.generators.parts.nn import one_hot
        from tabgenbench_plugins.generators.parts.row_layout import RowLayout

        self.supports(train.schema, train.n_rows, train.n_features)
        split, config = context.device_split, self.config
        if config.weights == "best" and len(split.validation) == 0:
            raise ConfigError(
                "generator 'cvae': weights='best' needs validation rows and the split has none; "
                "set validation_fraction above 0 or weights='last'"
            )
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._codes, self._categories = split.codes, split.categories
        self._layout = layout = RowLayout.of(train, split.categories)
        n_categories = split.codes.n_categories
        # Weights are drawn on the CPU so that every device starts from the same weights.
        generator = torch.Generator().manual_seed(int(context.numpy.integers(2**63)))
        self._model = self._network(generator).to(context.device)
        rows = layout.encode(split.train, split.train_categories), one_hot(split.train_codes, n_categories)
        held_out = layout.encode(split.validation, split.validation_categories)
        self._train(rows, (held_out, one_hot(split.validation_codes, n_categories)), context)
        self._model.eval()
        self._noise_sd_F = self._model.residual_sd(*rows, context.torch) if config.output_noise == "residual" else None
        self._prior = self._aggregated_prior(*rows) if config.prior == "aggregated" else None

    def _aggregated_prior(self, x_NF: torch.Tensor, c_NK: torch.Tensor) -> AggregatedPrior:
        import torch

        from tabgenbench_plugins.generators.parts.aggregated_prior import AggregatedPrior

        with torch.no_grad():
            parts = [self._model.posterior(x_NF[rows], c_NK[rows]) for rows in chunks(len(x_NF))]
        mu_NZ, logvar_NZ = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
        return AggregatedPrior.fit(mu_NZ.numpy(), logvar_NZ.exp().numpy(), self._conditions.group)

    def _network(self, generator: torch.Generator) -> ConditionalVAE:
        from tabgenbench_plugins.generators.parts.vae import ConditionalVAE

        config, n_codes = self.config, sum(self._codes.n_categories)
        sizes = self._layout.width, n_codes, config.latent, config.hidden
        return ConditionalVAE(*sizes, generator, batch_norm=config.batch_norm, layout=self._layout)

    def _train(self, train: Rows, held_out: Rows, context: FitContext) -> None:
        import torch

        config, model = self.config, self._model
        # The same noise in every epoch, so that validation losses differ only by the weights.
        fixed = torch.Generator(context.device).manual_seed(int(context.numpy.integers(2**63)))
        noise_NZ = torch.randn(len(held_out[0]), config.latent, generator=fixed, device=context.device)
        optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)
        best_loss, best_epoch, best_weights = math.inf, 0, copy.deepcopy(model.state_dict())
        for epoch in range(1, config.epochs + 1):
            terms = self._epoch(*train, optimizer, context)
            if len(noise_NZ):
                terms = torch.cat([terms, model.mean_loss(*held_out, noise_NZ, beta=config.beta).view(1)])
            losses = self._read(terms, epoch)  # the only time in an epoch that the host waits for the device
            context.report(epoch, config.epochs, **losses)
            if losses.get("validation", math.inf) < best_loss:
                best_loss, best_epoch = losses["validation"], epoch
                for kept, new in zip(best_weights.values(), model.state_dict().values(), strict=True):
                    kept.copy_(new)
        if best_epoch:
            context.note(
                f"lowest validation loss {best_loss:.6g} at epoch {best_epoch} of {config.epochs}; "
                f"the {config.weights} weights sample"
            )
        if config.weights == "best":
            model.load_state_dict(best_weights)

    def _epoch(
        self, x_NF: torch.Tensor, c_NK: torch.Tensor, optimizer: torch.optim.Optimizer, context: FitContext
    ) -> torch.Tensor:
        """Train one epoch; return the means over rows of the reconstruction term and of the KL term, shape (2,)."""
        import torch

        from tabgenbench_plugins.generators.parts.nn import minibatches

        self._model.train()
        sums = torch.zeros(2, device=x_NF.device)
        for rows in minibatches(len(x_NF), self.config.batch_size, context.torch):
            noise_NZ = torch.randn(len(rows), self.config.latent, generator=context.torch, device=x_NF.device)
            terms = self._model.elbo(x_NF[rows], c_NK[rows], noise_NZ)
            optimizer.zero_grad()
            (terms.reconstruction + self.config.beta * terms.kl).backward()  # type: ignore[no-untyped-call]  # torch's
            optimizer.step()
            sums += torch.stack(terms).detach() * len(rows)
        return sums / len(x_NF)

    def _read(self, terms: torch.Tensor, epoch: int) -> dict[str, float]:
        reconstruction, kl, *validation = terms.tolist()
        loss = reconstruction + self.config.beta * kl
        bad = [value for value in (loss, *validation) if not math.isfinite(value)]
        if bad:
            raise ConfigError(
                f"generator 'cvae': the loss is {bad[0]} at epoch {epoch}, expected a finite number; "
                f"lower learning_rate ({self.config.learning_rate})"
            )
        losses = {"loss": loss, "reconstruction": reconstruction, "kl": kl}
        return {**losses, "validation": validation[0]} if validation else losses

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Draw latent codes from N(0, I) or the aggregated prior, and decode each with the condition of its row."""
        import torch

        from tabgenbench_plugins.generators.parts.nn import one_hot

        used = with_known_values(conditions, self._conditions, self._codes, context)
        codes = torch.from_numpy(self._codes.encode(used)).to(context.device)
        drawn_NZ = None
        if self._prior is not None:
            known = pd.Index(self._conditions.labels).get_indexer(condition_labels(used))
            drawn_NZ = torch.from_numpy(self._prior.draw(known, context.numpy))
        out_NF = torch.empty(len(codes), self._layout.n_features)
        codes_NC = torch.empty(len(codes), len(self._layout.n_values), dtype=torch.int64)
        with torch.no_grad():
            for rows in chunks(len(codes)):
                c_NK = one_hot(codes[rows], self._codes.n_categories)
                if drawn_NZ is None:
                    z_NZ = torch.randn(len(c_NK), self.config.latent, generator=context.torch, device=context.device)
                else:
                    z_NZ = drawn_NZ[rows].to(context.device)
                decoded = self._model.decode(z_NZ, c_NK)
                x_NF = decoded[:, : self._layout.n_features]
                if self._noise_sd_F is not None:
                    noise_NF = torch.randn(x_NF.shape, generator=context.torch, device=context.device)
                    x_NF += self._noise_sd_F * noise_NF
                out_NF[rows] = x_NF.cpu()
                codes_NC[rows] = self._layout.draw(decoded, context.torch).cpu()
        categories = self._categories.decode(codes_NC.numpy()) if self._layout.n_values else None
        return self._template.like(out_NF.numpy(), conditions, categories)

    def save(self, folder: Path) -> None:
        """Save the network, the aggregated prior, the noise level, and the training conditions and categories."""
        noise = {} if self._noise_sd_F is None else {NOISE: self._noise_sd_F}
        facts = {"conditions": conditions_to(self._conditions), "categories": codes_to(self._categories)}
        prior = () if self._prior is None else (self._prior.means_KZ, self._prior.roots_KZZ)
        arrays = {**self._model.state_dict(), **noise, **dict(zip(CODES, prior, strict=False))}
        save_arrays(folder, arrays, facts)

    @classmethod
    def load(cls, folder: Path, config: Options, *, template: Table, device: str) -> CVAE:
        """Return the saved generator."""
        import torch

        from tabgenbench_plugins.generators.parts.aggregated_prior import AggregatedPrior
        from tabgenbench_plugins.generators.parts.row_layout import RowLayout

        arrays, facts = load_arrays(folder)
        prior = [arrays.pop(name) for name in CODES if name in arrays]
        state = {name: torch.from_numpy(value) for name, value in arrays.items()}
        made = cls(config)
        made._template, made._conditions = template, conditions_from(facts["conditions"])
        made._codes = ConditionCodes.fit(made._conditions.frame)
        made._categories = codes_from(facts["categories"])
        made._layout = RowLayout.of(template, made._categories)
        noise_sd_F = state.pop(NOISE, None)
        made._noise_sd_F = None if noise_sd_F is None else noise_sd_F.to(device)
        made._prior = AggregatedPrior(*prior) if prior else None
        made._model = made._network(torch.Generator())
        made._model.load_state_dict(state)
        made._model.to(device).eval()
        return made
