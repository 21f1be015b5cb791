"""A metric that needs almost no time."""

from __future__ import annotations

from tabgenbench import Evaluation, Metric, MetricContext, Result, ScoreSpec


class FirstValue(Metric):
    """The first synthetic value."""

    name = "first-value"
    scores = (ScoreSpec(name="first-value", direction="lower"),)

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        return Result({"first-value": float(evaluation.synthetic.X[0, 0])})
