"""Values drawn in training, and the assignment of sampled rows to requested conditions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tabgenbench import SampleContext
from tabgenbench_plugins.generators.parts.tabular.condition_sampler import ConditionSampler
from tabgenbench_plugins.generators.parts.tabular.conditions import Draw, Match, match_rows, record_fallbacks

COUNTS = (200, 20, 3, 1)


def sampler(*, log_frequency: bool = True) -> ConditionSampler:
    codes = torch.repeat_interleave(torch.arange(len(COUNTS)), torch.tensor(COUNTS))
    codes = codes[torch.randperm(len(codes), generator=torch.Generator().manual_seed(7))]
    generator = torch.Generator().manual_seed(0)
    return ConditionSampler(codes[:, None], (len(COUNTS),), log_frequency=log_frequency, generator=generator)


@pytest.mark.parametrize("log_frequency", [True, False])
def test_values_come_by_their_frequency_or_its_logarithm(log_frequency: bool) -> None:
    values = sampler(log_frequency=log_frequency).values(100, 500)
    weights = np.log1p(COUNTS) if log_frequency else np.array(COUNTS, dtype=float)
    found = np.bincount(values.numpy().ravel(), minlength=4) / values.numel()
    assert values.shape == (100, 500)
    assert found == pytest.approx(weights / weights.sum(), abs=0.01)


def test_rows_have_the_values_and_come_equally_often() -> None:
    drawn = sampler()
    codes = torch.empty(sum(COUNTS), dtype=torch.int64)
    for k, (start, count) in enumerate(zip(drawn.starts_K.tolist(), COUNTS, strict=True)):
        codes[drawn.rows[start : start + count]] = k
    values = drawn.values(100, 500)
    rows = drawn.rows_with(values)
    assert torch.equal(codes[rows], values)
    times = np.bincount(rows[values == 1].numpy(), minlength=len(codes))[codes.numpy() == 1]
    assert times.min() > 0.7 * times.mean()
    assert times.max() < 1.3 * times.mean()


def test_each_discrete_column_is_drawn_equally_often_whatever_its_number_of_values() -> None:
    codes = torch.stack(
        [torch.arange(60) % 2, torch.arange(60).clamp(max=9), torch.zeros(60, dtype=torch.int64)], dim=1
    )
    drawn = ConditionSampler(codes, (2, 10, 1), log_frequency=True, generator=torch.Generator().manual_seed(0))
    values = drawn.values(300, 100)
    found = np.bincount(values.numpy().ravel(), minlength=13) / values.numel()
    assert [found[:2].sum(), found[2:12].sum(), found[12]] == pytest.approx([1 / 3] * 3, abs=0.01)
    weights = np.log1p([1] * 9 + [51])
    assert found[2:12] == pytest.approx(weights / weights.sum() / 3, abs=0.005)
    rows = drawn.rows_with(values)
    for column, first in enumerate((0, 2, 12)):
        is_of_column = (values >= first) & (values < first + (2, 10, 1)[column])
        assert torch.equal(codes[rows[is_of_column], column], values[is_of_column] - first)


def test_a_table_without_discrete_columns_draws_from_all_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = ConditionSampler(torch.empty(5, 0, dtype=torch.int64), (), log_frequency=True, generator=generator)
    rows = drawn.rows_with(drawn.values(10, 10))
    assert set(rows.unique().tolist()) == set(range(5))


def test_shuffling_keeps_the_values_of_each_step() -> None:
    drawn = sampler()
    values = drawn.values(5, 200)
    shuffled = drawn.shuffled(values)
    assert torch.equal(values.sort(dim=1).values, shuffled.sort(dim=1).values)
    assert (values == shuffled).float().mean().item() < 0.6


class Model:
    """Replaces a generator: its rows are numbered, its labels are drawn with given probabilities."""

    def __init__(self, odds: list[float], *, obeys: float = 0.0, batch: int = 20) -> None:
        self.odds, self.obeys, self.batch = np.array(odds) / sum(odds), obeys, batch
        self.rng, self.asked, self.made = np.random.default_rng(0), list[int | None](), 0

    def __call__(self, value: int | None) -> Draw:
        self.asked.append(value)
        labels = self.rng.choice(len(self.odds), size=self.batch, p=self.odds)
        if value is not None:
            labels = np.where(self.rng.random(self.batch) < self.obeys, value, labels)
        rows = np.stack([np.arange(self.made, self.made + self.batch), labels], axis=1)
        self.made += self.batch
        return Draw(rows, labels.astype(np.int64))


def same_first(k: int) -> np.ndarray:
    return np.array([int(j == k) + int(abs(j - k) <= 1) for j in range(4)])


def matched(
    asked: list[int], model: Model, *, max_batches: int = 10, can_condition: bool = False
) -> tuple[Match, np.ndarray]:
    codes = np.array(asked, dtype=np.int64)
    match = match_rows(codes, model, max_batches=max_batches, can_condition=can_condition, likeness=same_first)
    return match, match.gather(np.full((len(codes), 2), -1))


def test_each_row_asked_gets_a_row_of_its_label() -> None:
    asked = [2, 0, 1, 2, 3, 3, 0] * 5
    match, rows = matched(asked, Model([1, 1, 1, 1]))
    assert rows[:, 1].tolist() == asked
    assert match.matched.all()
    assert len(set(rows[:, 0])) == len(asked)


def test_a_model_that_takes_conditions_is_asked_for_those_still_open() -> None:
    model = Model([1, 1, 0, 0], obeys=0.5)
    _, rows = matched([0, 1, 2, 3, 3, 3], model, can_condition=True)
    assert rows[:, 1].tolist() == [0, 1, 2, 3, 3, 3]
    assert model.asked == [None, None, 2, 3]  # no row of the second batch was needed


@pytest.mark.parametrize("can_condition", [False, True])
def test_a_condition_that_seldom_comes_is_waited_for(can_condition: bool) -> None:
    model = Model([600, 400, 0, 1], obeys=0.0, batch=100)
    match, rows = matched([0] * 30 + [1] * 20 + [3] * 3, model, max_batches=400, can_condition=can_condition)
    assert match.matched.all()
    assert (rows[-3:, 1] == 3).all()
    assert len(model.asked) > 10  # most of which were not needed


def test_the_budget_grows_with_the_rows_asked() -> None:
    model = Model([0.7, 0.3, 0, 0], batch=50)
    match, _ = matched([0] * 1000 + [1] * 1000, model, max_batches=40)
    assert match.matched.all()
    assert 2000 / 50 < len(model.asked) <= 2000 / 50 + 40


def test_of_rows_that_serve_nobody_few_are_kept() -> None:
    match, rows = matched([0, 3, 3], Model([500, 1, 1, 0], batch=500), max_batches=5)
    assert rows[:, 1].tolist() == [0, 2, 2]  # the most similar rows available
    assert max(len(draw.labels) for draw in match.draws) <= 3 * 3


def test_the_budget_is_kept() -> None:
    model = Model([0.95, 0.05, 0, 0], obeys=0.05, batch=4)
    matched([1] * 30, model, max_batches=3, can_condition=True)
    assert sum(value is None for value in model.asked) <= 3
    search = 3 + 3
    extra = len(model.asked) - search
    assert extra * 4 <= 30 + 4  # only the rows for the fallback


def test_what_never_comes_is_served_by_rows_generated_for_it() -> None:
    model = Model([1, 1, 0, 0])
    match, rows = matched([0, 3, 3], model, can_condition=True)
    assert match.matched.tolist() == [True, False, False]
    assert [model.asked[batch] for batch in match.batch[1:]] == [3, 3]
    assert len(set(rows[:, 0])) == 3


def test_else_by_rows_of_the_most_similar_condition() -> None:
    match, rows = matched([3, 3], Model([1, 1, 1, 0]))
    assert not match.matched.any()
    assert rows[:, 1].tolist() == [2, 2]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 3), max_size=60),
    st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda odds: sum(odds) > 0.1),
    st.booleans(),
    st.integers(1, 3),
)
def test_every_row_is_served_once_and_labels_are_told_truly(
    asked: list[int], odds: list[float], can_condition: bool, max_batches: int
) -> None:
    match, rows = matched(asked, Model(odds, obeys=0.3, batch=7), max_batches=max_batches, can_condition=can_condition)
    assert (rows[:, 0] >= 0).all()
    assert len(set(rows[:, 0])) == len(asked)
    assert ((rows[:, 1] == np.array(asked, dtype=int)) == match.matched).all()


def test_no_row_asked_draws_nothing() -> None:
    model = Model([1, 1, 1, 1])
    _, rows = matched([], model)
    assert rows.shape == (0, 2)
    assert not model.asked


def test_fallbacks_are_recorded_by_condition() -> None:
    context = SampleContext(device="cpu", seed=0)
    match, _ = matched([0, 3, 3, 2], Model([1, 1, 0, 0]))
    record_fallbacks(np.array([0, 3, 3, 2]), ~match.matched, ["a", "b", "c", "d"], "a rule", context)
    assert [(f.condition, f.rows, f.rule) for f in context.fallbacks] == [("c", 1, "a rule"), ("d", 2, "a rule")]
