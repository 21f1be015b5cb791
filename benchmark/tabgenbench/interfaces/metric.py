"""What a metric is: scores with a direction, a range and a stated blind spot."""

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
    """What a metric found on one draw.

    Attributes:
        scores: value by score name, one for each `ScoreSpec` unless it is in ``undefined``.
        undefined: reason by score name where the score has no value here.
        artifacts: tables for figures, by name; kept as CSV beside the scores.
        notes: sentences for the record, such as how many features were left out.
    """

    scores: Mapping[str, float]
    undefined: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MetricContext:
    """What the harness hands to a metric.

    Attributes:
        seed: the same for every generator on a split.
        device: where to compute, ``cpu`` or ``cuda:0``.
        memory_limit: bytes that the metric's processes may take, or None.
    """

    seed: int
    device: str = "cpu"
    memory_limit: int | None = None

    @property
    def numpy(self) -> np.random.Generator:
        """A fresh NumPy generator of `seed`."""
        return np.random.default_rng(self.seed)


class Metric(ABC):
    """A way to score synthetic rows against real test rows.

    Attributes:
        name: how it is called on the command line.
        scores: what it computes.
        requires: what the dataset or the model must have; else the metric is skipped with the reason.
    """

    name: ClassVar[str]
    scores: ClassVar[tuple[ScoreSpec, ...]]
    requires: ClassVar[tuple[Requirement, ...]] = ()

    class Config(Options):
        """No options."""

    def __init__(self, config: Options | None = None) -> None:
        self.config = config if config is not None else self.Config()

    @abstractmethod
    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Score one draw.

        Args:
            evaluation: training, test and synthetic rows on the evaluation scale, (n_rows, n_features) each; the
                synthetic ones are for the test rows' conditions, in their order.
            context: seed, device and limit.

        Returns:
            Every score of `scores`, finite and in its range or undefined with a reason; anything else fails the metric.

        Raises:
            Unsupported: the metric declines this table; the reason goes on the board.
        """

    @classmethod
    def figures(cls, artifacts: Artifacts) -> Iterable[MetricFigure]:
        """Return figures of what `compute` left as artifacts; by default none.

        A board calls it once a dataset where the metric's plugin is installed, and leaves out a figure that raises.
        Put the drawing into a module of its own and import it by name (``importlib.import_module``): what this module
        imports in the ordinary way is part of the key of the scores, and another colour would compute them again.

        Args:
            artifacts: what the metric left on one dataset, one row a generator.
        """
        return ()
