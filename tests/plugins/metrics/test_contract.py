"""The contract kit, run on every built-in metric."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabgenbench import Lazy, check_metric, failures
from tabgenbench_plugins import EMBEDDINGS, register_metrics
from tabgenbench_plugins.metrics.parts import predictors


@pytest.fixture(autouse=True)
def _small_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few trees and iterations of the utility metrics, so that the tests are fast."""
    monkeypatch.setattr(predictors, "N_TREES", 3)
    monkeypatch.setattr(predictors, "N_ITERATIONS", 20)


LONG = {"c2st", "tstr", "umap-separability"}  # several seconds each: in `make test-all` alone
KIT = [pytest.param(lazy, marks=pytest.mark.slow if lazy.name in LONG else ()) for lazy in register_metrics()]


@pytest.mark.parametrize("lazy", KIT, ids=lambda lazy: lazy.name)
def test_the_shipped_kit_finds_nothing(lazy: Lazy, tmp_path: Path) -> None:
    if lazy.extra:
        pytest.importorskip(lazy.extra)  # each such extra has the name of its package
    options = {}
    if lazy.name == "regulators":  # declines every table without a file of pairs
        options["pairs"] = str(tmp_path / "pairs.tsv")
        (tmp_path / "pairs.tsv").write_text("gene-0\tgene-1\ngene-0\tgene-2\nsize\tweight\nsize\tvisits\n")
    checks = check_metric(lazy.load(), **options)
    if lazy in EMBEDDINGS or lazy.name == "combination-shift":  # they need an embedding, or an unseen combination
        (declined,) = failures(checks)
        assert "declined, so the remaining clauses are not checked" in str(declined)
        return
    assert failures(checks) == []
    assert len(checks) == 9
