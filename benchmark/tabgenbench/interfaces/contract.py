"""Checks on small tables whether a generator or metric obeys its contract (the rules for plugins).

from tabgenbench import check_generator, failures
assert failures(check_generator(MyGenerator, epochs=5)) == []
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench.data.table import Table
from tabgenbench.errors import TabGenBenchError, Unsupported
from tabgenbench.interfaces.checks import check_estimate, check_makes, check_sample, score_draw
from tabgenbench.interfaces.contract_table import KitSplit, make_count_split, make_kit_split, make_mixed_split
from tabgenbench.interfaces.device_split import upload
from tabgenbench.interfaces.embedder import (
    Embedder,
    LabelPredictor,
    check_embedding,
    check_predictions,
    without_labels,
)
from tabgenbench.interfaces.evaluation import Evaluation, Side
from tabgenbench.interfaces.generator import FitContext, Generator, SampleContext
from tabgenbench.interfaces.metric import Metric, MetricContext
from tabgenbench.interfaces.persistent import Persistent
from tabgenbench.options import Options, make_options
from tabgenbench.records import ScoreSpec

__all__ = ["Check", "check_generator", "check_metric", "failures"]

ROUNDING = 1e-3  # reordered rows change scores by rounding errors, which single precision amplifies
FEW = 25  # rows requested for the condition with one training row


@dataclass(frozen=True)
class Check:
    """Result of checking one rule (clause) of the contract; ``reason`` is empty if the rule is satisfied."""

    title: str
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the rule is satisfied."""
        return not self.reason


def failures(checks: Iterable[Check]) -> list[str]:
    """Return the title of each failed check and the reason of the failure, as ``title: reason``."""
    return [f"{check.title}: {check.reason}" for check in checks if not check.ok]


def check_generator(kind: type[Generator], **options: Any) -> list[Check]:
    """Train and sample a generator several times on small tables, and return the results of all checks.

    The checks run on the CPU.

    A generator that accepts only counts is checked on a table of counts. A generator that supports categorical features
    is also checked on a mixed table (numeric and categorical features) and on a table of categorical features only.

    Args:
        kind: the plugin class.
        options: options of the generator, such as few epochs.

    Raises:
        ConfigError: an option is unknown or invalid.
    """
    config = make_options(kind.Config, options, where=f"generator {kind.name!r}")
    split = _numeric_split(kind)
    subject = _Subject(kind, config, split)
    mixed = _Subject(kind, config, make_mixed_split(kind.scale))
    alone = _Subject(kind, config, make_mixed_split(kind.scale, numeric=False))
    is_kept = issubclass(kind, Persistent)
    embeds = [("rows without labels are embedded and predicted", subject.embeds_rows)]
    start: list[tuple[str, Callable[[], None]]] = [
        ("the card has a summary", lambda: _check_card(kind)),
        ("every option has a description, unknown options are refused", lambda: _check_options(kind.Config)),
        ("a small table is supported, the memory estimate is bytes or None", subject.declines_nothing),
    ]
    if not kind.samples:
        return _run([*start, *embeds])
    for_mixed: list[tuple[str, Callable[[], None]]] = [
        ("a mixed table is supported", mixed.declines_nothing),
        ("a mixed table has known categories, gaps only where training rows have some", mixed.samples_what_is_asked),
        ("equal seeds give equal mixed rows", mixed.repeats),
        ("mixed training rows are not changed", mixed.leaves_its_inputs),
        ("a table of categories alone is sampled", alone.samples_what_is_asked),
        ("another seed gives other categories", alone.varies),
        *([("a generator of mixed rows is saved and loaded", mixed.persists)] if is_kept else []),
    ]
    return _run(
        [
            *start,
            ("rows, features, scale and conditions are as requested, values are finite", subject.samples_what_is_asked),
            ("a condition with one training row is sampled", subject.serves_a_rare_condition),
            ("equal seeds give equal bytes for any global random state", subject.repeats),
            ("another seed gives different rows", subject.varies),
            ("training rows and conditions are not changed", subject.leaves_its_inputs),
            ("the global random state is not changed", subject.leaves_global_state),
            *([("a saved generator samples equal rows once it is loaded", subject.persists)] if is_kept else []),
            *(embeds if issubclass(kind, (Embedder, LabelPredictor)) else []),
            *(for_mixed if "categorical" in kind.makes else []),
        ]
    )


