"""UMAP figures of real and synthetic rows, for one generator or for all generators.

Colours show the tissue, the status (such as cancer) or the origin (real or synthetic) of each row.
"""

from __future__ import annotations

import math
import random
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from tabgenbench import ArtifactRow, Artifacts, MetricFigure, drawing
from tabgenbench_plugins.metrics.parts.palette import Look, group_looks, status_looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RowsPicture", "read_picture", "rows_figure", "rows_sheet", "umap_figures"]

ARTIFACT, PREFIX = "umap", "condition."
_INTRO = (
    "UMAP places real test rows and synthetic rows in one plane, separately for each generator. Positions and axes of "
    "two generators are therefore not comparable; colours are. Three criteria: (1) tissues are separate, (2) states "
    "are separate within a tissue, (3) real and synthetic rows are mixed. The figures show the first draw of the "
    "first split. They are illustrations, because UMAP separates compact groups, so that rows without noise look "
    "best. Generators are ranked by the same criteria in principal components, `pca-separability`."
)
_SHEET_CAPTION = (
    "Three panels per generator show the same rows, coloured by the first condition, by the second, and by origin. "
    "The numbers are scores in principal components on this split; 1 is best."
)
_SHEET_FOOT = (
    "UMAP of both kinds of rows together, separately for each generator: an illustration.\n"
    "mixing, overall: scores in principal components on this split; 1 is best."
)
CRITERIA = ("tissue", "status", "mixing", "overall")
ORIGINS = ("real", "synthetic")
_ORIGIN_LOOKS = {"real": Look("#7a828c", "o"), "synthetic": Look("#c2186b", "o")}
_MOST_LINES = 5  # of a sheet with one generator per line
_LONGEST_LABEL, _LONGEST_NAME = 44, 14  # characters, in a legend and in a panel
_MOST_LABEL_LINES = 3  # of a legend below its own panel

# Inches.
_WIDTH, _MARGIN, _GAP = 8.0, 0.06, 0.1
_TITLE_LINE, _HEAD, _FOOT_LINE = 0.19, 0.24, 0.14

# Points.
_NAME_SIZE, _NAME_LINE = 6.5, 8.4
_FARTHEST = 4 * _NAME_LINE  # of a name from its group

Looks = Sequence[Mapping[str, Look]]


@dataclass(frozen=True)
class _Panel:
    title: str
    labels: tuple[str, ...]
    looks: Mapping[str, Look]


@dataclass(frozen=True)
class _Legend:
    handles: tuple[Line2D, ...]
    middle: float
    width: float

    @property
    def labels(self) -> list[str]:
        return [str(handle.get_label()) for handle in self.handles]

    @property
    def height(self) -> float:
        return drawing.legend_height(self.labels, self.width)


@dataclass(frozen=True, kw_only=True)
class RowsPicture:
    """UMAP positions of real test rows and of one generator's synthetic rows.

    Attributes:
        label: label of the generator in figures.
        split: number of the split.
        draw: number of the synthetic table.
        columns: names of the condition columns that are used as tissue and status, at most two.
        labels: for each name in ``columns``, the values of all rows.
        scores: scores on this split by name.
    """

    label: str
    split: int
    draw: int
    x: tuple[float, ...]
    y: tuple[float, ...]
    synthetic: tuple[bool, ...]
    columns: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    scores: Mapping[str, float] = field(default_factory=dict)


def umap_figures(artifacts: Artifacts) -> Iterator[MetricFigure]:
    """Yield one figure with all generators of a dataset, then an enlarged figure of each generator."""
    pictures = [read_picture(row) for row in artifacts.rows if ARTIFACT in row.tables]
    if not pictures:
        return
    # A tissue or status has the same look in all figures of the dataset.
    looks = (group_looks(_labels(pictures, 0)), status_looks(_labels(pictures, 1)))
    what = "UMAP of real test rows and synthetic rows"
    yield MetricFigure(
        name="umap",
        draw=partial(rows_sheet, artifacts.dataset, pictures, looks),
        alt=f"{what} on {artifacts.dataset}, the panels of every generator.",
        caption=_SHEET_CAPTION,
        intro=_INTRO,
    )
    for picture in pictures:
        yield MetricFigure(
            name="umap",
            draw=partial(rows_figure, artifacts.dataset, picture, looks),
            alt=f"{what} of {picture.label} on {artifacts.dataset}.",
            caption=f"`{picture.label}`, enlarged.",
            label=picture.label,
        )


