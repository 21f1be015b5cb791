"""Separability of the controls on real data: the scores distinguish them as intended."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tabgenbench import Evaluation, FitContext, Generator, MetricContext, SampleContext, Table, Transform
from tabgenbench.data.split import make_split
from tabgenbench.data.split_config import SplitConfig
from tabgenbench_datasets.rnaseqdb import RNAseqDB
from tabgenbench_plugins.generators.condition_gaussian import ConditionGaussian
from tabgenbench_plugins.generators.condition_mean import ConditionMean
from tabgenbench_plugins.generators.condition_mvn import ConditionMVN
from tabgenbench_plugins.generators.real_resample import RealResample
from tabgenbench_plugins.generators.shuffled import Shuffled
from tabgenbench_plugins.metrics.pca_separability import PCASeparability

CONTROLS: tuple[type[Generator], ...] = (RealResample, ConditionMVN, ConditionGaussian, ConditionMean, Shuffled)


def scores_of(cls: type[Generator], train: Table, test: Table, transform: Transform) -> dict[str, float]:
    def no_device() -> None:
        return None

    common = {"device": "cpu", "deadline": None, "make_device_split": no_device}
    generator = cls(cls.Config())
    generator.fit(train, None, FitContext(seed=1, on_report=lambda _: None, **common))
    synthetic = generator.sample(test.conditions, SampleContext(seed=2, draw=0, **common))
    result = PCASeparability().compute(Evaluation(train, test, synthetic, transform), MetricContext(seed=0))
    return {name.removeprefix("pca-"): value for name, value in result.scores.items()}


@pytest.mark.data
def test_controls_keep_to_what_is_known_of_them(data_dir: Path) -> None:
    table = RNAseqDB(data_dir=data_dir).load()
    found: dict[str, list[dict[str, float]]] = {cls.name: [] for cls in CONTROLS}
    for seed in range(3):
        split = make_split(table, SplitConfig(validation_fraction=0.0), seed=seed)
        train, test = (table.take(split.rows(table, side)) for side in ("train", "test"))
        transform = Transform.fit(train)
        for cls in CONTROLS:
            found[cls.name].append(scores_of(cls, transform.apply(train), transform.apply(test), transform))
    means = {name: {k: float(np.mean([one[k] for one in each])) for k in each[0]} for name, each in found.items()}
    assert min(means["real-resample"][name] for name in ("tissue", "status", "mixing")) >= 0.88
    assert means["real-resample"]["overall"] >= 0.92
    assert max(abs(means["shuffled"][name]) for name in ("tissue", "status")) < 0.08
    assert means["shuffled"]["mixing"] < 0.05
    assert 0.30 <= means["condition-mvn"]["mixing"] <= 0.50
    assert means["condition-mean"]["mixing"] < 0.05
    overall = [means[cls.name]["overall"] for cls in CONTROLS]
    assert overall == sorted(overall, reverse=True)
    assert len(set(overall[:4])) == 4
