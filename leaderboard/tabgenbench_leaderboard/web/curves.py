"""Loss curves of a generator as an SVG element, with one panel per kind of loss."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from tabgenbench.formatting import count_text
from tabgenbench_leaderboard.board.model import Curve

__all__ = ["curve_figure"]

WIDTH, HEIGHT, MARGIN = 260, 150, 8
MAX_PANELS = 8


def curve_figure(curves: Sequence[Curve], label: str) -> Markup:
    """Return a figure with one panel per kind of loss and one line per training; empty if there are no losses."""
    names = list(dict.fromkeys(name for curve in curves for name in curve.losses))[:MAX_PANELS]
    panels = [panel for name in names if (panel := _panel(curves, name, label))]
    if not panels:
        return Markup()
    caption = (
        f"Loss curves of {count_text(len(curves), 'cell')}, one line per cell; the records have the complete curves."
    )
    return Markup('<figure><div class="panels">{}</div><figcaption>{}</figcaption></figure>').format(
        Markup().join(panels), caption
    )


def _panel(curves: Sequence[Curve], name: str, label: str) -> Markup:
    lines = [list(zip(curve.epochs, curve.losses.get(name, ()), strict=False)) for curve in curves]
    points = [[(x, y) for x, y in line if y is not None] for line in lines]
    xs = [x for line in points for x, _ in line]
    ys = [y for line in points for _, y in line]
    if not xs:
        return Markup()
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)

    width, height = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN
    across, down = (right - left) or 1, (high - low) or 1
    places = [
        " ".join(
            [f"{MARGIN + width * (x - left) / across:.1f},{MARGIN + height * (high - y) / down:.1f}" for x, y in line]
        )
        for line in points
        if line
    ]
    paths = Markup("".join(f'<polyline points="{place}"/>' for place in places))  # numbers need no escape
    alt = f"{name} of {label}: from {low:.4g} to {high:.4g} over epochs {left:g} to {right:g}"
    return Markup(
        '<div><svg viewBox="0 0 {w} {h}" role="img" aria-label="{alt}" class="curve">{paths}</svg>'
        "<p><b>{name}</b> {low} to {high}, epochs {left} to {right}</p></div>"
    ).format(
        w=WIDTH,
        h=HEIGHT,
        alt=escape(alt),
        paths=paths,
        name=name,
        low=f"{low:.4g}",
        high=f"{high:.4g}",
        left=f"{left:g}",
        right=f"{right:g}",
    )
