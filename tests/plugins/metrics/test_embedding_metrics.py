"""Metrics of embeddings, on small embeddings with known content."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from tabgenbench import (
    ArtifactRow,
    Artifacts,
    ConfigError,
    Evaluation,
    Metric,
    MetricContext,
    Result,
    Schema,
    Table,
    Transform,
    Unsupported,
    drawing,
)
from tabgenbench_plugins.metrics.block_test import BlockTest
from tabgenbench_plugins.metrics.identifiability import Identifiability
from tabgenbench_plugins.metrics.label_prediction import LabelPrediction
from tabgenbench_plugins.metrics.parts import block_use
from tabgenbench_plugins.metrics.parts.factors import matched_correlation, within_groups
from tabgenbench_plugins.metrics.query_to_atlas import QueryToAtlas
from tabgenbench_plugins.metrics.scib import ScIB

SCHEMA = Schema(conditions=("cell_type", "condition"), batch="donor")
Blocks = dict[str, NDArray[np.float32]]


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_use, "N_TREES", 20)


def cells(n: int, seed: int) -> tuple[Table, Blocks]:
    """Cells of 3 types, 2 conditions, 3 donors; the invariant block has types and conditions, the other one donors."""
    rng = np.random.default_rng(seed)
    kind, state, donor = rng.integers(3, size=n), rng.integers(2, size=n), rng.integers(3, size=n)
    invariant = np.stack([4.0 * kind, 3.0 * state, np.zeros(n)], axis=1) + rng.normal(0, 0.7, size=(n, 3))
    spurious = (2.0 * donor + rng.normal(0, 0.3, size=n))[:, None]
    names = {"cell_type": np.array(list("ABC"))[kind], "condition": np.array(["well", "ill"])[state]}
    factors = {f"z_inv_{i + 1}": column for i, column in enumerate(invariant.T)} | {"z_spur_1": spurious[:, 0]}
    obs = pd.DataFrame({**names, "donor": np.array(list("xyz"))[donor], **factors})
    values = np.hstack([invariant, 3 * spurious]).astype(np.float32)
    table = Table(values, obs.set_axis([f"r{i}" for i in range(n)]), ("a", "b", "c", "d"), SCHEMA, scale="standardized")
    return table, {"invariant": invariant.astype(np.float32), "spurious": spurious.astype(np.float32)}


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    (train, known), (test, asked) = cells(240, 1), cells(180, 2)
    transform = Transform(np.zeros(4), np.ones(4), "linear", False)
    return Evaluation(train, test, test, transform, embedding=asked, train_embedding=known)


def compute(metric: Metric, evaluation: Evaluation) -> Result:
    return metric.compute(evaluation, MetricContext(seed=0))


@pytest.fixture(scope="module")
def blocks(evaluation: Evaluation) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_use, "N_TREES", 20)
        return compute(BlockTest(BlockTest.Config(figure_rows=60)), evaluation)


def test_separate_blocks_pass_the_block_test(blocks: Result) -> None:
    assert blocks.undefined == {}
    assert min(blocks.scores[name] for name in blocks.scores if name.endswith("share")) > 0.9
    assert abs(blocks.scores["batch-from-invariant"]) < 0.12
    assert blocks.scores["type-from-invariant"] > 0.4
    assert blocks.notes == ("dimensions by block: invariant 3 (0.750 of all), spurious 1 (0.250 of all)",)


def test_the_artifact_has_shares_beside_chance(blocks: Result) -> None:
    table = blocks.artifacts["blocks"]
    assert table["role"].tolist() == ["batch", "batch", "type", "type", "condition", "condition"]
    assert table["chance"].tolist() == [0.75, 0.25] * 3
    assert table.groupby("role")["share"].sum().tolist() == pytest.approx([1, 1, 1])


def test_a_leaking_block_is_found_and_one_block_has_no_shares(evaluation: Evaluation) -> None:
    whole = [{"latent": np.hstack(list(found.values()))} for found in _both(evaluation)]
    leaking = replace(evaluation, embedding=whole[1], train_embedding=whole[0])
    result = compute(BlockTest(BlockTest.Config(figure_rows=0)), leaking)
    assert result.scores["batch-from-invariant"] > 0.5
    assert result.undefined["type-invariant-share"] == "the embedding has one block"
    assert "places" not in result.artifacts


def test_unseen_donors_are_tested_on_halves_of_the_test_cells(evaluation: Evaluation) -> None:
    renamed = evaluation.train.obs.assign(donor="other")
    result = compute(
        BlockTest(BlockTest.Config(figure_rows=0)), replace(evaluation, train=replace(evaluation.train, obs=renamed))
    )
    assert "donor: classifiers are trained on one half of the test cells, tested on the other" in result.notes
    assert result.scores["batch-spurious-share"] > 0.9


def test_the_figures_show_shares_and_cells(blocks: Result) -> None:
    tables = {name: table.astype(str) for name, table in blocks.artifacts.items()}
    row = ArtifactRow(label="invae", is_control=False, split=0, draw=0, tables=tables)
    figures = list(BlockTest.figures(Artifacts("cells", (row,))))
    assert [figure.name for figure in figures] == ["blocks", "cells"]
    with drawing.drawing():
        shares, places = (figure.draw() for figure in figures)
    assert [text.get_text() for text in shares.axes[0].get_yticklabels()] == [
        f"invae: {role}" for role in ("batch", "type", "condition")
    ]
    assert [axis.get_title() for axis in places.axes[:2]] == ["invariant", "spurious"]
    assert len(places.axes) == 6


def test_scib_scores_the_first_block(evaluation: Evaluation) -> None:
    result = compute(ScIB(), evaluation)
    assert result.undefined == {}
    assert result.scores["scib-pcr-comparison"] > 0.9
    assert result.scores["scib-ilisi"] > 0.8
    assert result.scores["scib-clisi"] > 0.95
    assert set(result.scores) == {spec.name for spec in ScIB.scores}
    table = result.artifacts["scib"]
    assert table.groupby("group").size().to_dict() == {
        "aggregate score": 3,
        "batch correction": 5,
        "bio conservation": 5,
    }
    assert dict(zip("scib-" + table["score"], table["value"], strict=True)).items() <= result.scores.items()


def test_the_figure_of_scib_is_a_table_sorted_by_the_total() -> None:
    rows = []
    for label, total in (("bad", "0.2"), ("good", "0.75"), ("undefined", "")):
        lines = [["batch correction", "kbet", "0.5"], ["aggregate score", "total", total]][: 2 if total else 1]
        table = pd.DataFrame(lines, columns=["group", "score", "value"])
        rows.append(ArtifactRow(label=label, is_control=label == "bad", split=0, draw=0, tables={"scib": table}))
    (figure,) = ScIB.figures(Artifacts("cells", tuple(rows)))
    with drawing.drawing():
        (axis,) = figure.draw().axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["good", "bad", "undefined"]
    assert [text.get_fontstyle() for text in axis.get_yticklabels()] == ["normal", "italic", "normal"]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["kBET", "total"]
    assert [text.get_text() for text in axis.texts][:3] == ["0.50", "0.75", "0.50"]
    assert [len(axis.patches), len(axis.texts)] == [5, 7]  # two groups are named


@pytest.mark.parametrize(
    ("column", "words"), [("donor", "the batch column 'donor' has fewer"), ("cell_type", "the type column 'cell_type'")]
)
def test_scib_declines_one_batch_or_one_type(evaluation: Evaluation, column: str, words: str) -> None:
    test = replace(evaluation.test, obs=evaluation.test.obs.assign(**{column: "one"}))
    with pytest.raises(Unsupported, match=words):
        compute(ScIB(), replace(evaluation, test=test))


def test_an_unknown_column_is_named(evaluation: Evaluation) -> None:
    with pytest.raises(ConfigError, match="option 'type_column': 'celltype' is no condition column, expected one of"):
        compute(ScIB(ScIB.Config(type_column="celltype")), evaluation)


def test_labels_come_from_the_model_or_from_its_embedding(evaluation: Evaluation) -> None:
    given = {"cell_type": evaluation.test.obs["cell_type"].to_numpy()}
    result = compute(LabelPrediction(), replace(evaluation, predictions=given))
    assert result.scores["type-f1"] == 1.0
    assert 0.9 < result.scores["condition-f1"] < 1.0
    assert result.notes == ("condition: predicted by a logistic regression on the embedding",)
    alone = compute(LabelPrediction(), replace(evaluation, predictions=given, embedding=None, train_embedding=None))
    assert alone.undefined["combination-f1"] == "the model does not predict condition"


def test_cells_of_unseen_labels_do_not_count(evaluation: Evaluation) -> None:
    labels = evaluation.test.obs["cell_type"].to_numpy().astype(object)
    test = replace(evaluation.test, obs=evaluation.test.obs.assign(cell_type=np.where(labels == "C", "new", labels)))
    given = {"cell_type": labels}
    assert compute(LabelPrediction(), replace(evaluation, test=test, predictions=given)).scores["type-f1"] == 1.0


def test_the_factors_themselves_have_a_coefficient_of_one(evaluation: Evaluation) -> None:
    result = compute(Identifiability(), evaluation)
    assert result.scores == pytest.approx(dict.fromkeys(result.scores, 1.0))
    without = replace(evaluation.test, obs=evaluation.test.obs.loc[:, ["cell_type", "condition", "donor"]])
    with pytest.raises(Unsupported, match="cells with true factors"):
        compute(Identifiability(), replace(evaluation, test=without))


def test_each_latent_matches_one_factor() -> None:
    z = np.random.default_rng(0).normal(size=(500, 3))
    z, _ = np.linalg.qr(z - z.mean(axis=0))
    assert matched_correlation(z, -5 * z[:, [2, 0, 1]]) == pytest.approx(1.0)
    assert matched_correlation(z, z[:, :1]) == pytest.approx(1 / 3)
    assert matched_correlation(z[:, :1], np.exp(z[:, :1] * 40), ranks=True) == pytest.approx(1.0)
    assert within_groups(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 1])).ravel().tolist() == [-1, 1, 0]


def test_a_type_without_training_cells_is_called_unknown(evaluation: Evaluation) -> None:
    rows = np.flatnonzero(evaluation.train.obs["cell_type"] != "C")
    known = {name: block[rows] for name, block in (evaluation.train_embedding or {}).items()}
    result = compute(QueryToAtlas(), replace(evaluation, train=evaluation.train.take(rows), train_embedding=known))
    assert result.scores["atlas-rejection"] > 0.8
    assert result.scores["atlas-accuracy"] > 0.8
    assert result.scores["atlas-unknown-f1"] > 0.8
    assert result.scores["atlas-known-f1"] > 0.8
    assert result.notes[0].endswith("types without training cells: C")
    every = compute(QueryToAtlas(), evaluation)
    reason = "no test cell has a type without training cells"
    assert every.undefined == {"atlas-rejection": reason, "atlas-unknown-f1": reason}


def test_the_f1_of_unknown_cells_and_of_known_types_are_apart() -> None:
    # Training cells of A at 0 and of B at 100; 10 test cells of each and of C, which lies between them.
    def block(*places: float) -> Blocks:
        return {"latent": np.concatenate([p + np.linspace(-1, 1, 10, dtype="f4") for p in places])[:, None]}

    def table(kinds: str) -> Table:
        obs = pd.DataFrame({"cell_type": list(kinds), "condition": "well", "donor": "x"})
        values = np.zeros((len(obs), 1), dtype=np.float32)
        return Table(values, obs.set_axis([f"c{i}" for i in range(len(obs))]), ("g",), SCHEMA, scale="standardized")

    train, test = table("A" * 40 + "B" * 40), table("A" * 10 + "B" * 10 + "C" * 10)
    known = {
        "latent": np.repeat(np.array([0, 100], dtype="f4"), 40)[:, None] + np.tile(block(0, 0, 0, 0)["latent"], (2, 1))
    }
    transform = Transform(np.zeros(1), np.ones(1), "linear", False)
    for places, unknown, of_known in ((block(0, 100, 50), 1.0, 1.0), (block(0, 100, 0), 0.0, (2 / 3 + 1) / 2)):
        found = compute(
            QueryToAtlas(), Evaluation(train, test, test, transform, embedding=places, train_embedding=known)
        )
        assert found.scores["atlas-unknown-f1"] == unknown
        assert found.scores["atlas-known-f1"] == pytest.approx(of_known)


def _both(evaluation: Evaluation) -> tuple[Any, Any]:
    return evaluation.train_embedding, evaluation.embedding
