"""The page of a metric, with the meaning, limitations, controls and calibration of its scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tabgenbench.formatting import duration_text, number_text
from tabgenbench.records import ScoreSpec
from tabgenbench_leaderboard.board.formatting import direction_text, score_text
from tabgenbench_leaderboard.board.model import DatasetBoard, ScoreColumn
from tabgenbench_leaderboard.board.scaling import BEST, find_control, is_ceiling_best
from tabgenbench_leaderboard.pages.reference import limits_text
from tabgenbench_leaderboard.web.site import Site, templates

__all__ = ["metric_page"]


def metric_page(site: Site, metric: str) -> str:
    """Return the HTML page of a metric; ``metric`` is its name with options."""
    places: dict[str, list[tuple[DatasetBoard, int]]] = {}
    for dataset in site.board.datasets:
        for i, column in enumerate(dataset.columns):
            if column.metric == metric:
                places.setdefault(column.title, []).append((dataset, i))
    return (
        templates()
        .get_template("metric.html")
        .render(
            suite=site.board.suite,
            home="../index.html",
            up="",
            metric=metric,
            scores=[_score(site, title, found) for title, found in places.items()],
            has_calibration=any(d.columns[i].calibration for found in places.values() for d, i in found),
            costs=list(_costs(site, metric)),
        )
    )


def _score(site: Site, title: str, places: list[tuple[DatasetBoard, int]]) -> dict[str, Any]:
    dataset, i = places[0]
    column = dataset.columns[i]
    return {
        "title": title,
        "stem": site.facts[dataset.dataset].scores[i].partition("#")[2],
        "spec": column.spec,
        "direction": f"{direction_text(column)}{limits_text(column)}",
        "question": _question(column),
        "scale": _scale(column.spec),
        "lines": [_line(site, *place) for place in places],
    }


def _scale(spec: ScoreSpec) -> str:
    if is_ceiling_best(spec):
        return f"0 at the floor {spec.floor}, 1 at the best possible value, 1"
    if spec.floor and spec.ceiling:
        return f"0 at the floor {spec.floor}, 1 at the ceiling {spec.ceiling}"
    return "not scaled: the score names no floor"


def _question(column: ScoreColumn) -> str:
    kind = "headline score" if column.spec.headline else "not a headline score"
    ranked = "ranked" if column.spec.ranked else "not ranked, because it is too noisy"
    return f"{column.spec.question or 'none'} ({kind}, {ranked})"


def _line(site: Site, dataset: DatasetBoard, i: int) -> dict[str, str]:
    column = dataset.columns[i]
    decimals = site.facts[dataset.dataset].decimals[i]
    controls = [find_control(dataset.rows, name) if name else None for name in (column.spec.floor, column.spec.ceiling)]
    floor, ceiling = (score_text(row.scores[i], decimals) if row else "-" for row in controls)
    means = [mean for row in dataset.models if (mean := row.scores[i].mean) is not None]
    ends = f"{number_text(min(means), decimals)} to {number_text(max(means), decimals)}" if means else "-"
    return {
        "dataset": dataset.dataset,
        "page": site.dataset_pages[dataset.dataset],
        "floor": floor,
        "ceiling": number_text(BEST, decimals) if is_ceiling_best(column.spec) else ceiling,
        "models": ends,
        "unscaled": f"no: {column.unscaled}".replace("`", "") if column.unscaled else "",
        "calibration": column.calibration,
    }


def _costs(site: Site, metric: str) -> Iterator[str]:
    for dataset in site.board.datasets:
        for cost in dataset.metric_costs:
            if cost.metric == metric:
                ends = f"{duration_text(cost.seconds.low)} to {duration_text(cost.seconds.high)}"
                yield f"{dataset.dataset}: {duration_text(cost.seconds.mean)} a cell ({ends})"
