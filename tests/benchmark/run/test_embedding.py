"""Embedding of rows and prediction of labels after the last draw, and what metrics get of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tabgenbench
from tabgenbench import (
    Card,
    EmbeddingModel,
    Evaluation,
    Generator,
    MemorySource,
    Metric,
    MetricContext,
    Result,
    ScoreSpec,
    Unsupported,
)
from tabgenbench.errors import TabGenBenchError
from tabgenbench.interfaces.contract import check_generator, failures
from tabgenbench.records import ScoreRecord
from tabgenbench.store.store import Store


class Latent(Generator):
    """Training rows; the first two features and the third are its blocks."""

    name = "latent"
    card = Card(summary="training rows")
    marker = "z"

    def fit(self, train: Any, validation: Any, context: Any) -> None:
        self.train = train

    def sample(self, conditions: pd.DataFrame, context: Any) -> Any:
        return self.train.like(self.train.dense()[np.arange(len(conditions)) % self.train.n_rows], conditions)

    def embed(self, table: Any) -> dict[str, Any]:
        assert list(table.obs.columns) == ["site"]
        assert table.schema.conditions == ()
        assert table.obs.index[0] == "row-0"
        return {"first": table.dense()[:, :2], "second": table.dense()[:, 2:]}

    def predict(self, table: Any, column: str) -> Any:
        assert "sex" not in table.obs
        if column != "sex":
            raise Unsupported(f"does not predict {column}")
        return np.where(table.dense()[:, 0] > 0, "f", "m")


class Fails(Latent):
    name = "fails"

    def embed(self, table: Any) -> dict[str, Any]:
        return {"first": np.zeros((3, 2))}

    def predict(self, table: Any, column: str) -> Any:
        if column != "sex":
            raise Unsupported("no")
        raise ValueError("cannot predict")


class Plain(Latent):
    name = "plain"
    embed = None  # type: ignore[assignment]
    predict = None  # type: ignore[assignment]


class Reads(Metric):
    """Compares what a model embeds with the rows."""

    name = "reads"
    requires = ("embedding", "predictions")
    scores = (ScoreSpec(name="difference", direction="lower"), ScoreSpec(name="correct", direction="higher"))

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        assert evaluation.embedding is not None
        assert evaluation.train_embedding is not None
        assert evaluation.predictions is not None
        assert list(evaluation.embedding) == ["first", "second"]
        test = abs(np.hstack(list(evaluation.embedding.values())) - evaluation.test.X).max()
        train = abs(np.hstack(list(evaluation.train_embedding.values())) - evaluation.train.X).max()
        assert list(evaluation.predictions) == ["sex"]
        correct = evaluation.predictions["sex"] == np.where(evaluation.test.X[:, 0] > 0, "f", "m")
        return Result({"difference": float(max(test, train)), "correct": float(correct.mean())})


@pytest.fixture(scope="module")
def people() -> MemorySource:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    frame["sex"], frame["age"] = np.resize(["f", "m"], 60), np.resize(["old", "old", "new"], 60)
    frame["site"] = np.resize(["x", "y"], 60)
    return MemorySource(frame, conditions=["sex", "age"], batch="site", name="people")


@pytest.fixture(scope="module")
def store(people: MemorySource, tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("embedding") / "store"
    board = tabgenbench.benchmark(
        people, [Latent, Fails, Plain], metrics=[Reads], splits=1, draws=2, store=root, executor="inline"
    )
    assert board is not None
    return Store(root)


def record_of(store: Store, name: str) -> Any:
    return next(record for record in store.cells() if record.cell.generator == name)


def score_of(store: Store, cell: Any) -> ScoreRecord:
    (path,) = (store.cell_folder(cell.key) / "scores").glob("*.json")
    return ScoreRecord.model_validate_json(path.read_bytes())


def test_metrics_get_blocks_of_training_and_test_rows_and_predictions(store: Store) -> None:
    cell = record_of(store, "latent")
    assert cell.embedding_hash
    score = score_of(store, cell)
    assert [draw.scores for draw in score.draws] == [{"difference": 0.0, "correct": 1.0}] * 2


def test_a_wrong_embedding_is_noted_and_the_cell_remains(store: Store) -> None:
    cell = record_of(store, "fails")
    assert cell.status == "ok"
    assert cell.embedding_hash == ""
    wrong, raised = (note for note in cell.notes if note.startswith("no "))
    assert "block 'first' of shape (3, 2) and type float64, expected numbers of shape (60, 1 or more)" in wrong
    assert raised == "no predictions of 'sex': predict() raised ValueError: cannot predict"


def test_a_metric_of_embeddings_is_not_computed_for_other_models(store: Store) -> None:
    cell = record_of(store, "plain")
    assert cell.embedding_hash == ""
    assert score_of(store, cell).reason == "metric 'reads' needs embedding, which this model does not have"


def test_a_damaged_embedding_is_noticed(store: Store, tmp_path: Path) -> None:
    cell = record_of(store, "latent")
    path = store.embedding_path(cell.key)
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1])
        assert not store.draws_are_whole(cell)
    finally:
        path.write_bytes(content)
    assert store.draws_are_whole(cell)


class Coordinates(EmbeddingModel):
    name = "coordinates"
    card = Card(summary="the features themselves")

    def fit(self, train: Any, validation: Any, context: Any) -> None:
        """Learn nothing."""

    def embed(self, table: Any) -> dict[str, Any]:
        return {"latent": table.dense()}


class Sums(Metric):
    """Counts the embedded rows; reads no synthetic rows."""

    name = "sums"
    requires = ("embedding",)
    reads_synthetic = False
    scores = (ScoreSpec(name="rows", direction="higher"),)

    def compute(self, evaluation: Evaluation, context: MetricContext) -> Result:
        assert evaluation.embedding is not None
        assert evaluation.synthetic.n_rows == 0
        return Result({"rows": float(len(next(iter(evaluation.embedding.values()))))})


@pytest.fixture(scope="module")
def without_draws(people: MemorySource, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Store]:
    root = tmp_path_factory.mktemp("no-draws") / "store"
    generators, metrics = [Coordinates, Latent, Plain, Fails], [Sums, Reads]
    board = tabgenbench.benchmark(people, generators, metrics=metrics, splits=2, draws=0, store=root, executor="inline")
    return board, Store(root)


def test_without_draws_embeddings_are_scored_once(without_draws: tuple[Any, Store]) -> None:
    board, store = without_draws
    cell = record_of(store, "coordinates")
    assert cell.draw_hashes == []
    assert store.draws_are_whole(cell)
    scores = {path.metric: path for path in scores_of(store, cell)}
    assert [(draw.draw, draw.scores) for draw in scores["sums"].draws] == [(0, {"rows": float(cell.cell.n_test)})]
    assert "needs predictions" in scores["reads"].reason
    found = board.scores
    assert set(found.loc[found["score"] == "rows", "value"].dropna()) == {cell.cell.n_test}


def test_without_draws_a_wrong_embedding_fails_the_cell(without_draws: tuple[Any, Store]) -> None:
    cell = record_of(without_draws[1], "fails")
    assert cell.status == "failed"
    assert "block 'first' of shape (3, 2)" in cell.reason


def test_without_draws_a_metric_of_synthetic_rows_is_skipped(without_draws: tuple[Any, Store]) -> None:
    _, store = without_draws
    scores = {record.metric: record for record in scores_of(store, record_of(store, "latent"))}
    assert scores["reads"].reason == "metric 'reads' needs synthetic rows, which a suite with draws = 0 does not have"


def test_without_draws_a_generator_that_embeds_nothing_is_refused(without_draws: tuple[Any, Store]) -> None:
    _, store = without_draws
    cell = record_of(store, "plain")
    assert cell.status == "skipped"
    assert cell.reason == "has no method embed or predict, and the suite has draws = 0; run it in a suite with draws"


def test_a_model_that_only_embeds_is_refused_in_a_suite_with_draws(people: MemorySource, tmp_path: Path) -> None:
    with pytest.raises(TabGenBenchError) as found:
        tabgenbench.benchmark(
            people, [Coordinates], metrics=[Sums], splits=1, draws=1, store=tmp_path / "store", executor="inline"
        )
    reason = "only embeds rows, and the suite has draws = 1; run it in a suite with draws = 0"
    assert str(found.value).endswith(reason)


def scores_of(store: Store, cell: Any) -> list[ScoreRecord]:
    paths = (store.cell_folder(cell.key) / "scores").glob("*.json")
    return [ScoreRecord.model_validate_json(path.read_bytes()) for path in paths]


def test_the_contract_of_a_model_that_only_embeds() -> None:
    assert failures(check_generator(Coordinates)) == []


def test_the_contract_finds_an_embedding_that_depends_on_the_order() -> None:
    class Ordered(Coordinates):
        name = "ordered"

        def embed(self, table: Any) -> dict[str, Any]:
            return {"latent": np.arange(table.n_rows, dtype=np.float32)[:, None]}

    (problem,) = failures(check_generator(Ordered))
    assert "block 'latent' of embed() depends on the order of rows" in problem
