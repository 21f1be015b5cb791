"""Flow matching, and what it shares with TabDDPM: training, preparation, margins, saved models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tabgenbench import ConfigError, Persistent, SampleContext, Table
from tabgenbench_plugins.generators.flow_matching import FlowMatching
from tabgenbench_plugins.generators.parts.prepared_rows import DEFAULT_COMPONENTS
from tabgenbench_plugins.generators.parts.rows_from_noise import RowsFromNoise
from tabgenbench_plugins.generators.parts.time_network import TimeNetwork
from tabgenbench_plugins.generators.tabddpm import TabDDPM

Make = Callable[..., Any]
BOTH = pytest.mark.parametrize("kind", [FlowMatching, TabDDPM])
LUNG, LIVER = ("lung", "normal"), ("liver", "normal")
LEARNS = {"steps": 600, "learning_rate": 4e-3, "batch_size": 128, "hidden": [64, 64], "ema": 0.98, "sampling_steps": 30}


class GaussianVelocity(torch.nn.Module):
    """The exact velocity towards N(2, 0.5²), minus that towards N(0, 1)."""

    def forward(self, x: torch.Tensor, t: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        mean, sd, t = 2.0, 0.5, t[:, None]
        variance = (1 - t) ** 2 + (t * sd) ** 2
        exact = mean + (t * sd**2 - (1 - t)) / variance * (x - t * mean)
        return exact - (2 * t - 1) / ((1 - t) ** 2 + t**2) * x


@pytest.fixture(scope="module")
def trained(make_table: Make, fit: Make) -> dict[type[RowsFromNoise], RowsFromNoise]:
    """Both generators on the default table; no test changes them."""
    return {kind: fit(kind, make_table())[0] for kind in (FlowMatching, TabDDPM)}


@pytest.mark.parametrize("solver", ["midpoint", "heun"])
def test_the_solver_follows_the_exact_velocity(solver: str, make_table: Make, fit: Make) -> None:
    generator, _ = fit(FlowMatching, make_table({LUNG: 30}, n_features=3), sampling_steps=20, solver=solver)
    generator._network = GaussianVelocity()
    made = generator._generate(torch.zeros(4000, 2), torch.Generator().manual_seed(0))
    start = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(made, 2 + 0.5 * start, atol=5e-3, rtol=0)  # the exact solution is linear in the noise


@pytest.mark.parametrize("solver", ["midpoint", "heun"])
def test_the_solver_is_of_second_order(solver: str, make_table: Make, fit: Make) -> None:
    errors = []
    for n in (16, 32):
        generator, _ = fit(FlowMatching, make_table({LUNG: 30}, n_features=3), sampling_steps=n, solver=solver)
        generator._network = GaussianVelocity()
        made = generator._generate(torch.zeros(50, 2), torch.Generator().manual_seed(0))
        start = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
        errors.append((made - 2 - 0.5 * start).abs().max().item())
    assert errors[0] / errors[1] > 3.5  # half the step, a quarter of the error


def test_the_loss_is_the_formula_and_codes_are_signs(make_mixed: Make, fit: Make) -> None:
    generator, _ = fit(FlowMatching, make_mixed(60, missing=0.2))
    x_NY = generator._layout.encode(
        torch.ones(6, 2), torch.zeros(6, len(generator._layout.n_values), dtype=torch.int64)
    )
    seen: list[torch.Tensor] = []

    def network(x: torch.Tensor, t: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        seen.append(t)
        return x

    loss = generator._objective(torch.Generator().manual_seed(3))(network, x_NY, torch.zeros(6, 0))
    draws = torch.Generator().manual_seed(3)
    x0, t = torch.randn(x_NY.shape, generator=draws), torch.rand(6, generator=draws)
    x1 = torch.cat([x_NY[:, :2], 2 * x_NY[:, 2:] - 1], dim=1)
    assert set(x1[:, 2:].unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(seen[0], t)
    t = t[:, None]
    xt = (1 - t) * x0 + t * x1
    expected = (((2 * t - 1) / (t**2 + (1 - t) ** 2) * xt + xt - (x1 - x0)) ** 2).mean()
    torch.testing.assert_close(loss, expected)


@BOTH
def test_the_loss_falls_and_progress_is_reported(kind: Any, make_table: Make, fit: Make) -> None:
    _, context = fit(kind, make_table({LUNG: 50, LIVER: 40}), **{**LEARNS, "steps": 250, "hidden": [32]})
    assert [(p.epoch, p.of) for p in context.curve] == [(2 * i, 250) for i in range(1, 126)]
    losses = [p.losses["loss"] for p in context.curve]
    assert np.mean(losses[-20:]) < 0.8 * np.mean(losses[:20])
    assert not context.notes


@BOTH
def test_losses_that_diverge_name_the_learning_rate(kind: Any, make_table: Make, fit: Make) -> None:
    message = rf"generator '{kind.name}': the loss is nan at step \d+, .* lower learning_rate \(1e\+30\)"
    with pytest.raises(ConfigError, match=message):
        fit(kind, make_table(), learning_rate=1e30, steps=20)


@BOTH
def test_equal_seeds_give_equal_rows_whatever_ran_before(kind: Any, make_table: Make, fit: Make, sample: Make) -> None:
    train, made = make_table(), []
    for _ in range(2):
        torch.rand(3)
        made.append(sample(fit(kind, train, seed=4)[0], train.conditions)[0].X)
    assert np.array_equal(*made)
    assert not np.array_equal(made[0], sample(fit(kind, train, seed=5)[0], train.conditions)[0].X)


@BOTH
def test_wide_tables_are_modelled_in_components(kind: Any, make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 40, LIVER: 40}, n_features=201)
    for option, width in (({}, DEFAULT_COMPONENTS), ({"components": 5}, 5), ({"components": "none"}, 201)):
        generator, context = fit(kind, train, steps=2, **option)
        assert generator._layout.width == width
        noted = f"the 201 numeric features are modelled in {width} principal components of the training rows"
        assert context.notes == ([noted] if width < 201 else [])
        made, _ = sample(generator, train.conditions)
        assert made.X.shape == train.X.shape


@BOTH
def test_samples_stay_in_the_range_of_training_values(kind: Any, trained: Any, make_table: Make, sample: Make) -> None:
    train = make_table()
    made, _ = sample(trained[kind], train.conditions)
    assert (made.X <= train.X.max(axis=0) + 1e-5).all()
    assert (made.X >= train.X.min(axis=0) - 1e-5).all()


@BOTH
def test_margins_give_each_condition_its_distribution(kind: Any, make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 60, LIVER: 60})
    asked = train.conditions.iloc[np.arange(600) % 120].set_axis(range(600))
    errors = []
    for margins in (True, False):
        generator, _ = fit(kind, train, margins=margins)  # five steps: the network has learned next to nothing
        made, _ = sample(generator, asked)
        error = [
            np.abs(made.X[asked["tissue"] == tissue].mean(axis=0) - train.X[train.obs["tissue"] == tissue].mean(axis=0))
            for tissue in ("lung", "liver")
        ]
        errors.append(np.mean(error))
    assert errors[0] < 0.2 < 0.5 < errors[1]


@BOTH
def test_more_rows_than_a_chunk(kind: Any, trained: Any, make_table: Make, sample: Make) -> None:
    train = make_table()
    asked = train.conditions.iloc[np.arange(5000) % train.n_rows].set_axis([f"a{i}" for i in range(5000)])
    made, _ = sample(trained[kind], asked)
    assert made.X.shape == (5000, train.n_features)
    assert len(np.unique(made.X[:, 0])) > 2000


@BOTH
@pytest.mark.parametrize("options", [{}, {"components": 4, "margins": True}], ids=["plain", "components-and-margins"])
def test_a_loaded_model_samples_like_the_saved_one(
    kind: Any, options: dict[str, Any], make_mixed: Make, make_table: Make, fit: Make, tmp_path: Path
) -> None:
    for number, train in enumerate((make_table(), make_mixed(60, missing=0.2))):
        saved, _ = fit(kind, train, **options)
        folder = tmp_path / str(number)
        folder.mkdir()
        assert isinstance(saved, Persistent)
        saved.save(folder)
        loaded = kind.load(folder, saved.config, template=train.take([]), device="cpu")
        tables = [g.sample(train.conditions.copy(), SampleContext(device="cpu", seed=5)) for g in (loaded, saved)]
        np.testing.assert_array_equal(*(table.X for table in tables))
        pd.testing.assert_frame_equal(*(table.obs for table in tables))


@BOTH
def test_a_new_combination_of_condition_values_has_no_margins(
    kind: Any, make_table: Make, conditions: Make, fit: Make, sample: Make
) -> None:
    generator, _ = fit(kind, make_table(), margins=True)
    asked = conditions(("liver", "cancer"), LUNG)
    made, context = sample(generator, asked)
    generator._margins = None
    plain, _ = sample(generator, asked)
    assert np.array_equal(made.X[0], np.maximum(plain.X[0], make_table().X.min(axis=0)))
    assert not np.array_equal(made.X[1], plain.X[1])
    assert not context.fallbacks


def test_weights_are_averaged() -> None:
    from tabgenbench import FitContext
    from tabgenbench_plugins.generators.parts.time_network import train_network

    network = TimeNetwork(2, 0, (4,), torch.Generator().manual_seed(0))
    start = network.to_output.bias.detach().clone()
    config = FlowMatching.Config(steps=2, batch_size=3, learning_rate=1e-2, ema=0.1)
    seen: list[torch.Tensor] = []

    def loss(net: TimeNetwork, x: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        seen.append(net.to_output.bias.detach().clone())
        return net(x, x[:, 0], c).square().mean()

    context = FitContext(device="cpu", seed=0)
    rows = torch.ones(5, 2), torch.zeros(5, 0)
    averaged = train_network(network, rows, loss=loss, recipe=config, context=context, where="here")
    after = (start, seen[1], network.to_output.bias.detach())
    expected = 0.1 * (0.1 * after[0] + 0.9 * after[1]) + 0.9 * after[2]
    torch.testing.assert_close(averaged.to_output.bias, expected)


@pytest.mark.slow
@BOTH
def test_it_learns_means_spread_and_correlation(kind: Any, make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table({LUNG: 80, LIVER: 80})
    generator, _ = fit(kind, train, **LEARNS)
    asked = train.conditions.iloc[np.arange(1600) % 160].set_axis(range(1600))
    made, _ = sample(generator, asked)
    for tissue in ("lung", "liver"):
        real, synthetic = (t.X[(t.obs["tissue"] == tissue).to_numpy(), :-1] for t in (train, made))
        assert np.abs(real.mean(axis=0) - synthetic.mean(axis=0)).mean() < 0.1
        assert synthetic.var(axis=0).mean() / real.var(axis=0).mean() == pytest.approx(1, abs=0.25)
        assert np.abs(np.corrcoef(real.T) - np.corrcoef(synthetic.T)).mean() < 0.12


@pytest.mark.slow
@BOTH
def test_categories_follow_the_condition_and_the_numbers(
    kind: Any, make_correlated: Make, fit: Make, sample: Make
) -> None:
    train: Table = make_correlated(400)
    asked = train.conditions.iloc[np.arange(2000) % train.n_rows].set_axis(range(2000))
    made, _ = sample(fit(kind, train, **LEARNS)[0], asked)
    assert ((made.obs["clinic"] == "south").to_numpy() == (made.obs["ward"] == "B").to_numpy()).mean() > 0.95
    smokes, of_train = ((t.obs["smoker"] == "yes").to_numpy() for t in (made, train))
    assert smokes.mean() == pytest.approx(of_train.mean(), abs=0.06)
    real = train.X[of_train, 0].mean() - train.X[~of_train, 0].mean()
    assert made.X[smokes, 0].mean() - made.X[~smokes, 0].mean() == pytest.approx(real, rel=0.25)
    gaps, of_train_gaps = (t.is_gap("weight") for t in (made, train))
    assert gaps[smokes].mean() - gaps[~smokes].mean() == pytest.approx(
        of_train_gaps[of_train].mean() - of_train_gaps[~of_train].mean(), abs=0.12
    )
    here = ~gaps
    assert np.corrcoef(made.X[here].T)[0, 1] > 0.9


@pytest.mark.gpu
@BOTH
def test_it_trains_on_a_gpu(kind: Any, make_mixed: Make) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from tabgenbench import FitContext, upload

    train: Table = make_mixed(60, missing=0.2)
    split = upload(train, None, "cuda")
    generator = kind(kind.Config(steps=5, hidden=(16,), margins=True))
    generator.fit(train, None, FitContext(device="cuda", seed=1, make_device_split=lambda: split))
    made = generator.sample(train.conditions, SampleContext(device="cuda", seed=1))
    assert np.isfinite(made.X).all()
