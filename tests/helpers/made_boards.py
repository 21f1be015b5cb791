"""Hand-made records and boards of any size, for tests and measurements of web boards."""

from __future__ import annotations

import hashlib
import math
from itertools import product

from tabgenbench.records import (
    Card,
    CellIdentity,
    CellRecord,
    DrawScores,
    Environment,
    Phase,
    RunInfo,
    ScoreRecord,
    ScoreSpec,
    SuiteRecord,
    SuiteRow,
)
from tabgenbench.store.store import Store
from tabgenbench_leaderboard.board.model import (
    Board,
    BoardRow,
    Costs,
    DatasetBoard,
    Range,
    ScaledScore,
    ScoreColumn,
    ScoreValue,
)
from tabgenbench_leaderboard.board.summary import QuestionColumn, QuestionValue

__all__ = ["CONTROLS", "NASTY", "board_of_size", "write_run"]

CONTROLS = ("real-resample", "shuffled")
NASTY = "<script>alert(1)</script>"
EXTRAS = {"model-2": "sdv", "model-4": "forest"}
"""Optional extras that models need."""
QUESTIONS = ("fidelity", "structure", "utility", "privacy")


def _key(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]


def _spec(number: int) -> ScoreSpec:
    return ScoreSpec(
        name=f"score-{number}",
        direction="lower",
        low=0,
        description=f"Distance number {number} of synthetic and real rows.",
        blind_to="everything else",
        question=QUESTIONS[number % len(QUESTIONS)],  # type: ignore[arg-type]
        floor="shuffled",
        headline=number < 2 * len(QUESTIONS),
    )


def _value(generator: int, score: int, split: int) -> float:
    """Return a value between those of the controls; generators are ordered differently on each question."""
    level = 0.1 + 0.8 * ((generator * (2 * (score % 4) + 1)) % 9) / 9
    return level + 0.02 * math.sin(7 * generator + 3 * score + 5 * split)


def write_run(store: Store, *, datasets: int = 3, scores: int = 40, splits: int = 5) -> SuiteRecord:
    """Write a suite of six models and two controls; the name and the card of the last model try to run a script.

    The first model has no result on the last dataset.
    """
    store.prepare()
    specs = [_spec(number) for number in range(scores)]
    labels = [*(f"model-{number}" for number in range(5)), NASTY, *CONTROLS]
    rows = []
    for dataset, (number, label), split in product(range(datasets), enumerate(labels), range(splits)):
        name = f"table-{dataset}"
        key = _key(name, label, split)
        metric = _key("distances", key)
        is_control = label in CONTROLS
        rows.append(
            SuiteRow(
                key=key, dataset=name, split=split, label=label, seed=0, is_control=is_control, scores={"far": metric}
            )
        )
        card = Card(summary=f"Summary of {label}", licence="MIT", url="https://example.org/a")
        if label in EXTRAS:
            card = card.model_copy(update={"extra": EXTRAS[label]})
        if label == NASTY:
            card = Card(summary=NASTY, citation=NASTY, licence=NASTY, url="javascript:alert(1)")
        is_missing = (number, dataset) == (0, datasets - 1)
        store.write_cell(
            CellRecord(
                key=key,
                cell=_identity(name, label, split, card),
                status="failed" if is_missing else "ok",
                reason="ValueError: no" if is_missing else "",
                phases={"fit": Phase(status="ok", seconds=3.0**number, peak_memory_bytes=2**20 * (number + 1))},
                losses={} if is_control else {"epoch": [1, 2, 3], "train": [3.0, 2.0, 1.0 + split]},
                environment=Environment(cpu="A CPU", threads=1, finished="2026-01-01T00:00:00Z"),
            )
        )
        if is_missing:
            continue
        values = {spec.name: _made(label, number, i, split) for i, spec in enumerate(specs)}
        record = ScoreRecord(
            key=metric,
            cell_key=key,
            metric="far",
            specs=specs,
            status="ok",
            draws=[DrawScores(draw=0, scores=values)],
        )
        store.write_score(record, RunInfo(metric="far", seconds=0.1))
    suite = SuiteRecord(name="made", summary="A made suite.", command="tabgenbench run made", rows=rows)
    store.write_suite(suite)
    return suite


