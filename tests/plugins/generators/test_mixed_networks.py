"""Networks on mixed tables: categories are learned, gaps are not, and the arithmetic is that of the formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tabgenbench import ConfigError, Table
from tabgenbench.interfaces.device_split import upload
from tabgenbench_plugins.generators.cvae import CVAE
from tabgenbench_plugins.generators.parts.row_layout import TEMPERATURE, RowLayout
from tabgenbench_plugins.generators.parts.vae import ConditionalVAE
from tabgenbench_plugins.generators.wgan_gp import WGANGP

Make = Callable[..., Any]
LEARNS: list[tuple[type[Any], dict[str, Any]]] = [
    (CVAE, {"epochs": 25, "learning_rate": 5e-3, "hidden": [32, 16], "output_noise": "residual"}),
    (WGANGP, {"epochs": 40, "learning_rate": 4e-3, "batch_size": 50, "hidden": [32, 32]}),
]
MIXED = RowLayout(2, (3, 2), gaps=((1, 6),))  # the second code of the second feature shows the gaps of column 1


@pytest.fixture(scope="module")
def train(make_correlated: Make) -> Table:
    table: Table = make_correlated(400)
    return table


def rows(n: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Return encoded rows, and an output of a network for them."""
    draws = torch.Generator().manual_seed(1)
    codes = torch.stack([torch.arange(n) % 3, torch.arange(n) % 2], dim=1)
    return MIXED.encode(torch.randn(n, 2, generator=draws), codes), torch.randn(n, 7, generator=draws)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "options"), LEARNS, ids=["cvae", "wgan-gp"])
def test_categories_follow_the_condition_and_the_numbers(
    kind: type[Any], options: dict[str, Any], train: Table, fit: Make, sample: Make
) -> None:
    asked = train.conditions.iloc[np.arange(2000) % train.n_rows].set_axis(range(2000))
    made, _ = sample(fit(kind, train, **options)[0], asked)
    south = [(t.obs["clinic"] == "south").to_numpy() == (t.obs["ward"] == "B").to_numpy() for t in (made, train)]
    assert south[1].all()
    assert south[0].mean() > 0.9
    smokes, of_train = ((t.obs["smoker"] == "yes").to_numpy() for t in (made, train))
    assert smokes.mean() == pytest.approx(of_train.mean(), abs=0.12)
    real = train.X[of_train, 0].mean() - train.X[~of_train, 0].mean()
    assert made.X[smokes, 0].mean() - made.X[~smokes, 0].mean() > 0.4 * real
    gaps, of_train_gaps = (t.is_gap("weight") for t in (made, train))
    assert gaps.mean() == pytest.approx(of_train_gaps.mean(), abs=0.12)
    assert gaps[smokes].mean() > gaps[~smokes].mean() + 0.2


@pytest.mark.parametrize("kind", [CVAE, WGANGP])
def test_no_row_asked_gives_no_row(kind: type[Any], train: Table, fit: Make, sample: Make) -> None:
    made, _ = sample(fit(kind, train)[0], train.conditions.iloc[:0])
    assert made.n_rows == 0
    assert set(train.schema.categorical_features) <= set(made.obs)


def test_the_loss_is_the_formula_and_leaves_out_gaps() -> None:
    model = ConditionalVAE(7, 0, 2, (4,), torch.Generator().manual_seed(0), layout=MIXED)
    y, output = rows()
    expected = 0.0
    for i in range(5):
        expected += 0.5 * float((output[i, 0] - y[i, 0]) ** 2)
        expected += 0.5 * float((output[i, 1] - y[i, 1]) ** 2) * (i % 2 == 0)  # odd rows have a gap
        expected -= float(torch.log_softmax(output[i, 2:5], 0)[i % 3] + torch.log_softmax(output[i, 5:], 0)[i % 2])
    assert model.reconstruction(output, y).item() == pytest.approx(expected, rel=1e-5)


def test_the_gradient_of_the_gumbel_softmax_is_that_of_autograd() -> None:
    _, output = rows()
    output.requires_grad_()
    soft = MIXED.soften(output, torch.Generator().manual_seed(3))
    gradient = torch.randn(soft.shape, generator=torch.Generator().manual_seed(4))
    soft.backward(gradient)  # type: ignore[no-untyped-call]  # torch's
    found = MIXED.soften_backward(soft.detach(), gradient)
    torch.testing.assert_close(found, output.grad)
    assert torch.equal(soft[:, :2], output[:, :2])
    assert TEMPERATURE < 1


def test_draws_have_the_probabilities_of_the_softmax() -> None:
    logits = torch.log(torch.tensor([0.0, 0.0, 5.0, 3.0, 2.0, 1.0, 9.0]).clamp_min(1e-9)).expand(20_000, -1)
    codes = MIXED.draw(logits, torch.Generator().manual_seed(0))
    shares = torch.stack([(codes[:, 0] == v).float().mean() for v in range(3)])
    torch.testing.assert_close(shares, torch.tensor([0.5, 0.3, 0.2]), atol=0.015, rtol=0)
    assert (codes[:, 1] == 1).float().mean().item() == pytest.approx(0.9, abs=0.01)


def test_a_layout_finds_the_codes_of_gaps(train: Table) -> None:
    split = upload(train, None, "cpu")
    layout = RowLayout.of(train, split.categories)
    encoded = layout.encode(split.train, split.train_categories)
    present = layout.has_value(encoded)
    assert present is not None
    np.testing.assert_array_equal(present[:, 1] == 0, train.is_gap("weight"))
    assert (present[:, 0] == 1).all()


def test_patience_needs_numbers(train: Table, fit: Make) -> None:
    schema = train.schema.model_copy(update={"gaps": ()})
    alone = Table(train.X[:, :0], train.obs, (), schema=schema, scale="standardized")
    with pytest.raises(ConfigError, match="at least 2 numeric features and the table has 0; set patience=0"):
        fit(WGANGP, alone, alone, patience=2)
