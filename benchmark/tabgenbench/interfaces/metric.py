"""Base class of metrics, their results, and the object (context) that a metric gets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd

from tabgenbench.options import Options
from tabgenbench.records import ScoreSpec

if TYPE_CHECKING:
    from tabgenbench.interfaces.evaluation import Evaluation
    from tabgenbench.interfaces.figures import Artifacts, MetricFigure

__all__ = ["Metric", "MetricContext", "Requirement", "Result"]

Requirement = Literal["conditions", "batch", "group", "embedding", "predictions"]


@dataclass(frozen=True)
class Result:
    """Result of a metric on one synthetic table.

    Attributes:
        scores: values of scores by name. Each score of the metric is either in ``scores`` or in ``undefined``.
        undefined: reasons why scores have no value on this synthetic table, by name.
        artifacts: artifacts (tables for figures) by name, which are stored as CSV files.
        notes: sentences that are stored with the scores, for example on excluded features.
    """

    scores: Mapping[str, float]
    undefined: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MetricContext:
    """Seed, device and memory limit of the computation of a metric.

    Attributes:
        seed: seed of the metric, which is equal for all generators on a split.
        device: device of the computation, such as ``cpu`` or ``cuda:0``.
        memory_limit: memory limit of the metric's processes in bytes, or None.
    """

    seed: int
    device: str = "cpu"
    memory_limit: int | None = None

    @property
    def numpy(self) -> np.random.Generator:
        """A new NumPy random generator with the seed of this context."""
        return np.random.default_rng(self.seed)


class Metric(ABC):
    """Base class of metrics. A metric computes one or more scores of synthetic rows.

    Attributes:
        name: name of the metric on the command line.
        scores: specifications of the scores.
        requires: properties that the dataset or the model must have, such as ``batch``. If a property is missing, the
            metric is skipped.
        reads_synthetic: whether the metric reads synthetic rows. Such a metric is skipped in suites without synthetic
            rows.
    """

    name: ClassVar[str]
    scores: ClassVar[tuple[ScoreSpec, ...]]
    requires: ClassVar[tuple[Requirement, ...]] = ()
    reads_synthetic: ClassVar[bool] = True

    class Config(Options):
        """No options."""

    def __init__(self, config: Options | None = None) -> None:
        self.config = config if config is not None else self.Config()

    @abstractmethod
    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Return the scores of one synthetic table.

        Args:
            evaluation: training, test and synthetic rows on the evaluation scale, each of shape (n_rows, n_features).
            context: seed, device and memory limit.

        Returns:
            A result in which each score of `scores` has a finite value in its range, or is undefined with a reason. Any
            other result is a failure of the metric.

        Raises:
            Unsupported: the metric does not support this table. Boards show the reason.
        """

    @classmethod
    def figures(cls, artifacts: Artifacts) -> Iterable[MetricFigure]:
        """Return the figures of the metric, drawn from the artifacts of `compute`; by default, none.

        A board calls this method once per dataset if the metric's plugin is installed. The board omits a figure whose
        drawing raises an exception. Put the code that draws into a separate module, and import it with
        ``importlib.import_module``. With an ``import`` statement in the metric's module, the key of the scores would
        depend on the drawing code, and a change of a colour would cause all scores to be computed again.

        Args:
            artifacts: the metric's stored artifacts on one dataset.
        """
        return ()