def _made(label: str, number: int, score: int, split: int) -> float:
    if label == "real-resample":
        return 0.05 + 0.001 * split
    return 1.0 + 0.01 * split if label == "shuffled" else _value(number + 1, score, split)


def _identity(dataset: str, label: str, split: int, card: Card) -> CellIdentity:
    return CellIdentity(
        dataset=dataset,
        dataset_fingerprint=dataset,
        dataset_note="900 rows",
        split=split,
        split_fingerprint=f"{dataset} {split}",
        split_kind="random",
        n_train=600,
        n_validation=0,
        n_test=300,
        n_features=10,
        generator=label,
        label=label,
        config={"epochs": 30},
        card=card,
        is_control=label in CONTROLS,
        seed=0,
        draws=1,
    )


def board_of_size(*, generators: int, scores: int, splits: int = 5) -> Board:
    """Return a board of one dataset with made values, without the comparisons of pairs of generators."""
    specs = [_spec(number) for number in range(scores)]
    questions = tuple(
        QuestionColumn(
            question=name, titles=tuple(spec.name for spec in specs if spec.headline and spec.question == name)
        )
        for name in QUESTIONS
    )
    dataset = DatasetBoard(
        dataset="table",
        note="",
        fingerprint="f",
        split_kind="random",
        splits=tuple(range(splits)),
        seeds=(0,),
        draws=(1, 1),
        n_train=(600, 600),
        n_validation=(0, 0),
        n_test=(300, 300),
        n_features=(10, 10),
        columns=tuple(
            ScoreColumn(metric=f"metric-{i // 4}", title=spec.name, spec=spec) for i, spec in enumerate(specs)
        ),
        questions=questions,
        rows=tuple(_row(number, specs, splits, generators) for number in range(generators)),
        problems=(),
        notes=(),
        metric_costs=(),
    )
    return Board(
        suite="wide",
        summary="A wide board.",
        command="tabgenbench run wide",
        datasets=(dataset,),
        machines=(),
        packages={},
        first_finished="",
        last_finished="",
    )


def _row(number: int, specs: list[ScoreSpec], splits: int, generators: int) -> BoardRow:
    rank = (max(1, number - 3), min(generators, number + 4))

    def numbers(place: int) -> dict[int, float]:
        return {split: number / generators + 0.01 * math.sin(number + place + split) for split in range(splits)}

    def estimate(place: int) -> dict[str, float]:
        values = list(numbers(place).values())
        centre = sum(values) / splits
        return {"mean": centre, "ci_low": centre - 0.01234, "ci_high": centre + 0.01234, "n": splits}

    return BoardRow(
        label=f"model-{number}:hidden={number}",
        generator=f"model-{number}",
        options=f'{{"hidden": {number}}}',
        config={"hidden": number, "epochs": 30, "learning_rate": 0.001},
        is_control=False,
        card=Card(summary=f"Model number {number}", citation="Somebody 2020", licence="MIT", url="https://example.org"),
        cells_ok=splits,
        cells=splits,
        costs=Costs(
            fit_seconds=Range(mean=1.0 + number, low=1.0, high=2.0 + number), peak_memory_bytes=2**20 * (number + 1)
        ),
        scores=tuple(
            ScoreValue(
                state="value",
                **estimate(i),
                splits=splits,
                by_split=numbers(i),
                rank=rank,
                scaled=ScaledScore(**estimate(i), by_split=numbers(i)),
            )
            for i in range(len(specs))
        ),
        questions=tuple(
            QuestionValue(**estimate(i), splits=splits, by_split=numbers(i), rank=rank) for i in range(len(QUESTIONS))
        ),
    )