def read_picture(row: ArtifactRow) -> RowsPicture:
    """Return the UMAP positions of one generator from the stored table ``umap``."""
    table = row.tables[ARTIFACT]
    known = [name.removeprefix(PREFIX) for name in table.columns if name.startswith(PREFIX)]
    wanted = [row.config.get("tissue"), row.config.get("status")]
    columns = tuple(dict.fromkeys([*(name for name in wanted if name in known), *known]))[:2]
    return RowsPicture(
        label=row.label,
        split=row.split,
        draw=row.draw,
        x=tuple(table["x"].astype(float)),
        y=tuple(table["y"].astype(float)),
        synthetic=tuple(table["origin"] == "synthetic"),
        columns=columns,
        labels=tuple(tuple(table[PREFIX + name]) for name in columns),
        scores=row.scores,
    )


def _labels(pictures: Sequence[RowsPicture], column: int) -> set[str]:
    return {name for picture in pictures for labels in picture.labels[column : column + 1] for name in labels}


def rows_figure(dataset: str, picture: RowsPicture, looks: Looks) -> Figure:
    """Draw the UMAP panels of one generator.

    ``looks`` contains the colour and marker of each tissue, and the colour and marker of each status.
    """
    panels = _panels(picture, looks)
    width, height = (_WIDTH - 2 * _MARGIN - _GAP * (len(panels) - 1)) / len(panels), 2.65
    lefts = [_MARGIN + i * (width + _GAP) for i in range(len(panels))]
    title = _wrapped(f"{picture.label} on {dataset}")
    legends = _legends(panels, [left + width / 2 for left in lefts], width)
    page = _Page(title, height, legends, _footer(picture))
    for left, panel in zip(lefts, panels, strict=True):
        axis = page.axes(left, 0, width, height)
        _points(axis, picture, panel, size=11.0)
        axis.set_title(drawing.fitted(panel.title, width, 9), fontsize=9, y=1)
        if panel is panels[0] and len(panels) > 1:
            _name_groups(axis, picture, 72 * width, 72 * height)
    return page.figure


def rows_sheet(dataset: str, pictures: Sequence[RowsPicture], looks: Looks) -> Figure:
    """Draw the panels of all generators.

    Up to five generators are drawn one below the other. More generators are drawn in two columns.
    """
    panels = [_panels(picture, looks) for picture in pictures]
    widest = _all_looks(panels)
    n_blocks = 1 if len(pictures) <= _MOST_LINES else 2
    n_lines = math.ceil(len(pictures) / n_blocks)
    height, letters, size = (1.75, 24, 8.0) if n_blocks == 1 else (1.25, 20, 7.0)
    sides = [_side_text(picture, letters) for picture in pictures]
    side = max(text.count("\n") + 1 for text in sides) * 1.25 * size / 72 + 0.05
    block = (_WIDTH - 2 * _MARGIN + _GAP) / n_blocks
    width = (block - side) / len(widest) - _GAP
    lefts = [_MARGIN + side + i * (width + _GAP) for i in range(len(widest))]
    legends = _legends(widest, [left + width / 2 for left in lefts] if n_blocks == 1 else [], width)
    title = _wrapped(f"{dataset}: real test rows and synthetic rows")
    page = _Page(title, n_lines * (height + _GAP) - _GAP, legends, _SHEET_FOOT)
    for place, (picture, text) in enumerate(zip(pictures, sides, strict=True)):
        shift, top = place // n_lines * block, place % n_lines * (height + _GAP)
        page.turned_text(_MARGIN + shift + side - 0.05, top + height / 2, text, size)
        for left, panel in zip(lefts, panels[place], strict=False):
            axis = page.axes(left + shift, top, width, height)
            _points(axis, picture, panel, size=5.0 / n_blocks)
        if place % n_lines == 0:
            for left, panel in zip(lefts, widest, strict=True):
                page.head(
                    left + shift + width / 2,
                    drawing.fitted(panel.title.replace(" and ", ", "), width, size + 1),
                    size + 1,
                )
    return page.figure


