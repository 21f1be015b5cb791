"""The contract kit, run on every built-in metric."""

from __future__ import annotations

import pytest

from tabgenbench import Lazy, check_metric, failures
from tabgenbench_plugins import register_metrics
from tabgenbench_plugins.metrics.parts import predictors


@pytest.fixture(autouse=True)
def _small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few trees and iterations of the utility metrics, so that the tests are fast."""
    monkeypatch.setattr(predictors, "N_TREES", 3)
    monkeypatch.setattr(predictors, "N_ITERATIONS", 20)


@pytest.mark.parametrize("lazy", register_metrics(), ids=lambda lazy: lazy.name)
def test_the_shipped_kit_finds_nothing(lazy: Lazy) -> None:
    if lazy.extra:
        pytest.importorskip(lazy.extra)  # each such extra has the name of its package
    checks = check_metric(lazy.load())
    assert failures(checks) == []
    assert len(checks) == 9
