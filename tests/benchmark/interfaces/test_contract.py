"""Each violation of the contract is found by the clause that concerns it, and by no other clause."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel, Field

from tabgenbench import (
    Card,
    Check,
    ConfigError,
    Evaluation,
    Generator,
    Metric,
    MetricContext,
    Options,
    Result,
    ScoreSpec,
    Table,
    Unsupported,
    check_generator,
    check_metric,
    failures,
    load_arrays,
    save_arrays,
)


class Resample(Generator):
    """Random training rows with the requested conditions."""

    name = "resample"
    card = Card("training rows at random")

    class Config(Options):
        """Options of `Resample`."""

        noise: float = Field(0.1, ge=0, description="standard deviation of the noise")

    config: Config

    def fit(self, train: Table, validation: Table | None, context: Any) -> None:
        """Keep the rows."""
        self.train = train

    def sample(self, conditions: pd.DataFrame, context: Any) -> Table:
        """Draw rows."""
        rows = context.numpy.integers(0, self.train.n_rows, len(conditions))
        noise = context.numpy.normal(0, self.config.noise, (len(conditions), self.train.n_features))
        return self.train.like(self.train.dense()[rows] + noise, conditions)


class OnOwnScale(Resample):
    scale = "own"


class ConstantControl(Resample):
    is_control = True

    def sample(self, conditions: pd.DataFrame, context: Any) -> Table:
        return self.train.like(np.ones((len(conditions), self.train.n_features)), conditions)


class Constant(ConstantControl):
    is_control = False


class NoSummary(Resample):
    card = Card(" ")


class SilentOption(Resample):
    class Config(Options):
        noise: float = 0.1


class LooseOptions(Resample):
    class Config(BaseModel):  # type: ignore[assignment]  # what is wrong with it
        noise: float = Field(0.1, description="standard deviation of the noise")


class Declines(Resample):
    @classmethod
    def supports(cls, schema: Any, n_rows: int, n_features: int) -> None:
        raise Unsupported("needs the moon")


class BadEstimate(Resample):
    def estimate_memory(self, schema: Any, n_rows: int, n_features: int) -> int | None:
        return -3


class Short(Resample):
    def sample(self, conditions: pd.DataFrame, context: Any) -> Table:
        return super().sample(conditions.iloc[1:], context)


class NeedsTwo(Resample):
    def sample(self, conditions: pd.DataFrame, context: Any) -> Table:
        if len(conditions.drop_duplicates()) == 1:
            raise ValueError("one row has no spread")
        return super().sample(conditions, context)


class GlobalSeed(Resample):
    def sample(self, conditions: pd.DataFrame, context: Any) -> Table:
        made = super().sample(conditions, context)
        return made.like(made.dense() + np.random.get_state()[1][:1] % 7, conditions)


class DrawsGlobally(Resample):
    def sample(self, conditions: pd.DataFrame, context: Any) -> Table:
        random.random()
        return super().sample(conditions, context)


class Writes(Resample):
    def fit(self, train: Table, validation: Table | None, context: Any) -> None:
        super().fit(train, validation, context)
        train.X[0, 0] = np.nextafter(train.X[0, 0], np.float32(np.inf))


class Relabels(Resample):
    def sample(self, conditions: pd.DataFrame, context: Any) -> Table:
        made = super().sample(conditions.copy(), context)
        conditions["seen"] = "yes"
        return made


class Saves(Resample):
    def fit(self, train: Table, validation: Table | None, context: Any) -> None:
        self.train, self.values = train.take([]), train.dense().copy()

    def sample(self, conditions: pd.DataFrame, context: Any) -> Table:
        rows = context.numpy.integers(0, len(self.values), len(conditions))
        return self.train.like(self.values[rows], conditions)

    def save(self, folder: Path) -> None:
        save_arrays(folder, {"values": self.values})

    @classmethod
    def load(cls, folder: Path, config: Options, *, template: Table, device: str) -> Saves:
        made = cls(config)
        made.train, made.values = template, load_arrays(folder)[0]["values"]
        return made


class Forgets(Saves):
    def save(self, folder: Path) -> None:
        save_arrays(folder, {"values": self.values[:10]})


class SavesNothing(Saves):
    def save(self, folder: Path) -> None:
        pass


class SavesObjects(Saves):
    def save(self, folder: Path) -> None:
        save_arrays(folder, {"values": self.values, "options": np.array([self.config])})


CLAUSES = {
    "card": "the card has a summary",
    "options": "every option has a description, unknown options are refused",
    "serves": "a small table is supported, the memory estimate is bytes or None",
    "shape": "rows, features, scale and conditions are as requested, values are finite",
    "rare": "a condition with one training row is sampled",
    "repeats": "equal seeds give equal bytes for any global random state",
    "varies": "another seed gives different rows",
    "inputs": "training rows and conditions are not changed",
    "global": "the global random state is not changed",
}
SAVED = "a saved generator samples equal rows once it is loaded"


def broken(checks: list[Check]) -> set[str]:
    return {check.title for check in checks if not check.ok}


@pytest.mark.parametrize("kind", [Resample, OnOwnScale, ConstantControl])
def test_an_honest_generator_keeps_all_clauses(kind: type[Generator]) -> None:
    checks = check_generator(kind)
    assert failures(checks) == []
    assert [check.title for check in checks] == list(CLAUSES.values())


@pytest.mark.parametrize(
    ("kind", "clause", "words"),
    [
        (NoSummary, "card", "card.summary is empty"),
        (SilentOption, "options", "options without a description: noise"),
        (LooseOptions, "options", "derive it from tabgenbench.Options"),
        (Declines, "serves", "declined, so the remaining clauses are not checked: needs the moon"),
        (BadEstimate, "serves", "estimate_memory() returned -3, expected bytes or None"),
        (NeedsTwo, "rare", "ValueError: one row has no spread"),
        (Constant, "varies", "two seeds of sample() gave the same rows"),
        (GlobalSeed, "repeats", "draw from context.numpy and context.torch alone"),
        (DrawsGlobally, "global", "the global state of random changed"),
        (Writes, "inputs", "changed its rows"),
        (Relabels, "inputs", "sample() changed its conditions"),
    ],
)
def test_a_broken_clause_is_named(kind: type[Generator], clause: str, words: str) -> None:
    checks = check_generator(kind)
    assert broken(checks) == {CLAUSES[clause]}
    assert words in failures(checks)[0]


def test_a_generator_that_can_be_saved_has_one_clause_more() -> None:
    checks = check_generator(Saves)
    assert failures(checks) == []
    assert [check.title for check in checks] == [*CLAUSES.values(), SAVED]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Forgets, "load() returned a generator that samples other rows; save everything that sample() uses"),
        (SavesNothing, "save() wrote no file"),
        (SavesObjects, "array 'options' holds Python objects, expected numbers"),
    ],
)
def test_a_model_that_is_lost_is_named(kind: type[Generator], words: str) -> None:
    checks = check_generator(kind)
    assert broken(checks) == {SAVED}
    assert words in failures(checks)[0]


def test_what_never_gives_a_table_fails_wherever_one_is_needed() -> None:
    checks = check_generator(Short)
    assert f"{CLAUSES['shape']}: plugin 'resample': sample() returned 75 rows for 76 conditions" in failures(checks)
    assert broken(checks) >= {CLAUSES["shape"], CLAUSES["rare"], CLAUSES["repeats"]}


def test_options_are_given_and_checked() -> None:
    assert failures(check_generator(Resample, noise=0.0)) == []
    with pytest.raises(ConfigError, match="unknown option 'nois'; did you mean 'noise'"):
        check_generator(Resample, nois=1)


class MeanError(Metric):
    """Largest difference between real and synthetic means of a feature."""

    name = "mean-error"
    scores = (ScoreSpec(name="mean-error", direction="lower", low=0.0, description="largest difference of means"),)

    def score(self, evaluation: Evaluation) -> float:
        """Return the one score."""
        return float(
            np.abs(evaluation.test.dense().mean(axis=0) - evaluation.synthetic.dense().mean(axis=0)).max(initial=0.0)
        )

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        """Return the score."""
        return Result({self.scores[0].name: self.score(evaluation)})


class WrongDirection(MeanError):
    """A score for which real rows are best and higher is better."""

    scores = (ScoreSpec(name="agreement", direction="lower", low=0.0, high=1.0, description="1 - correlation error"),)

    def score(self, evaluation: Evaluation) -> float:
        if evaluation.test.n_features < 3:
            raise Unsupported("needs three numeric features")
        real, drawn = (np.corrcoef(side.dense()[:, :-1].T) for side in (evaluation.test, evaluation.synthetic))
        return float(1.0 / (1.0 + np.abs(real - drawn).mean()))


class FirstRow(MeanError):
    def score(self, evaluation: Evaluation) -> float:
        return float(np.abs(evaluation.synthetic.dense()[0]).sum())


class UnrankedFirstRow(FirstRow):
    scores = (ScoreSpec(name="first", direction="higher", description="the first row", ranked=False),)

    def score(self, evaluation: Evaluation) -> float:
        return -super().score(evaluation) * float(not np.array_equal(evaluation.synthetic.X, evaluation.test.X))


class Undeclared(MeanError):
    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        return Result({"other": 1.0})


class OutOfRange(MeanError):
    def score(self, evaluation: Evaluation) -> float:
        return -1.0


class NoSentence(MeanError):
    scores = (ScoreSpec(name="mean-error", direction="lower"),)


class Centres(MeanError):
    def score(self, evaluation: Evaluation) -> float:
        found = super().score(evaluation)
        evaluation.test.X[:] -= evaluation.test.X.mean(axis=0)
        return found


class NumericAlone(MeanError):
    def score(self, evaluation: Evaluation) -> float:
        return float(evaluation.test.dense().max() - evaluation.test.dense().max())


class DeclinesSilently(MeanError):
    def score(self, evaluation: Evaluation) -> float:
        if evaluation.test.schema.categorical_features:
            raise Unsupported("")
        return super().score(evaluation)


class CategoriesAlone(MeanError):
    def score(self, evaluation: Evaluation) -> float:
        if not evaluation.test.schema.categorical_features:
            raise Unsupported("needs categorical features")
        sides = (evaluation.test, evaluation.synthetic)
        return float(abs(np.subtract(*((side.categories == "red").to_numpy().mean() for side in sides))))


class NeedsEmbedding(MeanError):
    requires = ("embedding",)


METRIC_CLAUSES = {
    "scores": "every score has a direction, a valid range and a description",
    "gives": "the declared scores are returned, finite and in range",
    "order": "ranked scores do not depend on the order of synthetic rows",
    "identity": "real rows score no worse than shuffled rows",
    "inputs": "tables are not changed",
    "mixed": "a mixed table gives the declared scores or is declined with a reason",
}


@pytest.mark.parametrize("kind", [MeanError, UnrankedFirstRow, CategoriesAlone])
def test_an_honest_metric_keeps_all_clauses(kind: type[Metric]) -> None:
    checks = check_metric(kind)
    assert failures(checks) == []
    assert len(checks) == 9


@pytest.mark.parametrize(
    ("kind", "clause", "words"),
    [
        (NoSentence, "scores", "score 'mean-error' has no description"),
        (Undeclared, "gives", "returned scores ['other'], expected the declared ['mean-error']"),
        (OutOfRange, "gives", "score 'mean-error' is -1.0, expected a finite number from 0.0 to None"),
        (WrongDirection, "identity", "agreement (lower): 1 for the test rows"),
        (FirstRow, "order", "mean-error is"),
        (Centres, "inputs", "compute() changed one of its tables"),
        (NumericAlone, "mixed", "a table of categories alone: ValueError: zero-size array"),
        (DeclinesSilently, "mixed", "a mixed table is declined without a reason"),
        (
            NeedsEmbedding,
            "gives",
            "declined, so the remaining clauses are not checked: metric 'mean-error' needs embedding",
        ),
    ],
)
def test_a_broken_clause_of_a_metric_is_named(kind: type[Metric], clause: str, words: str) -> None:
    checks = check_metric(kind)
    assert METRIC_CLAUSES[clause] in broken(checks)
    assert any(words in line for line in failures(checks))
    if clause in ("scores", "identity", "order", "mixed"):
        assert broken(checks) == {METRIC_CLAUSES[clause]}
