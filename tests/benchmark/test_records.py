from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tabgenbench import Card, ScoreSpec
from tabgenbench.records import CellRecord, DrawScores, Phase, ScoreRecord


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.floats(allow_nan=False, allow_infinity=False)))
def test_scores_keep_every_bit(scores: dict[str, float]) -> None:
    record = ScoreRecord(key="m", cell_key="c", metric="x", status="ok", draws=[DrawScores(draw=0, scores=scores)])
    assert ScoreRecord.model_validate_json(record.model_dump_json()) == record


def test_a_loss_that_is_no_number_becomes_null() -> None:
    draws = {"epoch": [1.0, 2.0], "train": [float("nan"), 0.5]}
    text = CellRecord.model_construct(losses=draws).model_dump_json(include={"losses"})
    assert text == '{"losses":{"epoch":[1.0,2.0],"train":[null,0.5]}}'


def test_a_spec_and_a_card_are_kept_whole() -> None:
    spec = ScoreSpec(
        name="gamma", direction="higher", low=-1, high=1, unit="", description="d", blind_to="b", floor="shuffled",
        citation="c", ranked=False,
    )  # fmt: skip
    assert ScoreSpec.model_validate_json(spec.model_dump_json()) == spec
    card = Card("summary", "citation", "licence", "url")
    assert Card.model_validate_json(card.model_dump_json()) == card
    assert "extra" not in card.model_dump(), "records without an extra are written as before extras existed"
    extra = card.model_copy(update={"extra": "sdv"})
    assert Card.model_validate_json(extra.model_dump_json()) == extra
    newer = Card.model_validate({"summary": "s", "doi": "10.1"})
    assert newer.model_dump()["doi"] == "10.1", "a field of a newer program is kept"


def test_every_status_is_one_of_six() -> None:
    for status in ("ok", "failed", "timeout", "out_of_memory", "crashed", "skipped"):
        assert Phase(status=status).status == status  # type: ignore[arg-type]  # a loop over literals
    with pytest.raises(ValidationError, match="Input should be 'ok'"):
        Phase(status="succeeded")  # type: ignore[arg-type]  # that is what is tested


def test_unknown_fields_survive_at_any_depth() -> None:
    text = '{"key":"m","cell_key":"c","metric":"x","status":"ok","new":1,"draws":[{"draw":0,"newer":[2]}]}'
    kept = ScoreRecord.model_validate_json(text).model_dump()
    assert kept["new"] == 1
    assert kept["draws"][0]["newer"] == [2]