class _Page:
    """A figure in which texts never overlap; positions are in inches from the top left corner."""

    def __init__(self, title: str, height: float, legends: Sequence[Sequence[_Legend]], foot: str) -> None:
        self._top = 0.1 + _TITLE_LINE * (title.count("\n") + 1) + _HEAD
        below = sum(max(legend.height for legend in line) for line in legends)
        self._height = self._top + height + below + 0.16 + _FOOT_LINE * (foot.count("\n") + 1)
        self.figure = Figure(figsize=(_WIDTH, self._height))
        self.figure.text(0.5, self._up(0.06), title, fontsize=10, fontweight="bold", ha="center", va="top")
        self.figure.text(0.5, 0.04 / self._height, foot, fontsize=7.5, color=drawing.SOFT, ha="center", va="bottom")
        top = self._top + height + 0.02
        for line in legends:
            for legend in line:
                at = (legend.middle / _WIDTH, self._up(top))
                drawing.add_legend(self.figure, legend.handles, at=at, width=legend.width)
            top += max(legend.height for legend in line)

    def _up(self, top: float) -> float:
        return 1 - top / self._height

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        place = (left / _WIDTH, self._up(self._top + top + height), width / _WIDTH, height / self._height)
        return self.figure.add_axes(place)

    def head(self, middle: float, text: str, size: float) -> None:
        place = (middle / _WIDTH, self._up(self._top - 0.06))
        self.figure.text(*place, text, fontsize=size, ha="center", va="bottom")

    def turned_text(self, right: float, top: float, text: str, size: float) -> None:
        options: Any = {"rotation": 90, "ha": "right", "va": "center", "multialignment": "center"}
        self.figure.text(right / _WIDTH, self._up(self._top + top), text, fontsize=size, **options)


def _wrapped(title: str) -> str:
    return "\n".join(textwrap.wrap(drawing.spaced(title), 80)[:4])


def _panels(picture: RowsPicture, looks: Looks) -> list[_Panel]:
    panels = []
    for name, labels, look in zip(picture.columns, picture.labels, looks, strict=False):
        panels.append(_Panel(f"by {name}", labels, {label: look[label] for label in sorted(set(labels))}))
    origins = tuple(ORIGINS[synthetic] for synthetic in picture.synthetic)
    return [*panels, _Panel("real and synthetic", origins, _ORIGIN_LOOKS)]


def _all_looks(panels: Sequence[Sequence[_Panel]]) -> list[_Panel]:
    """Merge panels of different generators with the same title, so that a legend has all colours and markers."""
    found = list(chain.from_iterable(panels))
    merged = []
    for widest in max(panels, key=len):
        looks = {name: look for panel in found if panel.title == widest.title for name, look in panel.looks.items()}
        merged.append(_Panel(widest.title, (), dict(sorted(looks.items()))))
    return merged


def _points(axis: Axes, picture: RowsPicture, panel: _Panel, *, size: float) -> None:
    """Draw all rows in random order, so that no colour hides the other colours."""
    order = list(range(len(picture.x)))
    random.Random(0).shuffle(order)  # the same order in all panels
    for marker in dict.fromkeys(look.marker for look in panel.looks.values()):
        chosen = [i for i in order if panel.looks[panel.labels[i]].marker == marker]
        axis.scatter(
            [picture.x[i] for i in chosen],
            [picture.y[i] for i in chosen],
            s=size,
            c=[panel.looks[panel.labels[i]].colour for i in chosen],
            marker=marker,
            linewidths=0.2,
            edgecolors=drawing.PAPER,
            rasterized=True,
        )
    axis.set_xticks([])
    axis.set_yticks([])
    axis.margins(0.04)
    for spine in axis.spines.values():
        spine.set_visible(True)


def _name_groups(axis: Axes, picture: RowsPicture, width: float, height: float) -> None:
    """Write the name of each tissue where its points are densest, or at a free position nearby.

    Names of tissues with many rows are placed first. If a name has no free position, only the legend shows the name.
    ``width`` and ``height`` of the axes are in points (1/72 inch).
    """
    labels = np.array(picture.labels[0])
    extent = np.array([width, height])
    points = axis.transLimits.transform(np.column_stack([picture.x, picture.y])) * extent
    short = drawing.shortened(picture.labels[0], _LONGEST_NAME)
    taken: list[tuple[float, float, float]] = []
    names, counts = np.unique(labels, return_counts=True)
    for name in names[np.argsort(-counts, kind="stable")]:
        x, y, reach = _densest(points[labels == name])
        half = 36 * drawing.text_width(short[name], _NAME_SIZE)
        start = (x, y + (0.8 * _NAME_LINE if reach < _NAME_LINE else 0.0))
        place = _free_place(start, half, extent, taken, points[labels != name])
        if place is None:
            continue
        taken.append((*place, half))
        if math.hypot(max(0.0, abs(place[0] - x) - half), place[1] - y) > 1.5 * _NAME_LINE:
            edge = min(max(x, place[0] - half), place[0] + half)
            ends = np.array([[edge, place[1]], [x, y]]) / extent
            axis.plot(*ends.T, color=drawing.SOFT, lw=0.5, zorder=3, transform=axis.transAxes)
        effect: Any = withStroke(linewidth=1.6, foreground=drawing.PAPER)
        style: Any = {
            "fontsize": _NAME_SIZE,
            "ha": "center",
            "va": "center",
            "color": drawing.INK,
            "path_effects": [effect],
        }
        axis.text(place[0] / width, place[1] / height, short[name], transform=axis.transAxes, **style)


