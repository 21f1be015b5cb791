from __future__ import annotations

import numpy as np
import pytest

from tabgenbench import ArtifactRow, Artifacts, Evaluation, MetricContext
from tabgenbench.interfaces.contract_table import make_mixed_split
from tabgenbench_plugins.metrics.associations import PairAssociations


def test_the_figure_shows_the_strongest_pairs_of_each_generator() -> None:
    split = make_mixed_split()
    evaluation = Evaluation(split.train, split.test, split.test, split.transform)
    everything = PairAssociations(PairAssociations.Config()).compute(evaluation, MetricContext(seed=0))
    pairs = everything.artifacts["pairs"]
    assert (pairs["real"] == pairs["synthetic"]).all()
    assert not pairs.duplicated(["first", "second"]).any()
    [note] = [note for note in everything.notes if note.startswith("pairs of columns: ")]
    for kind, n in pairs["kind"].value_counts().items():
        assert f"{n} {kind}" in note
    numeric = pairs[pairs["kind"] == "numeric"].iloc[0]
    columns = [split.test.features.index(numeric[side]) for side in ("first", "second")]
    present = split.test.present()
    values = split.test.dense()[:, columns].astype(np.float64)
    values = values if present is None else values[present[:, columns].all(axis=1)]
    assert numeric["real"] == pytest.approx(np.corrcoef(values, rowvar=False)[0, 1], abs=1e-4)

    few = PairAssociations(PairAssociations.Config(figure_pairs=3)).compute(evaluation, MetricContext(seed=0))
    assert len(few.artifacts["pairs"]) == 3
    assert few.scores == everything.scores

    rows = tuple(
        ArtifactRow(
            label=f"generator-{i}",
            is_control=i > 0,
            split=0,
            draw=0,
            scores=dict(few.scores),
            tables={"pairs": pairs.astype(str)},
        )
        for i in range(4)
    )
    [figure] = PairAssociations.figures(Artifacts(dataset="mixed", rows=rows))
    assert figure.name == "associations"
    axes = [axis for axis in figure.draw().axes if axis.get_visible() and axis.get_title()]
    assert [axis.get_title().splitlines()[0] for axis in axes] == [row.label for row in rows]
    shown = [line for line in axes[0].get_lines() if line.get_label() in set(pairs["kind"])]
    assert sum(len(line.get_xdata()) for line in shown) == len(pairs)
