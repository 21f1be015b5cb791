"""Deep models that are saved, and loaded in another object, sample the same rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tabgenbench import FitContext, Generator, Persistent, SampleContext, Table, load_arrays, upload
from tabgenbench.options import make_options
from tabgenbench_plugins.generators.cvae import CVAE
from tabgenbench_plugins.generators.cvae_selected import CVAESelected
from tabgenbench_plugins.generators.wgan_gp import WGANGP

SMALL = {"epochs": 2, "hidden": [8, 4], "latent": 3}
SELECTED = {"epochs": 1, "learning_rates": [1e-3, 5e-3], "depths": [2], "latent": 3}


def fitted(kind: type[Generator], train: Table, **options: Any) -> Generator:
    generator = kind(make_options(kind.Config, options, where=kind.name))
    validation = train.take(range(0, train.n_rows, 4))
    tensors = upload(train, validation, "cpu")
    generator.fit(train, validation, FitContext(device="cpu", seed=1, make_device_split=lambda: tensors))
    return generator


def rows(generator: Generator, conditions: pd.DataFrame) -> tuple[bytes, list[str]]:
    context = SampleContext(device="cpu", seed=5)
    values = generator.sample(conditions.copy(), context).dense()
    return values.tobytes(), [one.rule for one in context.fallbacks] + context.notes


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (CVAE, {}),
        (CVAE, {"output_noise": "residual", "batch_norm": False}),
        (CVAE, {"prior": "aggregated"}),
        (WGANGP, {}),
        (CVAESelected, SELECTED),
    ],
    ids=["cvae", "cvae-with-noise", "cvae-aggregated", "wgan-gp", "cvae-selected"],
)
def test_a_loaded_model_samples_like_the_saved_one(
    make_table: Callable[..., Table], tmp_path: Path, kind: type[Generator], options: dict[str, Any]
) -> None:
    train = make_table()
    saved = fitted(kind, train, **(SMALL if options is not SELECTED else {}), **options)
    assert isinstance(saved, Persistent)
    saved.save(tmp_path)
    loaded = type(saved).load(tmp_path, saved.config, template=train.take([]), device="cpu")
    known = train.conditions.iloc[::3]
    unseen = pd.DataFrame({"tissue": ["brain", "skin", "liver"], "status": ["normal", "cancer", "dead"]})
    for asked in (known, unseen):
        assert rows(loaded, asked) == rows(saved, asked)
    arrays, facts = load_arrays(tmp_path / "chosen" if options is SELECTED else tmp_path)
    assert sum(facts["conditions"]["counts"]) == train.n_rows
    assert all(not np.isin(train.X[:, 0], value).any() for value in arrays.values())  # no value of a training row


def test_a_table_without_conditions_is_sampled_by_a_loaded_model(
    make_table: Callable[..., Table], tmp_path: Path
) -> None:
    train = make_table()
    train = Table(X=train.X, obs=train.obs.iloc[:, :0], features=train.features, scale=train.scale)
    saved = fitted(CVAE, train, **SMALL)
    assert isinstance(saved, Persistent)
    saved.save(tmp_path)
    loaded = CVAE.load(tmp_path, saved.config, template=train.take([]), device="cpu")
    assert rows(loaded, train.conditions) == rows(saved, train.conditions)
