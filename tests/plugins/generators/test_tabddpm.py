"""TabDDPM: its loss, guidance and sampling; what it shares with flow matching is in test_flow_matching."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tabgenbench_plugins.generators.parts.diffusion import category_posterior, cosine_signal
from tabgenbench_plugins.generators.tabddpm import TabDDPM

Make = Callable[..., Any]
LUNG, LIVER = ("lung", "normal"), ("liver", "normal")


def test_the_loss_is_the_formula(make_mixed: Make, fit: Make) -> None:
    generator, _ = fit(TabDDPM, make_mixed(60, missing=0.2), diffusion_steps=10)
    layout, signal, n = generator._layout, cosine_signal(10), 5
    draws = torch.Generator().manual_seed(1)
    codes = torch.zeros(n, len(layout.n_values), dtype=torch.int64)
    x0, x = layout.encode(torch.zeros(n, 2), codes), layout.encode(torch.randn(n, 2, generator=draws), 1 - codes)
    output, noise = torch.randn(n, layout.width, generator=draws), torch.randn(n, 2, generator=draws)
    now, then = signal[[1, 4, 6, 9, 10]][:, None], signal[[0, 3, 5, 8, 9]][:, None]
    predicted = (1 - now).sqrt() * x[:, :2] + now.sqrt() * output[:, :2]
    expected = float(((predicted - noise) ** 2).mean())
    for logits, xt, start in zip(layout.blocks(output), layout.blocks(x), layout.blocks(x0), strict=True):
        true, made = (category_posterior(xt, p, now, then) for p in (start, logits.softmax(dim=1)))
        kl = torch.where(true > 0, true * (true / made).log(), 0.0).sum()
        expected += 10 / len(layout.n_values) * float(kl) / n
    found = generator._loss(output, noise, x, x0, (now, then))
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_guidance_weighs_the_condition(make_table: Make, fit: Make) -> None:
    train, c = make_table({LUNG: 20, LIVER: 20}), torch.eye(3)
    x, t = torch.zeros(3, train.n_features), torch.full((3,), 0.5)
    plain, _ = fit(TabDDPM, train)
    assert torch.equal(plain._denoise(x, t, c), plain._network(x, t, c))
    guided, _ = fit(TabDDPM, train, guidance=2.5)
    with_c, without = guided._network(x, t, c), guided._network(x, t, torch.zeros(3, 3))
    torch.testing.assert_close(guided._denoise(x, t, c), 2.5 * with_c - 1.5 * without)


def test_conditions_are_left_out_only_for_guidance(make_table: Make, fit: Make) -> None:
    train = make_table({LUNG: 20, LIVER: 20})
    for guidance, expected in ((1.0, 0.0), (2.0, 0.1)):
        generator, _ = fit(TabDDPM, train, guidance=guidance)
        seen: list[torch.Tensor] = []

        def network(x: torch.Tensor, t: torch.Tensor, c: torch.Tensor, seen: Any = seen) -> torch.Tensor:
            seen.append(c)
            return x

        rows = torch.zeros(4000, train.n_features), torch.ones(4000, 3)
        generator._objective(torch.Generator().manual_seed(0))(network, *rows)
        assert (seen[0].sum(dim=1) == 0).float().mean().item() == pytest.approx(expected, abs=0.02)


def test_fewer_sampling_steps_call_the_network_less(make_table: Make, fit: Make, sample: Make) -> None:
    train = make_table()
    for asked, expected in ((7, 7), (5000, 50)):
        generator, _ = fit(TabDDPM, train, diffusion_steps=50, sampling_steps=asked)
        calls: list[int] = []
        generator._network.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        sample(generator, train.conditions)
        assert len(calls) == expected


def test_categories_alone_are_sampled_by_their_frequencies(make_mixed: Make, fit: Make, sample: Make) -> None:
    mixed = make_mixed(400, missing=0.0)
    train = type(mixed)(mixed.X[:, :0], mixed.obs, (), schema=mixed.schema, scale="standardized")
    options = {"steps": 300, "learning_rate": 5e-3, "hidden": [32], "batch_size": 64, "ema": 0.98, "sampling_steps": 20}
    made, _ = sample(fit(TabDDPM, train, **options)[0], train.conditions)
    for column in train.categories:
        shares = [t.obs[column].astype(str).value_counts(normalize=True).sort_index() for t in (train, made)]
        np.testing.assert_allclose(shares[1].reindex(shares[0].index, fill_value=0), shares[0], atol=0.12)
