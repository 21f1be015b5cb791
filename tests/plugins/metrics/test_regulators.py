"""Psi and phi: values of the definition of Viñas et al., and files of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import ConfigError, Evaluation, MetricContext, Unsupported
from tabgenbench.interfaces.contract_table import make_mixed_split
from tabgenbench.options import make_options
from tabgenbench_plugins.metrics.regulators import Regulators, read_pairs

Values = np.ndarray[Any, Any]
TARGETS = {"g0": [1, 2, 3], "g4": [2, 5], "g6": [7]}
PAIRS = "".join(f"{name}\tg{j}\n" for name, targets in TARGETS.items() for j in targets)


def tables(seed: int = 0) -> tuple[Values, Values]:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(3, 8))
    real, synthetic = (rng.normal(size=(40, 3)) @ mixing + rng.normal(size=(40, 8)) for _ in range(2))
    return real, synthetic


def metric(path: Path, text: str = PAIRS) -> Regulators:
    path.write_text(text)
    return Regulators(make_options(Regulators.Config, {"pairs": str(path)}, where="metric 'regulators'"))


def by_hand(real: Values, synthetic: Values) -> dict[str, float]:
    """Return psi and phi, with the weights of the public code: w (w + 1) = 2 x number of pairs for phi."""
    a, b = np.corrcoef(real, rowvar=False), np.corrcoef(synthetic, rowvar=False)
    cosines: dict[str, list[tuple[float, float]]] = {"psi": [], "phi": []}
    for name, targets in TARGETS.items():
        own = int(name[1:])
        u, v = a[own, targets], b[own, targets]
        cosines["psi"].append((len(targets), u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
        if len(targets) > 1:
            inside, upper = np.ix_(targets, targets), np.triu_indices(len(targets), 1)
            u, v = a[inside][upper], b[inside][upper]
            weight = max(np.roots([1, 1, -2 * len(u)]))
            cosines["phi"].append((weight, u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
    return {name: sum(w * c for w, c in found) / sum(w for w, _ in found) for name, found in cosines.items()}


def test_scores_are_those_of_the_definitions(score: Any, tmp_path: Path) -> None:
    real, synthetic = tables()
    result = score(metric(tmp_path / "pairs.tsv"), real, synthetic)
    assert result.scores == pytest.approx(by_hand(real.astype(np.float32), synthetic.astype(np.float32)), abs=1e-6)
    found = result.artifacts["regulators"]
    assert found["regulator"].tolist() == ["g0", "g4", "g6"]
    assert found["targets"].tolist() == [3, 2, 1]
    assert np.isnan(found["phi"][2])
    assert result.notes == ("3 regulators with 6 targets",)


def test_the_same_rows_score_best_in_any_order(score: Any, tmp_path: Path) -> None:
    real, synthetic = tables()
    order = np.random.default_rng(3).permutation(40)
    regulators = metric(tmp_path / "pairs.tsv")
    assert score(regulators, real, real[order]).scores == pytest.approx({"psi": 1.0, "phi": 1.0}, abs=1e-9)
    found = score(regulators, real, synthetic).scores
    assert score(regulators, real, synthetic[order]).scores == pytest.approx(found, abs=1e-9)


def test_constant_features(score: Any, tmp_path: Path) -> None:
    real, synthetic = tables()
    collapsed = synthetic.copy()
    collapsed[:, 6] = 1.0  # the regulator of one target
    found = score(metric(tmp_path / "pairs.tsv"), real, collapsed)
    assert found.artifacts["regulators"]["psi"][2] == 0.0
    flat = real.copy()
    flat[:, [0, 6]] = 1.0
    result = score(metric(tmp_path / "pairs.tsv"), flat, synthetic)
    assert result.artifacts["regulators"]["regulator"].tolist() == ["g4"]
    flat[:, 4] = 1.0
    result = score(metric(tmp_path / "pairs.tsv"), flat, synthetic)
    assert set(result.undefined.values()) == {"no regulator and target of the file both vary in the real test rows"}


def test_regulators_of_one_target_have_no_phi(score: Any, tmp_path: Path) -> None:
    result = score(metric(tmp_path / "pairs.tsv", "g6,g7\n"), *tables())
    assert set(result.scores) == {"psi"}
    assert result.undefined == {"phi": "no regulator has two targets that vary in the real test rows"}


def test_a_correlation_uses_the_rows_in_which_both_features_have_a_value(tmp_path: Path) -> None:
    split = make_mixed_split()
    made = split.test.take(np.random.default_rng(0).permutation(split.test.n_rows)[:40])
    u, v = (
        pd.DataFrame(np.where(one.present(), one.dense(), np.nan), columns=one.features).corr().loc["weight"]
        for one in (split.test, made)
    )
    names = ["size", "visits"]
    expected = u[names] @ v[names] / np.linalg.norm(u[names]) / np.linalg.norm(v[names])
    regulators = metric(tmp_path / "pairs.tsv", "weight,size\nweight,visits\n")
    evaluation = Evaluation(split.train, split.test, made, split.transform)
    assert regulators.compute(evaluation, MetricContext(seed=0)).scores["psi"] == pytest.approx(expected, abs=1e-6)


def test_headers_unknown_names_and_repeated_pairs(score: Any, tmp_path: Path) -> None:
    text = 'regulator,target,effect\n"g0","g1",+\ng0,g1,+\ng0,g0,-\n\ng0,TP53,-\n'
    result = score(metric(tmp_path / "pairs.csv", text), *tables())
    assert result.artifacts["regulators"][["regulator", "targets"]].to_numpy().tolist() == [["g0", 1]]
    assert result.notes[-1] == "2 pairs of the file name a feature that the table does not have and are excluded"


def test_without_pairs_the_metric_is_skipped(score: Any) -> None:
    with pytest.raises(Unsupported, match="no file of regulators and targets is given; set the option pairs=FILE"):
        score(Regulators(), *tables())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("TF1\tA\n", "none of the 1 pairs has two features of this table; the last pair is 'TF1', 'A'"),
        ("g0\tg1\ng2\n", "line 2: got 'g2', expected a regulator and a target"),
        ("\n", "has no line; expected a regulator and a target in each line"),
    ],
)
def test_files_that_cannot_be_used(score: Any, tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        score(metric(tmp_path / "pairs.tsv", text), *tables())


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"option 'pairs'.*there is no file .*; set pairs to a TSV or CSV file"):
        make_options(Regulators.Config, {"pairs": str(tmp_path / "none.tsv")}, where="metric 'regulators'")


def test_the_content_of_the_file_is_part_of_the_options(tmp_path: Path) -> None:
    first, second = metric(tmp_path / "pairs.tsv").config, metric(tmp_path / "pairs.tsv", "g0\tg1\n").config
    assert isinstance(first, Regulators.Config)
    assert first.content
    assert first != second
    assert read_pairs(str(tmp_path / "pairs.tsv")) == [("g0", "g1")]
    with pytest.raises(Unsupported, match="has changed since the run was planned; start the run again"):
        read_pairs(str(tmp_path / "pairs.tsv"), first.content)