def check_metric(kind: type[Metric], **options: Any) -> list[Check]:
    """Compute a metric several times on small tables, and return the results of all checks.

    The checks run on the CPU.

    The checks use a table of numeric features. If the metric does not support this table, they use a mixed table or, if
    the metric does not support that table either, a table of counts. A metric need not support mixed or categorical
    tables, but its `Unsupported` error must state the reason.

    Args:
        kind: the plugin class.
        options: options of the metric.

    Raises:
        ConfigError: an option is unknown or invalid.
    """
    metric = kind(make_options(kind.Config, options, where=f"metric {kind.name!r}"))
    subject = _Yardstick(metric, make_kit_split())
    if subject.declines():
        others = (_Yardstick(metric, split) for split in (make_mixed_split(), make_count_split("own")))
        subject = next((other for other in others if not other.declines()), subject)
    return _run(
        [
            ("every option has a description, unknown options are refused", lambda: _check_options(kind.Config)),
            ("every score has a direction, a valid range and a description", subject.declares_its_scores),
            ("the declared scores are returned, finite and in range", subject.gives_what_it_declares),
            ("equal rows give equal scores", subject.repeats),
            ("ranked scores do not depend on the order of synthetic rows", subject.ignores_the_order_of_rows),
            ("real rows score no worse than shuffled rows", subject.prefers_real_rows),
            ("tables are not changed", subject.leaves_its_inputs),
            ("the global random state is not changed", subject.leaves_global_state),
            ("a mixed table gives the declared scores or is declined with a reason", subject.scores_mixed_tables),
        ]
    )


def _numeric_split(kind: type[Generator]) -> KitSplit:
    numbers = make_kit_split(kind.scale)
    try:
        kind.supports(numbers.train.schema, numbers.train.n_rows, numbers.train.n_features)
    except Unsupported:
        counts = make_count_split(kind.scale)
        try:
            kind.supports(counts.train.schema, counts.train.n_rows, counts.train.n_features)
        except Unsupported:
            return numbers
        return counts
    except Exception:  # a clause reports it
        return numbers
    return numbers


class _Broken(Exception):
    """A plugin violates a rule of its contract; the message explains how."""


def _run(clauses: Iterable[tuple[str, Callable[[], None]]]) -> list[Check]:
    checks: list[Check] = []
    for title, clause in clauses:
        reason = ""
        try:
            clause()
        except Unsupported as error:
            return [*checks, Check(title, f"declined, so the remaining clauses are not checked: {error}")]
        except (_Broken, TabGenBenchError) as error:
            reason = str(error)
        except Exception as error:  # a plugin may raise anything
            reason = f"{type(error).__name__}: {error}"
        checks.append(Check(title, " ".join(reason.split())))
    return checks


def _check_card(kind: type[Generator]) -> None:
    if not kind.card.summary.strip():
        raise _Broken("card.summary is empty; say in one sentence what the model is")


def _check_options(config: type[Options]) -> None:
    if config.model_config.get("extra") != "forbid" or not config.model_config.get("frozen"):
        raise _Broken("Config accepts unknown options or is mutable; derive it from tabgenbench.Options")
    silent = [name for name, field in config.model_fields.items() if not field.description]
    if silent:
        raise _Broken(f"options without a description: {', '.join(silent)}; write Field(..., description=...)")