def _free_place(
    start: tuple[float, float],
    half: float,
    extent: NDArray[np.float64],
    taken: Sequence[tuple[float, float, float]],
    others: NDArray[np.float64],
) -> tuple[float, float] | None:
    across = np.linspace(-1, 1, 15) * (half + _FARTHEST)
    along = np.linspace(-1, 1, 33) * _FARTHEST
    moves = np.array([(0.0, 0.0), *((dx, dy) for dx in across for dy in along)])
    border = np.array([half + 2, _NAME_LINE / 2 + 1])
    places = np.clip(np.array(start) + moves, border, np.maximum(border, extent - border))
    off_x, off_y = np.abs(places - start).T
    distance = np.hypot(np.maximum(0, off_x - 0.8 * half), off_y)
    free = distance <= _FARTHEST
    for x, y, other in taken:
        free &= (np.abs(places[:, 0] - x) > half + other + 1) | (np.abs(places[:, 1] - y) > _NAME_LINE)
    if not free.any():
        return None
    gaps = np.abs(places[free][:, None, :] - others)
    covered = ((gaps[..., 0] < half) & (gaps[..., 1] < _NAME_LINE / 2)).sum(axis=1)
    best = int((distance[free] + 0.05 * off_x[free] + 0.3 * covered).argmin())
    x, y = places[free][best]
    return float(x), float(y)


def _densest(points: NDArray[np.float64]) -> tuple[float, float, float]:
    distances = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))
    reach = np.sort(distances, axis=1)[:, len(points) // 2]
    x, y = points[int(reach.argmin())]
    return float(x), float(y), float(reach.min())


def _legends(panels: Sequence[_Panel], middles: Sequence[float], width: float) -> list[list[_Legend]]:
    """Return two rows of legends: the lower row is the legend of the first panel, the upper row has all other legends.

    In the upper row, each legend is centred below its panel, at the position in ``middles``. If ``middles`` is empty or
    a legend is too large for this, the upper row is one legend over the full width.
    """
    handles = [_handles(panel.looks) for panel in panels]
    if len(panels) == 1:
        return [[_Legend(handles[0], _WIDTH / 2, _WIDTH - 2 * _MARGIN)]]
    own = [_Legend(found, middle, width) for found, middle in zip(handles[1:], middles[1:], strict=False)]
    if not own or any(not _fits(legend) for legend in own):
        together = tuple(chain.from_iterable(handles[1:]))
        own = [_Legend(together, _WIDTH / 2, _WIDTH - 2 * _MARGIN)]
    return [own, [_Legend(handles[0], _WIDTH / 2, _WIDTH - 2 * _MARGIN)]]


def _fits(legend: _Legend) -> bool:
    columns = drawing.legend_columns(legend.labels, legend.width)
    return columns > 0 and math.ceil(len(legend.labels) / columns) <= _MOST_LABEL_LINES


def _handles(looks: Mapping[str, Look]) -> tuple[Line2D, ...]:
    short = drawing.shortened(looks, _LONGEST_LABEL)
    return tuple(
        Line2D([], [], ls="none", marker=look.marker, color=look.colour, ms=5, label=short[name])
        for name, look in looks.items()
    )


def _footer(picture: RowsPicture) -> str:
    n_synthetic = sum(picture.synthetic)
    text = (
        f"UMAP of {len(picture.x) - n_synthetic:,} real test rows and {n_synthetic:,} synthetic rows together "
        f"(split {picture.split}, draw {picture.draw}): an illustration."
    )
    known = [
        f"{name} {drawing.number_text(picture.scores[f'pca-{name}'], 2)}"
        for name in CRITERIA
        if f"pca-{name}" in picture.scores
    ]
    return (
        f"{text}\nIn principal components, draws of this split averaged (1 is best): {', '.join(known)}"
        if known
        else text
    )


def _side_text(picture: RowsPicture, letters: int) -> str:
    lines = textwrap.wrap(drawing.spaced(picture.label), letters)[:3]
    for name in ("mixing", "overall"):
        value = picture.scores.get(f"pca-{name}")
        if value is not None:
            lines.append(f"{name} {drawing.number_text(value, 2)}")
    return "\n".join(lines)
