from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tabgenbench import Evaluation, MetricContext, Result, Schema, Table, Transform, Unsupported
from tabgenbench_plugins.metrics.parts.components import Cloud, principal_components
from tabgenbench_plugins.metrics.parts.separability import nearest_vote, role_columns, score_mixing
from tabgenbench_plugins.metrics.pca_separability import PCASeparability

CRITERIA = ("tissue", "status", "mixing", "overall")
TISSUES = ("liver", "lung", "skin")


def rows(
    n: int, seed: int, *, noise: float = 1.0, shuffle: bool = False
) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """Three well-separated tissues with two states each."""
    rng = np.random.default_rng(seed)
    tissue, status = np.arange(n) % 3, (np.arange(n) // 3) % 2
    centres = np.random.default_rng(99).normal(size=(3, 12)) * 6
    shift = np.random.default_rng(98).normal(size=(3, 12)) * 4
    values = centres[tissue] + status[:, None] * shift[tissue] + noise * rng.normal(size=(n, 12))
    if shuffle:
        values = rng.permuted(values, axis=0)
    return values, [TISSUES[i] for i in tissue], ["ab"[i] for i in status]


def table(values: Any, tissue: list[str], status: list[str] | None, names: tuple[str, ...] = ()) -> Table:
    import pandas as pd

    columns = {"tissue": tissue} | ({"status": status} if status is not None else {})
    columns = {name: columns.get(name.lower(), ["x", "y"] * (len(tissue) // 2)) for name in names or columns}
    obs = pd.DataFrame(columns, index=[f"r{i}" for i in range(len(tissue))])
    x = np.asarray(values, dtype=np.float32)
    schema = Schema(conditions=tuple(columns))
    return Table(x, obs, tuple(f"g{j}" for j in range(x.shape[1])), schema, scale="standardized")


def evaluation_of(real: tuple[Any, ...], synthetic: tuple[Any, ...], *, status: bool = True) -> Evaluation:
    test, drawn = (table(*(side if status else (*side[:2], None))) for side in (real, synthetic))
    p = test.n_features
    return Evaluation(test, test, drawn, Transform(np.zeros(p), np.ones(p), "linear", False))


def run(real: tuple[Any, ...], synthetic: tuple[Any, ...], *, status: bool = True, **options: Any) -> Result:
    metric = PCASeparability(PCASeparability.Config(**options))
    return metric.compute(evaluation_of(real, synthetic, status=status), MetricContext(seed=3))


def test_other_rows_of_the_same_kind_do_well_on_every_criterion() -> None:
    result = run(rows(120, 1), rows(120, 2))
    for name in CRITERIA:
        assert result.scores[f"pca-{name}"] > 0.85
    assert result.scores["pca-silhouette-tissue"] > 0.3
    assert abs(result.scores["pca-silhouette-origin"]) < 0.05
    assert result.notes == ()


def test_rows_without_noise_separate_but_do_not_mix() -> None:
    scores = run(rows(120, 1), rows(120, 2, noise=0.0)).scores
    assert scores["pca-tissue"] == scores["pca-status"] == 1.0
    assert scores["pca-mixing"] < 0.1
    assert scores["pca-overall"] < 0.5


def test_permuted_features_find_no_tissue() -> None:
    scores = run(rows(360, 1), rows(360, 2, shuffle=True)).scores
    assert abs(scores["pca-tissue"]) < 0.15
    assert abs(scores["pca-status"]) < 0.15
    assert scores["pca-mixing"] < 0.3
    assert scores["pca-overall"] < 0.2


def test_overall_is_the_geometric_mean_of_the_three() -> None:
    scores = run(rows(120, 1), rows(120, 2, noise=0.6)).scores
    product = scores["pca-tissue"] * scores["pca-status"] * scores["pca-mixing"]
    assert scores["pca-overall"] == pytest.approx(product ** (1 / 3))


def test_wrong_tissues_count_below_chance_and_overall_is_zero() -> None:
    values, tissue, status = rows(120, 2)
    turned = [TISSUES[(TISSUES.index(name) + 1) % 3] for name in tissue]
    scores = run(rows(120, 1), (values, turned, status)).scores
    assert scores["pca-tissue"] == pytest.approx((0 - 1 / 3) / (1 - 1 / 3))
    assert scores["pca-overall"] == 0.0


def test_small_tissues_are_not_counted_and_named() -> None:
    values, tissue, status = rows(120, 1)
    tissue = ["eye" if i < 9 else name for i, name in enumerate(tissue)]
    result = run((values, tissue, status), (values, tissue, status))
    assert result.notes == (
        "excluded from tissue, fewer than 10 real test rows: eye",
        "excluded from status, fewer than 5 real test rows of two statuses: eye",
    )
    assert result.scores["pca-tissue"] > 0.9


def test_what_cannot_be_scored_is_undefined_with_its_reason() -> None:
    alone = run(rows(60, 1), rows(60, 2), status=False)
    assert alone.undefined == {
        "pca-status": "the dataset has no condition column beside 'tissue'",
        "pca-overall": "status is undefined: the dataset has no condition column beside 'tissue'",
    }
    values, tissue, _ = rows(60, 1)
    one = run((values, tissue, ["a"] * 60), (values, tissue, ["a"] * 60))
    assert one.undefined["pca-status"] == "all real test rows have one value of 'status'"
    few = run(rows(12, 1), rows(12, 2))
    assert few.undefined["pca-tissue"].startswith("0 values of 'tissue' have 10 real test rows")
    assert few.undefined["pca-status"].startswith("no value of 'tissue' has 5 real test rows")
    broken = run(rows(60, 1), (np.full((60, 12), np.inf), *rows(60, 2)[1:]))
    assert set(broken.undefined) == {spec.name for spec in PCASeparability.scores}


def test_columns_are_options_and_a_wrong_one_declines() -> None:
    swapped = run(rows(120, 1), rows(120, 2), tissue="status", status="tissue", min_status_rows=10)
    assert swapped.scores["pca-status"] > 0.8
    with pytest.raises(Unsupported, match=r"option 'tissue': 'tisue' is not a condition column.*did you mean 'tissue'"):
        run(rows(60, 1), rows(60, 2), tissue="tisue")


@pytest.mark.parametrize(
    ("names", "tissue", "status"),
    [
        (("tissue", "status"), "tissue", "status"),
        (("status", "tissue"), "tissue", "status"),
        (("Tissue", "sex", "Status"), "Tissue", "Status"),
        (("batch", "status", "tissue"), "tissue", "status"),
        (("organ", "state", "sex"), "organ", "state"),
        (("organ", "status"), "organ", "status"),
    ],
)
def test_columns_play_the_parts_of_their_names_else_of_their_order(
    names: tuple[str, ...], tissue: str, status: str
) -> None:
    assert role_columns(names, PCASeparability.Config()) == (tissue, status)
    assert role_columns(names, PCASeparability.Config(tissue=status))[0] == status


def test_the_order_of_named_columns_does_not_matter_and_that_of_others_is_noted() -> None:
    (x, *labels), (y, *asked) = rows(120, 1), rows(120, 2)
    first, second = (
        run((x, *labels, order), (y, *asked, order)) for order in (("tissue", "status"), ("sex", "Status", "tissue"))
    )
    assert first.scores == second.scores
    assert not any("counts as" in note for note in (*first.notes, *second.notes))
    test, drawn = table(x, labels[0], labels[1], ("site", "tissue")), table(y, asked[0], asked[1], ("site", "tissue"))
    identity = Transform(np.zeros(12), np.ones(12), "linear", False)
    noted = PCASeparability().compute(Evaluation(test, test, drawn, identity), MetricContext(seed=3))
    assert any(note == "'tissue' is used as the tissue and 'site' as the status" for note in noted.notes)


def test_a_vote_and_its_tie_goes_to_the_nearer_rows() -> None:
    known = np.array([[0.0], [1.0], [2.0], [10.0]])
    codes = np.array([1, 0, 0, 1])
    assert nearest_vote(known, codes, np.array([[0.9], [9.0]]), 3).tolist() == [0, 0]
    assert nearest_vote(known, codes, np.array([[-1.0], [3.0]]), 4).tolist() == [1, 0]
    assert nearest_vote(known, codes, np.array([[0.0]]), 50).tolist() == [1]


def test_mixing_of_a_known_arrangement() -> None:
    rng = np.random.default_rng(0)
    same = rng.normal(size=(400, 2))
    both = Cloud(same[:200], same[200:])
    assert score_mixing(both, 5, rng) > 0.9
    assert score_mixing(Cloud(same[:200], same[200:] + 100), 5, rng) == 0.0
    # Copies of one point: their neighbours are random and do not depend on the order of the rows.
    assert score_mixing(Cloud(np.zeros((200, 2)), np.zeros((200, 2))), 5, rng) > 0.85


def test_mixing_takes_the_worse_side() -> None:
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 50])
    half = Cloud(real, rng.normal(size=(200, 2)))  # half of the real rows have no synthetic neighbour
    assert score_mixing(half, 5, rng) == pytest.approx(0.66, abs=0.1)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_neither_order_nor_rotation_matters(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, synthetic = rows(72, 5), rows(72, 6, noise=0.7)
    turn, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    order = rng.permutation(72)
    moved = (synthetic[0][order] @ turn, [synthetic[1][i] for i in order], [synthetic[2][i] for i in order])
    expected, got = run(real, synthetic).scores, run((real[0] @ turn, *real[1:]), moved).scores
    assert got == pytest.approx(expected, abs=0.02)


def test_components_are_computed_once_a_draw() -> None:
    evaluation = evaluation_of(rows(30, 1), rows(30, 2))
    first = principal_components(evaluation, 4)
    assert principal_components(evaluation, 4) is first
    assert first.real.shape == first.synthetic.shape == (30, 4)
    evaluation.shared.next_draw()
    assert principal_components(evaluation, 4) is not first


def test_golden_scores(golden_tables: Any, score: Callable[..., Result]) -> None:
    real, synthetic, labels = golden_tables
    result = score(PCASeparability(), real, synthetic, labels=labels)
    expected = {
        "pca-tissue": 1.0000000,
        "pca-mixing": 0.9628472,
        "pca-silhouette-tissue": 0.3097777,
        "pca-silhouette-origin": -0.0153611,
    }
    assert result.scores == pytest.approx(expected, abs=1e-5)