class _Subject:
    """The generator under test."""

    def __init__(self, kind: type[Generator], config: Options, split: KitSplit) -> None:
        self.kind, self.config, self.split = kind, config, split

    def fitted(self) -> Generator:
        train, validation = self.split.train, self.split.validation
        generator = self.kind(self.config)
        tensors = upload(train, validation, "cpu")
        generator.fit(train, validation, FitContext(device="cpu", seed=1, make_device_split=lambda: tensors))
        return generator

    def sampled(self, generator: Generator, conditions: pd.DataFrame, *, seed: int = 2) -> Table:
        made = generator.sample(conditions.copy(), SampleContext(device="cpu", seed=seed))
        return check_sample(made, conditions, like=self.split.train, plugin=self.kind.name)

    def declines_nothing(self) -> None:
        train = self.split.train
        size = (train.schema, train.n_rows, train.n_features)
        check_makes(self.kind, train.schema)
        self.kind.supports(*size)
        check_estimate(self.kind(self.config).estimate_memory(*size), plugin=self.kind.name)

    def samples_what_is_asked(self) -> None:
        generator = self.fitted()
        self.sampled(generator, self.split.test.conditions)
        self.sampled(generator, self.split.test.conditions.iloc[::-1])

    def serves_a_rare_condition(self) -> None:
        conditions = self.split.train.conditions
        rare = ((conditions["tissue"] == "liver") & (conditions["status"] == "cancer")).to_numpy()
        asked = conditions.iloc[np.flatnonzero(rare).repeat(FEW)]
        self.sampled(self.fitted(), asked.set_axis([f"asked-{i}" for i in range(FEW)]))

    def repeats(self) -> None:
        asked, made = self.split.test.conditions, []
        with _kept_random_state():
            for seed in (11, 12):
                _seed_everything(seed)
                made.append(self.sampled(self.fitted(), asked))
        if made[0].dense().tobytes() != made[1].dense().tobytes():
            largest = float(np.abs(made[0].dense() - made[1].dense()).max())
            raise _Broken(f"values differ by up to {largest:.3g}; draw from context.numpy and context.torch alone")
        if not made[0].obs.equals(made[1].obs):
            raise _Broken("categories differ; draw from context.numpy and context.torch alone")

    def varies(self) -> None:
        if self.kind.is_control:  # a control may be constant
            return
        generator, asked = self.fitted(), self.split.test.conditions
        first, second = (self.sampled(generator, asked, seed=seed) for seed in (2, 3))
        if np.array_equal(first.dense(), second.dense()) and first.obs.equals(second.obs):
            raise _Broken("two seeds of sample() gave the same rows; draw from context.numpy or context.torch")

    def embeds_rows(self) -> None:
        generator, rows = self.fitted(), without_labels(self.split.test)
        if isinstance(generator, Embedder):
            found = check_embedding(generator.embed(rows), n_rows=rows.n_rows, plugin=self.kind.name)
            back = np.arange(rows.n_rows)[::-1]
            for name, block in generator.embed(rows.take(back)).items():
                if not self.kind.is_control and not np.allclose(block[back], found[name], rtol=1e-3, atol=1e-3):
                    raise _Broken(f"block {name!r} of embed() depends on the order of rows; embed each row by itself")
        if isinstance(generator, LabelPredictor):
            for column in self.split.test.schema.conditions:
                with suppress(Unsupported):
                    labels = generator.predict(rows, column)
                    check_predictions(labels, n_rows=rows.n_rows, plugin=self.kind.name, column=column)

    def leaves_its_inputs(self) -> None:
        before = (self.split.train.fingerprint(), self.split.validation.fingerprint())
        generator, asked = self.fitted(), self.split.test.conditions
        given = asked.copy()
        made = generator.sample(given, SampleContext(device="cpu", seed=2))
        if not given.equals(asked):
            raise _Broken("sample() changed its conditions; copy them first")
        if before != (self.split.train.fingerprint(), self.split.validation.fingerprint()):
            raise _Broken("fit() or sample() changed its rows; copy them first")
        if made.n_features and np.may_share_memory(made.dense(), self.split.train.dense()):
            raise _Broken("sample() returned a view of the training rows; copy them first")

    def persists(self) -> None:
        saved, asked = self.fitted(), self.split.test.conditions
        assert isinstance(saved, Persistent)  # else this clause is not checked
        with tempfile.TemporaryDirectory() as name:
            saved.save(Path(name))
            if not any(Path(name).rglob("*")):
                raise _Broken("save() wrote no file; use save_arrays(folder, arrays, facts)")
            template = self.split.train.take([])
            loaded = type(saved).load(Path(name), self.config, template=template, device="cpu")
        first, second = self.sampled(saved, asked), self.sampled(loaded, asked)
        if first.dense().tobytes() != second.dense().tobytes() or not first.obs.equals(second.obs):
            raise _Broken("load() returned a generator that samples other rows; save everything that sample() uses")

    def leaves_global_state(self) -> None:
        with _kept_random_state():
            before = _random_state()
            self.sampled(self.fitted(), self.split.test.conditions)
            _check_random_state(before)


