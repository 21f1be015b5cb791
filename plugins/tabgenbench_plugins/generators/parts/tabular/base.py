"""Base class of `ctgan` and `tvae`, which encodes rows, checks memory, and samples rows of requested conditions."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tabgenbench import (
    Context,
    FitContext,
    Generator,
    Options,
    SampleContext,
    Schema,
    Table,
    Unsupported,
    condition_labels,
)
from tabgenbench_plugins.generators.parts.by_condition import TrainingConditions
from tabgenbench_plugins.generators.parts.tabular.conditions import Draw, match_rows, record_fallbacks
from tabgenbench_plugins.generators.parts.tabular.discrete import DiscreteColumns
from tabgenbench_plugins.generators.parts.tabular.memory import require_memory

if TYPE_CHECKING:
    import torch

    from tabgenbench_plugins.generators.parts.tabular.blocks import Blocks
    from tabgenbench_plugins.generators.parts.tabular.reference import PackageModel

__all__ = ["TabularGenerator", "TabularOptions"]

MAX_MODES = 10  # of each column, as in the package `ctgan`
CODES_A_COLUMN = 32  # assumed values of a condition or categorical feature when only the schema is known


class TabularOptions(Options):
    """Options that `ctgan` and `tvae` share."""

    implementation: Literal["fast", "reference"] = Field(
        "fast",
        description="fast: the same model and losses, implemented here; reference: the package ctgan",
    )
    epochs: int = Field(700, ge=1, description="passes over the training rows; the benchmark's protocol has 700")
    batch_size: int = Field(500, ge=2, description="rows of a training step, and rows generated together when sampling")
    max_batches: int = Field(
        40,
        ge=1,
        description="limit on additional batches when searching for rows of the requested conditions; for ctgan "
        "also the limit for each condition without enough rows, for which batches are then conditioned on it",
    )


class TabularGenerator(Generator):
    """Base class of `ctgan` and `tvae`, which model continuous and discrete columns.

    A continuous value is encoded by a component (mode) of a Gaussian mixture, and by the scaled distance from the mean
    of this mode. All condition columns together form the first discrete column. The model cannot guarantee the
    condition of a row, so `match_rows` selects generated rows with the requested conditions. A requested condition
    without training rows is replaced by the most similar training condition. A missing value is encoded like the
    median. With ``implementation=fast``, the modes of a feature are fitted without missing values.
    """

    scale = "own"
    makes = ("numeric", "categorical")
    libraries = ("torch", "scipy.special")
    can_condition: ClassVar[bool]
    config: TabularOptions

    @classmethod
    def supports(cls, schema: Schema, n_rows: int, n_features: int) -> None:
        """Raise `Unsupported` for fewer than two rows, to which no Gaussian mixture can be fitted."""
        if n_rows < 2:
            raise Unsupported(f"generator {cls.name!r}: {n_rows} training rows, expected at least 2 to fit modes")

    def estimate_memory(self, schema: Schema, n_rows: int, n_features: int) -> int | None:
        """Return the estimated memory of training in bytes.

        Before fitting, 10 modes per feature and 32 distinct values per discrete column are assumed. The memory of
        imported libraries, about 0.4 GB, is not included.
        """
        n_codes = CODES_A_COLUMN * (len(schema.conditions) + len(schema.categorical_features))
        width = n_features * (1 + min(MAX_MODES, n_rows)) + n_codes
        return self.training_bytes(n_rows, n_features, width=width, n_codes=n_codes)

    @abstractmethod
    def training_bytes(self, n_rows: int, n_features: int, *, width: int, n_codes: int) -> int:
        """Return the memory in bytes that training needs.

        Args:
            n_rows: number of training rows.
            n_features: number of numeric columns.
            width: number of entries of an encoded row.
            n_codes: number of one-hot entries of all discrete columns, which ``width`` includes.
        """

    @abstractmethod
    def fit_fast(self, encoded_ND: torch.Tensor, codes_NJ: torch.Tensor, blocks: Blocks, context: FitContext) -> None:
        """Train this project's implementation on encoded rows; ``blocks`` describes the order of their entries."""

    @abstractmethod
    def fit_reference(self, context: FitContext) -> PackageModel:
        """Return an untrained model of the package `ctgan` with the options of this generator."""

    @abstractmethod
    def generate(self, value: int | None, context: SampleContext) -> tuple[torch.Tensor, NDArray[np.float32] | None]:
        """Generate a batch of encoded rows with condition ``value``, or with random conditions if ``value`` is None.

        Also return the standard deviation of the noise of each continuous column, or None if no noise is to be added.
        """

    def fit(self, train: Table, validation: Table | None, context: FitContext) -> None:
        """Fit the modes, then train the networks; report the losses of each epoch.

        Raises:
            Unsupported: the memory is too small. The error is raised before training and, if possible, before fitting
                modes.
        """
        import torch

        from tabgenbench_plugins.generators.parts.tabular.blocks import Blocks
        from tabgenbench_plugins.generators.parts.tabular.modes import ModeTransformer

        self.supports(train.schema, train.n_rows, train.n_features)
        self._template, self._discrete = train.take([]), DiscreteColumns.of(train)
        self._conditions = self._discrete.conditions
        smallest = 2 * train.n_features + sum(self.n_categories)
        self._require(train, width=smallest, context=context, at_least=True)
        values = train.dense()
        if self.config.implementation == "reference":
            self._package = self.fit_reference(context)
            with_label = self._discrete.has_condition
            labels = [self._conditions.labels[k] for k in self._conditions.group] if with_label else None
            self._package.fit(values, labels, self._discrete.feature_codes(train), seed=context.seed)
            return
        codes_NJ = self._discrete.codes(train)
        self._transformer = ModeTransformer.fit(
            values, codes_NJ, self.n_categories, present_NC=train.present(), seed=int(context.numpy.integers(2**31))
        )
        layout = self._transformer.layout
        self._require(train, width=layout.width, context=context)
        encoded_ND = torch.from_numpy(self._transformer.transform(values, codes_NJ, generator=context.numpy))
        self._blocks = Blocks.of(layout, context.device)
        arranged_ND = self._blocks.arrange(encoded_ND.to(context.device))
        del encoded_ND
        self.fit_fast(arranged_ND, torch.from_numpy(codes_NJ).to(context.device), self._blocks, context)

    @property
    def n_categories(self) -> tuple[int, ...]:
        """Number of values of each discrete column in the training rows; the condition is the first column."""
        return self._discrete.n_categories

    def _require(self, train: Table, *, width: int, context: Context, at_least: bool = False) -> None:
        needed = self.training_bytes(train.n_rows, train.n_features, width=width, n_codes=sum(self.n_categories))
        n_columns = train.n_features + len(self._discrete.features)
        purpose = f"{'at least, ' if at_least else ''}for {train.n_rows:,} rows of {n_columns:,} columns"
        require_memory(self.name, needed, device=context.device, purpose=purpose)

    def sample(self, conditions: pd.DataFrame, context: SampleContext) -> Table:
        """Sample one row for each requested condition.

        If the model generates too few rows of a condition, rows of other conditions fill the gap, and ``context``
        records the number of these rows.
        """
        asked = self._conditions.asked(conditions, context)
        if self.config.implementation == "reference":
            self._package.start_sampling(context.seed)
        labels = self._conditions.labels
        match = match_rows(
            asked,
            self._package.draw
            if self.config.implementation == "reference"
            else lambda value: self._draw(value, context),
            max_batches=self.config.max_batches,
            can_condition=self.can_condition,
            likeness=self._likeness,
        )
        rule = (
            "a row generated for this condition that the model labels otherwise"
            if self.can_condition
            else "a generated row of the most similar condition, as too few of this one came"
        )
        # A condition without training rows is recorded only once, with the condition that replaces it.
        fell_back = ~match.matched & _is_known(conditions, self._conditions)
        record_fallbacks(asked, fell_back, labels, rule, context)
        context.note(
            f"{len(match.draws)} batches of {self.config.batch_size} rows generated for {len(asked)} rows asked"
        )
        n_features, n_columns = self._template.n_features, self._template.n_features + len(self._discrete.features)
        rows = match.gather(np.empty((len(asked), n_columns), dtype=np.float32))
        categories = self._discrete.to_frame(rows[:, n_features:].astype(np.int64))
        return self._template.like(np.ascontiguousarray(rows[:, :n_features]), conditions, categories)

    def _likeness(self, k: int) -> NDArray[np.int64]:
        """Return the likeness of condition k to each condition: by equal values, then by number of training rows."""
        first_rows = np.unique(self._conditions.group, return_index=True)[1]
        known = self._conditions.frame.iloc[first_rows].astype(str).to_numpy()
        shared = (known == known[k]).sum(axis=1)
        likeness: NDArray[np.int64] = shared * (len(self._conditions.group) + 1) + self._conditions.counts
        return likeness

    def _draw(self, value: int | None, context: SampleContext) -> Draw:
        import torch

        with torch.no_grad():
            arranged_ND, sigma_C = self.generate(value, context)
            encoded_ND = self._blocks.restore(arranged_ND).cpu().numpy()
        noise: dict[str, Any] = {}
        if sigma_C is not None:
            sigmas_D = np.zeros(encoded_ND.shape[1], dtype=np.float32)
            sigmas_D[self._transformer.layout.scalar_index] = sigma_C
            noise = {"sigmas_D": sigmas_D, "generator": context.numpy}
        values_NC, codes_NJ = self._transformer.inverse(encoded_ND, **noise)
        labels, codes_NQ = self._discrete.split(codes_NJ)
        return Draw(np.hstack([values_NC.astype(np.float32), codes_NQ.astype(np.float32)]), labels)

    def weights_seed(self, context: FitContext) -> torch.Generator:
        """Return a CPU random generator for initial weights, so that the weights are equal on every device."""
        import torch

        return torch.Generator().manual_seed(int(context.numpy.integers(2**63)))


def _is_known(conditions: pd.DataFrame, train: TrainingConditions) -> NDArray[np.bool_]:
    used = conditions.loc[:, list(train.frame.columns)]
    if used.shape[1] == 0:
        return np.ones(len(conditions), dtype=bool)
    known: NDArray[np.bool_] = condition_labels(used).isin(train.labels).to_numpy(dtype=bool)
    return known
