from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tabgenbench import Lazy, hookimpl
from tabgenbench.registry.manager import make_manager
from tabgenbench.run.score_tables import ScoreRequest, score_tables

MOMENTS = "tabgenbench_plugins.metrics.moments:Moments"


class Registers:
    @hookimpl
    def register_metrics(self) -> list[Lazy]:
        return [Lazy("moments", MOMENTS), Lazy("needs-more", "not_there:Mine", extra="sun")]


def test_by_default_a_metric_without_its_package_is_named_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own" / "tabgenbench-0.1.dist-info"  # the distribution as it would be with one more extra
    own.mkdir(parents=True)
    (own / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tabgenbench\nVersion: 0.1\nRequires-Dist: no-such-a; extra == 'sun'\n"
    )
    monkeypatch.syspath_prepend(str(own.parent))
    frame = pd.DataFrame({"a": [1.5, 2.0, 3.5, 0.5], "b": [2.5, 1.0, 0.5, 1.5]})
    said: list[str] = []
    request = ScoreRequest(train=frame, test=frame, synthetic=frame, say=said.append)
    rows = score_tables(request, make_manager([Registers()], points=[]))
    assert {row.metric for row in rows} == {"moments"}
    assert "note: needs-more is not computed; to compute it, run: pip install 'tabgenbench[sun]'" in said


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (["a", "b", "b", "a"], None),
        (
            ["a", "a", "a", "b"],
            "3 of 4 synthetic rows can be paired with a test row of the same condition (4 ",
        ),
        (["a", "b", "b", "z"], "3 of 4 synthetic rows"),
        (["a", "b"], "2 of 2 synthetic rows"),
    ],
)
def test_other_conditions_than_those_of_the_test_rows_are_noted(kinds: list[str], words: str | None) -> None:
    real = pd.DataFrame({"x": [1.5, 2.0, 3.5, 0.5], "y": [2.5, 1.0, 0.5, 1.5], "kind": ["a", "a", "b", "b"]})
    synthetic = real.iloc[: len(kinds)].assign(kind=kinds)
    said: list[str] = []
    request = ScoreRequest(train=real, test=real, synthetic=synthetic, conditions=("kind",), say=said.append)
    score_tables(request, make_manager([Registers()], points=[]))
    found = [line for line in said if "of the same condition" in line]
    assert [line.startswith(f"note: {words}") for line in found] == ([] if words is None else [True])
