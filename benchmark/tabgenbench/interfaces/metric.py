"""Abstract base class of metrics, their results, and the context passed to them."""

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
    """Result of a metric on one draw, which is one synthetic table.

    Attributes:
        scores: value of each score by name; every score of the metric needs a value here or a reason in ``undefined``.
        undefined: reason why a score has no value on this synthetic table, by the score's name.
        artifacts: tables for figures, by name; stored as CSV beside the scores.
        notes: sentences for the record, such as the number of excluded features.
    """

    scores: Mapping[str, float]
    undefined: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MetricContext:
    """Seed, device and memory limit that the harness passes to a metric.

    Attributes:
        seed: seed of the metric; equal for all generators on a split.
        device: device of the computation, ``cpu`` or ``cuda:0``.
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
    """A way to score synthetic rows against real test rows.

    Attributes:
        name: name on the command line.
        scores: specifications of the scores.
        requires: requirements on the dataset or the model; if one is missing, the metric is skipped with the reason.
        reads_synthetic: whether the metric reads synthetic rows; if so, it is skipped in a suite with ``draws = 0``.
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
        """Score one draw (synthetic table).

        Args:
            evaluation: training, test and synthetic rows on the evaluation scale, each of shape (n_rows, n_features).
                The synthetic rows have the conditions of the test rows, in the same order.
            context: seed, device and memory limit.

        Returns:
            Every score of `scores`, either finite and in its range or undefined with a reason. Any other result is
            recorded as a failure.

        Raises:
            Unsupported: the metric does not support this table; the board shows the reason.
        """

    @classmethod
    def figures(cls, artifacts: Artifacts) -> Iterable[MetricFigure]:
        """Return figures drawn from the artifacts of `compute`; none by default.

        A board calls this method once per dataset if the metric's plugin is installed. The board omits a figure whose
        drawing raises an exception. Put the code that draws into a separate module, and import this module by name
        (``importlib.import_module``). The code of modules that are imported in the ordinary way is part of the key
        (hash) of the metric's scores, so a changed colour in such a module would cause all scores to be computed again.

        Args:
            artifacts: artifacts of the metric on one dataset, one row per generator.
        """
        return ()
