"""The contract kit, run on every built-in metric."""

from __future__ import annotations

import pytest

from tabgenbench import Lazy, check_metric, failures
from tabgenbench_plugins import register_metrics

WITH_OPTIONS = {"regulators"}  # its own test gives it a file of pairs, without which it declines every table
METRICS = [lazy for lazy in register_metrics() if lazy.name not in WITH_OPTIONS]


@pytest.mark.parametrize("lazy", METRICS, ids=lambda lazy: lazy.name)
def test_the_shipped_kit_finds_nothing(lazy: Lazy) -> None:
    if lazy.extra:
        pytest.importorskip(lazy.extra)  # each such extra has the name of its package
    checks = check_metric(lazy.load())
    assert failures(checks) == []
    assert len(checks) == 9
