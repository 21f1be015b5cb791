"""The CVAE selected by validation rows: the grid, the selection, the record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tabgenbench import ConfigError, FitContext
from tabgenbench.interfaces.device_split import upload
from tabgenbench.interfaces.generator import Progress
from tabgenbench_plugins.generators import cvae_selected
from tabgenbench_plugins.generators.cvae import CVAE
from tabgenbench_plugins.generators.cvae_selected import CVAESelected

Make = Callable[..., Any]
LUNG, LIVER = ("lung", "normal"), ("liver", "normal")
GRID = {"learning_rates": [1e-3, 1e-4], "depths": [2], "epochs": 6, "latent": 4, "batch_size": 10}


@pytest.fixture
def tables(make_table: Make) -> tuple[Any, Any]:
    return make_table({LUNG: 31, LIVER: 20}), make_table({LUNG: 9, LIVER: 8}, seed=0)


def test_the_default_grid_is_the_papers() -> None:
    config = CVAESelected.Config()
    assert config.learning_rates == (1e-3, 5e-3, 1e-4, 1e-5)
    assert config.depths == (2, 3, 4)
    assert (config.epochs, config.trial_epochs, config.criterion) == (1400, None, "best")
    same = CVAE.Config().model_dump()
    shared = config.model_dump(include={"epochs", "batch_size", "latent", "batch_norm", "beta", "output_noise"})
    assert shared == {name: same[name] for name in shared}


@pytest.mark.parametrize("criterion", ["best", "last"])
def test_the_chosen_trial_is_the_cvae_of_these_settings_to_the_bit(
    criterion: str, tables: tuple[Any, Any], fit: Make, sample: Make
) -> None:
    train, validation = tables
    selected, context = fit(CVAESelected, train, validation, **GRID, criterion=criterion)
    same = {"epochs": 6, "latent": 4, "batch_size": 10, "depth": 2, "hidden": [1000, 512], "weights": criterion}
    trials = {rate: fit(CVAE, train, validation, **same, learning_rate=rate) for rate in GRID["learning_rates"]}
    curves = {rate: [p.losses["validation"] for p in trial.curve] for rate, (_, trial) in trials.items()}
    judged = {rate: min(curve) if criterion == "best" else curve[-1] for rate, curve in curves.items()}
    chosen = min(judged, key=lambda rate: judged[rate])

    made, expected = (sample(g, train.conditions)[0].X for g in (selected, trials[chosen][0]))
    assert np.array_equal(made, expected)
    assert context.notes == [
        *(
            f"trial {i + 1} of 2: learning_rate={rate:g}, depth=2: validation loss {min(curve):.6g} at best "
            f"(epoch {curve.index(min(curve)) + 1}), {curve[-1]:.6g} at epoch 6"
            for i, (rate, curve) in enumerate(curves.items())
        ),
        f"chosen by {criterion} validation loss, {judged[chosen]:.6g}: learning_rate={chosen:g}, depth=2",
    ]


def test_progress_goes_over_the_whole_grid(tables: tuple[Any, Any], fit: Make) -> None:
    _, context = fit(CVAESelected, *tables, **{**GRID, "depths": [2, 3], "epochs": 2})
    assert [(p.epoch, p.of) for p in context.curve] == [(i + 1, 8) for i in range(8)]
    names = [name for p in context.curve for name in p.losses]
    assert names[::2] == names[1::2]
    assert names[::2] == [
        f"validation, learning_rate={rate}, depth={depth}" for rate in ("0.001", "0.0001") for depth in (2, 3)
    ]


def test_a_long_curve_is_thinned(tables: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cvae_selected, "CURVE_POINTS", 10)
    split = upload(*tables, "cpu")
    reports: list[Progress] = []
    context = FitContext(device="cpu", seed=1, make_device_split=lambda: split, on_report=reports.append)
    config = CVAESelected.Config(learning_rates=(1e-3,), depths=(2,), epochs=25, latent=2, batch_size=51)
    CVAESelected(config).fit(*tables, context)
    assert len(reports) == 13
    assert reports[-1].epoch == reports[-1].of == 25


def test_shorter_trials_train_the_chosen_settings_anew(tables: tuple[Any, Any], fit: Make, sample: Make) -> None:
    train, validation = tables
    selected, context = fit(CVAESelected, train, validation, **{**GRID, "epochs": 5, "trial_epochs": 2})
    assert [(p.epoch, p.of) for p in context.curve] == [(i + 1, 9) for i in range(9)]
    assert list(context.curve[-1].losses) == ["validation, learning_rate=0.001, depth=2, retrained"]
    options = {"epochs": 5, "latent": 4, "batch_size": 10, "depth": 2, "hidden": [1000, 512], "weights": "best"}
    cvae, alone = fit(CVAE, train, validation, **options, learning_rate=1e-3)
    assert context.notes[-1] == f"retrained for 5 epochs: {alone.notes[-1]}"
    assert "at epoch" in context.notes[-1]
    made, expected = (sample(g, train.conditions)[0].X for g in (selected, cvae))
    assert np.array_equal(made, expected)


def test_a_trial_that_diverges_is_out_of_the_choice(tables: tuple[Any, Any], fit: Make) -> None:
    _, context = fit(CVAESelected, *tables, **{**GRID, "learning_rates": [1e20, 1e-3], "batch_norm": False})
    assert "the loss is" in context.notes[0]
    assert context.notes[-1].endswith("learning_rate=0.001, depth=2")


def test_a_grid_that_diverges_altogether_says_so(tables: tuple[Any, Any], fit: Make) -> None:
    with pytest.raises(ConfigError, match=r"each of 1 trials diverged.*give lower learning_rates than \[1e\+20\]"):
        fit(CVAESelected, *tables, **{**GRID, "learning_rates": [1e20], "batch_norm": False})


def test_choosing_needs_validation_rows(make_table: Make) -> None:
    train = make_table()
    for validation in (None, make_table({("brain", "normal"): 4})):
        split = upload(train, validation, "cpu")
        context = FitContext(device="cpu", seed=1, make_device_split=lambda split=split: split)  # type: ignore[misc]
        with pytest.raises(ConfigError, match=r"needs validation rows .* set validation_fraction above 0, or use cvae"):
            CVAESelected().fit(train, validation, context)
