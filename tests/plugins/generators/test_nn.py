"""Building blocks of networks."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgenbench_plugins.generators.parts.nn import linear, minibatches, mlp, one_hot


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 200), batch_size=st.integers(2, 60), seed=st.integers(0, 99))
def test_minibatches_hold_every_row_once_and_none_holds_one_alone(n: int, batch_size: int, seed: int) -> None:
    batches = minibatches(n, batch_size, torch.Generator().manual_seed(seed))
    assert sorted(torch.cat(batches).tolist()) == list(range(n))
    assert all(len(b) == batch_size for b in batches[:-1])
    assert 1 < len(batches[-1]) <= batch_size + 1 or n == 1


def test_one_hot_puts_columns_side_by_side() -> None:
    codes = torch.tensor([[0, 1], [2, 0]])
    assert one_hot(codes, (3, 2)).tolist() == [[1, 0, 0, 0, 1], [0, 0, 1, 1, 0]]
    assert one_hot(torch.zeros((4, 0), dtype=torch.int64), ()).shape == (4, 0)


def test_layers_start_as_torch_starts_them_and_from_the_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    layer = linear(400, 50, torch.Generator().manual_seed(1))
    again = linear(400, 50, torch.Generator().manual_seed(1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(layer.weight, again.weight)
    torch_layer = torch.nn.Linear(400, 50)
    for mine, theirs in ((layer.weight, torch_layer.weight), (layer.bias, torch_layer.bias)):
        assert mine.requires_grad
        assert mine.abs().max() <= 0.05
        assert abs(mine.std().item() / theirs.std().item() - 1) < 0.3


def test_mlp_has_batch_norm_where_asked() -> None:
    generator = torch.Generator().manual_seed(0)
    kinds = [type(layer).__name__ for layer in mlp((5, 4, 3), generator)]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU"] * 2
    assert [type(x).__name__ for x in mlp((5, 4), generator, batch_norm=False)] == ["Linear", "ReLU"]
