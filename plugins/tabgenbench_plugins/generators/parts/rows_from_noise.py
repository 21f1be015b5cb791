"""Base class of flow matching and diffusion, which change noise into rows in many small steps.

A subclass defines the loss of the network and the steps from noise to rows. The base class transforms features (module
`prepared_rows`), trains the network (`time_network`) and optionally corrects marginal distributions (`margins`). A
transformed row has Y = D + V entries: D numbers, and V one-hot codes of categories.

    N rows   F numeric features   C categorical features   K one-hot codes of conditions
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from tabgenbench import (
    ConditionCodes,
    FitContext,
    Generator,
    Options,
    SampleContext,
    Schema,
    Table,
    condition_labels,
    load_arrays,
    save_arrays,
)
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions, with_known_values
from tabgenbench_plugins.generators.parts.chunks import CHUNK, chunks
from tabgenbench_plugins.generators.parts.margins import Margins, quantiles_of_draws
from tabgenbench_plugins.generators.parts.prepared_rows import PreparedRows, n_components_of
from tabgenbench_plugins.generators.parts.saved import codes_from, codes_to, conditions_from, conditions_to

if TYPE_CHECKING:
    import torch

    from tabgenbench_plugins.generators.parts.time_network import Loss

__all__ = ["NoiseOptions", "RowsFromNoise"]

N_FREQUENCIES = 64  # as in `time_network`, which imports torch
MARGIN_DRAWS = 500  # rows drawn from the model for the margins of each condition


class NoiseOptions(Options):
    """Options that flow matching and diffusion share."""

    steps: int = Field(5000, ge=1, description="optimisation steps, whatever the number of rows")
    batch_size: int = Field(256, ge=1, description="rows per step, drawn with replacement")
    learning_rate: float = Field(1e-3, gt=0, description="step size of AdamW at the start; it falls linearly to 0")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay of AdamW")
    hidden: tuple[PositiveInt, ...] = Field((256, 256, 256), min_length=1, description="widths of the hidden layers")
    ema: float = Field(0.999, ge=0, lt=1, description="decay, per step, of the average of the weights that samples")
    components: PositiveInt | Literal["auto", "none"] = Field(
        "auto",
        description="number of principal components that are modelled in place of the numeric features; none models "
        "the features; auto is 64 for tables with more than 200 numeric features, else none",
    )
    margins: bool = Field(
        False, description="map each feature, condition by condition, to the distribution of its training values"
    )


class RowsFromNoise(Generator):
    """Trains a network that gets a row, a time (noise level) and a condition, and samples rows from noise.

    All conditions share the network. The model can sample a new combination of condition values if each value occurs in
    training rows. If a requested condition has an unknown value, the most similar training condition is used instead.
    """

    makes = ("numeric", "categorical")
    libraries = ("torch", "scipy.linalg", "scipy.special")

    config: NoiseOptions

    @abstractmethod
    def _objective(self, draws: torch.Generator) -> Loss:
        """Return a function of network, rows x_NY and condition codes c_NK that returns the mean loss over the rows."""

    @abstractmethod
    def _generate(self, c_NK: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        """Return one transformed row for each row of condition codes, shape (N, Y).

        The caller replaces the one-hot entries of each categorical feature by the category with the largest entry.
        """

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the estimated memory in bytes.

        The estimate includes rows, network and optimiser, and the larger of the memory for training on a batch and the
        memory for sampling. It assumes 32 values per condition column and categorical feature, and excludes imported
        libraries (about 0.3 GB).
        """
        config = self.config
        n_components = n_components_of(config.components, n_rows, n_features)
        n_codes, n_values = 32 * len(schema.conditions), 32 * len(schema.categorical_features)
        width = (n_features if n_components is None else n_components) + n_values
        widths = (width + n_codes + 2 * N_FREQUENCIES + config.hidden[0], *config.hidden, config.hidden[-1], width)
        parameters = sum(a * b + b for a, b in pairwise(widths))
        activations = config.batch_size * (8 * width + 4 * sum(config.hidden) + 2 * N_FREQUENCIES)
        sampling = min(CHUNK, n_rows) * (6 * width + 3 * max(config.hidden) + 8 * n_features)
        rows = n_rows * (3 * n_features + 2 * width + n_codes)
        if n_components is not None:  # centred rows and both factors of the decomposition, float64
            rows += 2 * (3 * n_rows * n_features + 2 * min(n_rows, n_features) ** 2)
        if config.margins:
            rows += 2 * n_rows * n_features + 4 * MARGIN_DRAWS * n_features
        return 4 * (6 * parameters + rows + max(activations, sampling))

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Transform the training rows and train the network; validation rows are not used."""
        import torch

        from tabgenbench_plugins.generators.parts.nn import one_hot
        from tabgenbench_plugins.generators.parts.row_layout import RowLayout
        from tabgenbench_plugins.generators.parts.time_network import train_network

        config, split = self.config, context.device_split
        self._template = train.take([])
        self._conditions = TrainingConditions.of(train)
        self._codes, self._categories = split.codes, split.categories
        n_components = n_components_of(config.components, train.n_rows, train.n_features)
        if n_components is not None:
            context.note(
                f"the {train.n_features} numeric features are modelled in {n_components} principal components of the "
                f"training rows"
            )
        self._rows, z_ND = PreparedRows.fit(train, n_components, self._conditions.group, context.numpy)
        self._layout = RowLayout(z_ND.shape[1], split.categories.n_categories)
        x_NY = self._layout.encode(torch.from_numpy(z_ND).to(context.device), split.train_categories)
        c_NK = one_hot(split.train_codes, split.codes.n_categories)
        # Weights are drawn on the CPU so that every device starts from the same weights.
        initial = torch.Generator().manual_seed(int(context.numpy.integers(2**63)))
        self._constants = self._constants_of(x_NY)
        network = self._new_network(initial).to(context.device)
        self._network = train_network(
            network,
            (x_NY, c_NK),
            loss=self._objective(context.torch),
            recipe=config,
            context=context,
            where=f"generator {self.name!r}",
        )
        self._margins = self._fit_margins(train, context) if config.margins and train.n_features else None

    def _constants_of(self, x_NY: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute from the transformed training rows the tensors that `_generate` needs besides the network."""
        return {}

    def _new_network(self, generator: torch.Generator) -> Any:
        from tabgenbench_plugins.generators.parts.time_network import TimeNetwork

        return TimeNetwork(self._layout.width, sum(self._codes.n_categories), self.config.hidden, generator)

    def _fit_margins(self, train: Table, context: FitContext) -> Margins:
        first = np.unique(self._conditions.group, return_index=True)[1]

        def draw(k: int, n_rows: int) -> NDArray[Any]:
            condition = self._conditions.frame.iloc[[first[k]] * n_rows]
            return self._draw(condition, context.torch, context.numpy)[0]

        quantiles = quantiles_of_draws(draw, MARGIN_DRAWS)
        return Margins.fit(train.dense(), self._conditions.group, quantiles, present=train.present())

    def _draw(
        self, conditions: pd.DataFrame, draws: torch.Generator, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        import torch

        from tabgenbench_plugins.generators.parts.nn import one_hot

        codes, group = torch.from_numpy(self._codes.encode(conditions)).to(draws.device), self._group(conditions)
        values_NF = np.empty((len(codes), self._template.n_features), dtype=np.float32)
        codes_NC = np.empty((len(codes), len(self._layout.n_values)), dtype=np.int64)
        with torch.no_grad():
            for rows in chunks(len(codes)):
                y_NY = self._generate(one_hot(codes[rows], self._codes.n_categories), draws)
                z_ND = y_NY[:, : self._layout.n_features].cpu().numpy()
                values_NF[rows] = self._rows.values(z_ND, group[rows], rng)
                for j, block in enumerate(self._layout.blocks(y_NY)):
                    codes_NC[rows, j] = block.argmax(dim=1).cpu().numpy()
        return values_NF, codes_NC

    def _group(self, conditions: pd.DataFrame) -> NDArray[np.int64]:
        found = pd.Index(self._conditions.labels).get_indexer(condition_labels(conditions))
        return np.asarray(found, dtype=np.int64)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Sample one row for each requested condition."""
        used = with_known_values(conditions, self._conditions, self._codes, context)
        values_NF, codes_NC = self._draw(used, context.torch, context.numpy)
        if self._margins is not None:
            values_NF = self._margins.apply(values_NF, self._group(used))
        categories = self._categories.decode(codes_NC) if self._layout.n_values else None
        return self._template.like(values_NF, conditions, categories)

    def save(self, folder: Path) -> None:
        """Save the network's weights, the transform of features, the marginal quantiles and the conditions."""
        margins = {} if self._margins is None else self._margins.arrays()
        weights = {f"network.{name}": value for name, value in self._network.state_dict().items()}
        constants = {f"constants.{name}": value for name, value in self._constants.items()}
        facts = {"conditions": conditions_to(self._conditions), "categories": codes_to(self._categories)}
        save_arrays(folder, {**weights, **constants, **self._rows.arrays(), **margins}, facts)

    @classmethod
    def load(cls, folder: Path, config: Options, *, template: Table, device: str) -> Self:
        """Return the saved generator."""
        import torch

        from tabgenbench_plugins.generators.parts.row_layout import RowLayout

        arrays, facts = load_arrays(folder)
        made = cls(config)
        made._template, made._conditions = template, conditions_from(facts["conditions"])
        made._codes = ConditionCodes.fit(made._conditions.frame)
        made._categories = codes_from(facts["categories"])
        made._rows = PreparedRows.from_arrays(arrays)
        made._layout = RowLayout(made._rows.width, made._categories.n_categories)
        made._margins = Margins.from_arrays(arrays) if "margins.lowest" in arrays else None
        made._constants = {name: value.to(device) for name, value in _tensors(arrays, "constants.").items()}
        made._network = made._new_network(torch.Generator())
        made._network.load_state_dict(_tensors(arrays, "network."))
        made._network.to(device).eval()
        return made


def _tensors(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, torch.Tensor]:
    import torch

    return {name.removeprefix(prefix): torch.from_numpy(a) for name, a in arrays.items() if name.startswith(prefix)}
