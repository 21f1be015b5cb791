"""Golden scores of each generator of mixed tables on one table of numbers, categories and gaps, as in `test_golden`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tabgenbench import Generator, Table

# generator: (mean size in ward B, share of smokers, gaps of smokers minus gaps of others, correlation of two numbers)
GOLDEN: dict[str, tuple[float, ...]] = {
    "arf": (1.0716, 0.33, 0.67198, 0.94497),
    "condition-gaussian": (1.2076, 0.3275, -0.044099, 0.15731),
    "condition-mvn": (1.0369, 0.3275, 0.5528, 0.95043),
    "ctgan": (1.5591, 0.3125, -0.033455, -0.046787),
    "cvae": (1.0241, 0.3075, 0.44818, 0.97982),
    "cvae-selected": (0.59382, 0.31, 0.3871, 0.83127),
    "flow-matching": (0.89338, 0.345, 0.31901, 0.3067),
    "forest-flow": (0.72966, 0.295, 0.44332, 0.68893),
    "gaussian-copula": (0.61994, 0.295, 0.24252, 0.68898),
    "hierarchical-factors": (0.93746, 0.345, 0.5895, 0.96343),
    "real-resample": (1.049, 0.32, 0.65487, 0.99569),
    "shuffled": (0.24923, 0.32, -0.045956, -0.015488),
    "smote": (1.0917, 0.3075, 0.68753, 0.99715),
    "tabddpm": (0.83577, 0.3075, 0.38863, 0.6407),
    "tvae": (0.39914, 0.1775, 0.57961, 0.27728),
    "unseen-third": (1.049, 0.32, 0.65487, 0.99569),
    "wgan-gp": (0.16226, 0.2, 0.040625, 0.60417),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "cvae": {"epochs": 15, "hidden": [32, 16], "latent": 4, "learning_rate": 5e-3, "batch_size": 32},
    "ctgan": {"epochs": 20, "batch_size": 40, "embedding_dim": 8, "generator_lr": 2e-3, "discriminator_lr": 2e-3},
    "tvae": {"epochs": 100, "batch_size": 20},
    "wgan-gp": {"epochs": 6, "hidden": [32, 16], "latent": 4, "batch_size": 20, "learning_rate": 2e-3},
    "flow-matching": {"steps": 150, "hidden": [32, 16], "batch_size": 64, "learning_rate": 5e-3},
    "tabddpm": {"steps": 150, "hidden": [32, 16], "batch_size": 64, "learning_rate": 5e-3},
    "forest-flow": {"levels": 5, "duplicates": 5, "trees": 10},
    "gaussian-copula": {"distribution": "norm"},
}


def scores(made: Table) -> tuple[float, ...]:
    obs = made.obs.astype(str)
    size, weight = made.X[:, 0].astype(np.float64), made.X[:, 1].astype(np.float64)
    smoker, is_gap = (obs["smoker"] == "yes").to_numpy(), (obs["weight is missing"] == "yes").to_numpy()
    return (
        float(size[(obs["ward"] == "B").to_numpy()].mean()),
        float(smoker.mean()),
        float(is_gap[smoker].mean() - is_gap[~smoker].mean()),
        float(np.corrcoef(size[~is_gap], weight[~is_gap])[0, 1]),
    )


@pytest.mark.slow
def test_scores_are_those_of_the_golden_mixed_table(
    generator_class: type[Generator],
    make_correlated: Callable[..., Table],
    fit: Callable[..., Any],
    sample: Callable[..., Any],
) -> None:
    if "categorical" not in generator_class.makes:
        pytest.skip("makes numbers alone")
    if generator_class.name == "condition-mean":
        pytest.skip("its rows do not vary")
    train = make_correlated(400)
    generator, _ = fit(generator_class, train, **OPTIONS.get(generator_class.name, {}))
    made, _ = sample(generator, train.conditions)
    found = scores(made)
    print(f'    "{generator_class.name}": ({", ".join(f"{x:.5g}" for x in found)}),')
    assert found == pytest.approx(GOLDEN[generator_class.name], rel=1e-2, abs=1e-2)