class _Yardstick:
    """The metric under test."""

    def __init__(self, metric: Metric, split: KitSplit) -> None:
        self.metric, self.split = metric, split
        rng = np.random.default_rng(5)
        values, categories = split.test.dense(), split.test.categories
        noise = rng.normal(scale=0.5, size=values.shape)
        self.synthetic = self.rows(values + noise, categories)
        permuted = rng.permuted(values, axis=0)
        shuffled = {name: rng.permutation(categories[name].astype(object)) for name in categories}
        self.shuffled = self.rows(permuted, pd.DataFrame(shuffled, index=categories.index))

    def rows(self, values: NDArray[np.floating], categories: pd.DataFrame) -> Table:
        return self.split.test.like(values, self.split.test.conditions, categories if categories.shape[1] else None)

    def declines(self) -> bool:
        try:
            self.scores(self.synthetic)
        except Unsupported:
            return True
        except Exception:  # a clause reports it
            return False
        return False

    def scores(self, synthetic: Table) -> dict[str, float]:
        """Compute and check the metric's result for a synthetic table, and return the scores that have a value."""
        split = self.split
        evaluation = Evaluation(split.train, split.test, synthetic, split.transform)
        if split.transform.library is not None:
            transform, stored = split.transform, split.transform.to_store(synthetic)
            counts: dict[Side, Table] = {"train": split.train, "test": split.test, "synthetic": stored}
            train, test, made = (transform.apply(table) for table in counts.values())
            evaluation = Evaluation(train, test, made, transform, counts=counts)
        return dict(score_draw(self.metric, evaluation, MetricContext(seed=3)).scores)

    def declares_its_scores(self) -> None:
        names = [spec.name for spec in self.metric.scores]
        if not names or len(set(names)) < len(names):
            raise _Broken(f"scores are {names}, expected at least one, without repeated names")
        for spec in self.metric.scores:
            if spec.direction not in ("higher", "lower", "one"):
                raise _Broken(f"score {spec.name!r} has direction {spec.direction!r}, expected higher, lower or one")
            if spec.low is not None and spec.high is not None and spec.low >= spec.high:
                raise _Broken(f"score {spec.name!r} ranges from {spec.low} to {spec.high}")
            if not spec.description.strip():
                raise _Broken(f"score {spec.name!r} has no description; say in one sentence what it measures")

    def gives_what_it_declares(self) -> None:
        self.scores(self.synthetic)

    def repeats(self) -> None:
        self._check_equal(self.scores(self.synthetic), self.scores(self.synthetic), tolerance=0.0)

    def ignores_the_order_of_rows(self) -> None:
        order = np.random.default_rng(6).permutation(self.synthetic.n_rows)
        ranked = {
            spec.name for spec in self.metric.scores if spec.ranked
        }  # unranked scores, such as those of a UMAP layout, may depend on the order of rows
        first, second = (
            {name: value for name, value in self.scores(synthetic).items() if name in ranked}
            for synthetic in (self.synthetic, self.synthetic.take(order))
        )
        self._check_equal(first, second, tolerance=ROUNDING)

    def prefers_real_rows(self) -> None:
        best = self.scores(self.rows(self.split.test.dense().copy(), self.split.test.categories))
        worse = self.scores(self.shuffled)
        for spec in self.metric.scores:
            real, other = best.get(spec.name), worse.get(spec.name)
            if real is None or other is None:
                continue
            if _badness(spec, real) > _badness(spec, other) + ROUNDING * max(1.0, abs(other)):
                raise _Broken(f"{spec.name} ({spec.direction}): {real:.4g} for the test rows, {other:.4g} shuffled")

    def leaves_its_inputs(self) -> None:
        tables = (self.split.train, self.split.test, self.synthetic)
        before = [table.fingerprint() for table in tables]
        self.scores(self.synthetic)
        if before != [table.fingerprint() for table in tables]:
            raise _Broken("compute() changed one of its tables; copy it first")

    def leaves_global_state(self) -> None:
        with _kept_random_state():
            before = _random_state()
            self.scores(self.synthetic)
            _check_random_state(before)

    def scores_mixed_tables(self) -> None:
        for numeric, which in ((True, "a mixed table"), (False, "a table of categories alone")):
            split = make_mixed_split(numeric=numeric)
            test, order = split.test, np.random.default_rng(7).permutation(split.test.n_rows)
            synthetic = test.like(test.dense()[order], test.conditions, test.categories.iloc[order])
            evaluation = Evaluation(split.train, test, synthetic, split.transform)
            try:
                score_draw(self.metric, evaluation, MetricContext(seed=3))
            except Unsupported as error:
                if not str(error).strip():
                    raise _Broken(f"{which} is declined without a reason; write Unsupported(...)") from None
            except Exception as error:  # a plugin may raise anything
                raise _Broken(f"{which}: {type(error).__name__}: {error}; raise Unsupported to decline it") from error

    def _check_equal(self, first: dict[str, float], second: dict[str, float], *, tolerance: float) -> None:
        if first.keys() != second.keys():
            raise _Broken(f"scores {sorted(first)} have a value at first, {sorted(second)} at the second time")
        for name, value in first.items():
            if abs(value - second[name]) > tolerance * max(1.0, abs(value)):
                raise _Broken(f"{name} is {value!r} at first, {second[name]!r} at the second time")


def _badness(spec: ScoreSpec, value: float) -> float:
    return {"higher": -value, "lower": value, "one": abs(value - 1.0)}[spec.direction]


def _random_state() -> dict[str, Any]:
    import torch

    state: Any = np.random.get_state(legacy=False)
    return {
        "random": random.getstate(),
        "numpy.random": (state["state"]["key"].tobytes(), state["state"]["pos"], state["has_gauss"]),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


def _check_random_state(before: dict[str, Any]) -> None:
    now = _random_state()
    changed = [name for name, state in before.items() if state != now[name]]
    if changed:
        raise _Broken(f"the global state of {', '.join(changed)} changed; draw from generators with the context's seed")


def _seed_everything(seed: int) -> None:
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def _kept_random_state() -> Iterator[None]:
    import torch

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
