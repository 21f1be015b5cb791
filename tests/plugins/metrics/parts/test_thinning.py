from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tabgenbench import Evaluation, MetricContext
from tabgenbench_plugins.metrics.parts.thinning import thinned
from tabgenbench_plugins.metrics.pca_separability import PCASeparability


def test_the_same_rows_of_each_generator_are_used_and_counted(make_evaluation: Callable[..., Evaluation]) -> None:
    rng = np.random.default_rng(0)
    labels = ["a", "b"] * 150
    real, one, other = (rng.normal(size=(300, 4)) + 3.0 * (np.arange(300) % 2)[:, None] for _ in range(3))
    whole = [make_evaluation(real, synthetic, labels=labels) for synthetic in (one, other)]
    parts = [thinned(evaluation, 120, seed=7)[0] for evaluation in whole]
    assert parts[0].test.X.tobytes() == parts[1].test.X.tobytes()
    assert parts[0].synthetic.n_rows == 120
    assert list(parts[0].synthetic.conditions.iloc[:, 0]) == list(parts[0].test.conditions.iloc[:, 0])
    assert thinned(whole[0], 300, seed=7) == (whole[0], ())
    result = PCASeparability(PCASeparability.Config(max_rows=120)).compute(whole[0], MetricContext(seed=7))
    assert any("computed on 120 of 300 test rows and 120 of 300 synthetic rows" in note for note in result.notes)
    everything = PCASeparability().compute(whole[0], MetricContext(seed=7))
    assert abs(result.scores["pca-tissue"] - everything.scores["pca-tissue"]) < 0.1


def test_results_of_the_thinned_real_rows_are_kept_for_the_next_draw(
    make_evaluation: Callable[..., Evaluation],
) -> None:
    whole = make_evaluation(*np.random.default_rng(0).normal(size=(2, 30, 4)))
    computed = []
    for draw in range(2):
        for _ in range(2):
            shared = thinned(whole, 10, seed=7)[0].shared
            shared.once("real", lambda draw=draw: computed.append(("real", draw)), scope="split")
            shared.once("synthetic", lambda draw=draw: computed.append(("synthetic", draw)))
        whole.shared.next_draw()
    assert computed == [("real", 0), ("synthetic", 0), ("synthetic", 1)]
