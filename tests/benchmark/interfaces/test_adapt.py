"""`adapt`: models of frames become generators; conditions are matched, gaps and types keep their meaning."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import Field

from tabgenbench import (
    FitContext,
    Generator,
    Options,
    PluginError,
    SampleContext,
    adapt,
    check_generator,
    failures,
)
from tabgenbench.interfaces.checks import check_sample
from tabgenbench.interfaces.contract_table import make_mixed_split


class Bootstrap:
    """Rows of the training frame, from the global generator of NumPy."""

    def fit(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def sample(self, n: int) -> pd.DataFrame:
        return self.frame.iloc[np.random.randint(len(self.frame), size=n)]


def fitted(make: Callable[..., Any], rows: Any = None, **given: Any) -> Generator:
    train = make_mixed_split("own").train
    train = train if rows is None else train.take(rows)
    kind = adapt(make, name="adapted", card="An adapted model.", **given)
    generator = kind()
    generator.fit(train, None, FitContext(device="cpu", seed=1))
    return generator


def test_an_adapted_model_passes_the_contract_kit() -> None:
    kind = adapt(Bootstrap, name="boot-strap", card="Rows of the training frame.")
    assert (kind.name, kind.__name__, kind.__module__) == ("boot-strap", "BootStrap", __name__)
    assert failures(check_generator(kind)) == []


def test_the_model_sees_one_frame_of_plain_types() -> None:
    seen = fitted(Bootstrap)._model.frame
    train = make_mixed_split("own").train
    assert list(seen) == ["ward", "colour", "smoker", "stage", "size", "weight", "visits", "first visit"]
    assert all(isinstance(value, str) for name in ("ward", "colour", "smoker", "stage") for value in seen[name])
    assert [str(seen[name].dtype) for name in seen.columns[4:]] == ["float64", "float64", "int64", "int64"]
    np.testing.assert_array_equal(seen["weight"].isna(), train.is_gap("weight"))
    np.testing.assert_array_equal(seen["stage"] == "missing", train.is_gap("stage"))


def test_rows_are_whole_and_match_the_condition() -> None:
    generator, split = fitted(Bootstrap), make_mixed_split("own")
    context = SampleContext(device="cpu", seed=2)
    asked = split.test.conditions
    made = check_sample(generator.sample(asked, context), asked, like=split.train, plugin="adapted")
    columns = ["ward", "colour", "smoker", "stage", "weight is missing", "size", "visits"]
    known = set(map(tuple, split.train.to_frame()[columns].astype(str).to_numpy()))
    assert set(map(tuple, made.to_frame()[columns].astype(str).to_numpy())) <= known
    assert made.is_gap("weight").any()
    assert not context.fallbacks
    assert generator.sample(asked.iloc[:0], context).n_rows == 0


def test_a_model_that_rarely_makes_a_condition_is_recorded() -> None:
    class OnlyA(Bootstrap):
        def fit(self, frame: pd.DataFrame) -> None:
            self.frame = frame[frame["ward"] == "A"]

    generator, split = fitted(OnlyA, rounds=2), make_mixed_split("own")
    context = SampleContext(device="cpu", seed=2)
    made = generator.sample(split.test.conditions, context)
    n = int((split.test.obs["ward"] == "B").sum())
    assert [(f.condition, f.rows) for f in context.fallbacks] == [("ward=B", n)]
    assert "2 rounds made too few" in context.fallbacks[0].rule
    assert list(made.obs["ward"]) == list(split.test.obs["ward"])


def test_a_condition_without_training_rows_takes_the_nearest() -> None:
    split = make_mixed_split("own")
    generator = fitted(Bootstrap, rows=np.flatnonzero(split.train.obs["ward"] == "A"))
    context = SampleContext(device="cpu", seed=2)
    generator.sample(split.test.conditions, context)
    assert [(f.condition, f.rule) for f in context.fallbacks] == [("ward=B", "nearest known condition: ward=A")]


def test_sorted_samples_are_not_cut_off() -> None:
    class Sorted(Bootstrap):
        def sample(self, n: int) -> pd.DataFrame:
            return super().sample(n).sort_values("size")

    generator, split = fitted(Sorted), make_mixed_split("own")
    asked = split.test.conditions[split.test.obs["ward"] == "B"]
    made = generator.sample(asked, SampleContext(device="cpu", seed=2))
    real = split.train.X[(split.train.obs["ward"] == "B").to_numpy(), 0]
    assert made.X[:, 0].mean() == pytest.approx(real.mean(), abs=0.6)


def test_global_generators_are_seeded_and_restored() -> None:
    class Noise(Bootstrap):
        def fit(self, frame: pd.DataFrame) -> None:
            super().fit(frame)
            self.draws = (random.random(), np.random.random(), _torch_random())

    states = random.getstate(), np.random.get_state()[1].tobytes()  # type: ignore[index]
    draws = []
    for seed in (3, 4):
        random.seed(seed)
        before = random.getstate()
        draws.append(fitted(Noise)._model.draws)
        assert random.getstate() == before
    random.setstate(states[0])
    assert draws[0] == draws[1]
    assert np.random.get_state()[1].tobytes() == states[1]  # type: ignore[index]


def _torch_random() -> float:
    import torch

    return torch.rand(1).item()


def test_options_reach_the_model() -> None:
    class Size(Options):
        n: int = Field(3, description="a number")

    class Sized(Bootstrap):
        def __init__(self, n: int) -> None:
            self.n = n

    kind = adapt(Sized, name="sized", card="With an option.", options=Size)
    generator = kind(kind.Config.model_validate({"n": 7}))
    generator.fit(make_mixed_split("own").train, None, FitContext(device="cpu", seed=1))
    assert generator._model.n == 7


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (lambda frame, n: frame.to_numpy(), "returned ndarray, expected a DataFrame"),
        (lambda frame, n: frame.drop(columns="colour"), "returned no column 'colour'"),
        (lambda frame, n: frame.iloc[:0], "the model sampled no row"),
        (lambda frame, n: frame.assign(size="tall"), "column 'size' of .*, expected numbers"),
        (lambda frame, n: frame.assign(colour="green"), "returned colour='green' in row 0, expected one of"),
        (lambda frame, n: frame.assign(size=np.nan), "returned nan in row 0, feature 'size'"),
    ],
)
def test_wrong_samples_are_one_clear_sentence(sample: Any, message: str) -> None:
    class Wrong(Bootstrap):
        def sample(self, n: int) -> Any:
            return sample(self.frame, n)

    generator, split = fitted(Wrong), make_mixed_split("own")
    asked = split.test.conditions

    def sampled() -> None:
        made = generator.sample(asked, SampleContext(device="cpu", seed=2))
        check_sample(made, asked, like=split.train, plugin="adapted")

    with pytest.raises(PluginError, match=message):
        sampled()
