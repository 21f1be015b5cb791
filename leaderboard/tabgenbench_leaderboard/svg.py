"""Figures as bytes: PNG, SVG files, and SVG that takes the colours of the page it stands in."""

from __future__ import annotations

import io
import re

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from tabgenbench_leaderboard.figures import CONTROL, INK, LINE, MODEL, PAPER, SOFT

__all__ = ["inline_svg", "png_bytes", "svg_text", "with_palette"]

DOTS_PER_INCH = 160
_FEWEST_PIXELS = 8  # of a colour that somebody can see
RASTER_DOTS_PER_INCH = 80  # of clouds of points inside an SVG; lines and text stay lines and text
_ROLES = {PAPER: "paper", INK: "ink", SOFT: "soft", LINE: "line", MODEL: "model", CONTROL: "control"}


def png_bytes(figure: Figure) -> bytes:
    """Return a PNG; equal figures give equal bytes. Call inside `figures.drawing`."""
    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="rgba", dpi=DOTS_PER_INCH)
    width, height = (int(size) for size in DOTS_PER_INCH * figure.get_size_inches())
    image = Image.frombuffer("RGBA", (width, height), drawn.getvalue(), "raw", "RGBA", 0, 1)
    # A figure has few colours: a palette makes a file a third as large, and boards are kept in repositories.
    with_palette(image.convert("RGB")).save(packed, format="png", optimize=True)
    return packed.getvalue()


def with_palette(image: Image.Image) -> Image.Image:
    """Return an image of 256 of its colours: the most frequent ones, and those that are least like them.

    So signs keep their colours, and a tissue has the same one in all figures. One of too few pixels takes the nearest
    colour, as soft edges and gradients do.
    """
    found = sorted((image.getcolors(2**24) or []), key=lambda pair: (-pair[0], pair[1]))
    colours = np.array([colour for _, colour in found], dtype=np.int32)
    kept = _chosen(colours, np.array([count for count, _ in found]))
    shares = np.array([2**16, 2**8, 1])
    places = np.zeros(2**24, dtype=np.uint8)
    for start in range(0, len(colours), 4096):
        some = colours[start : start + 4096]
        places[some @ shares] = ((some[:, None] - kept) ** 2).sum(axis=2).argmin(axis=1)
    packed = Image.fromarray(places[np.asarray(image, dtype=np.int32) @ shares])
    packed.putpalette(kept.astype(np.uint8).tobytes())
    return packed


def _chosen(colours: NDArray[np.int32], counts: NDArray[np.int64]) -> NDArray[np.int32]:
    """Choose 256 of the colours, sorted by how often they come, shape (n, 3): the farthest ones after the first 192."""
    n_frequent = min(192, len(colours))
    places = list(range(n_frequent))
    is_seen = counts >= _FEWEST_PIXELS
    distances = np.full(len(colours), np.iinfo(np.int32).max)
    for i in range(min(256, len(colours))):
        if i >= n_frequent:
            places.append(int(np.where(is_seen, distances, -1).argmax()))
        distances = np.minimum(distances, ((colours - colours[places[i]]) ** 2).sum(axis=1))
    return colours[places]


def svg_text(figure: Figure) -> str:
    """Return an SVG file without a date; equal figures give equal text. Call inside `figures.drawing`."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", dpi=RASTER_DOTS_PER_INCH, metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def inline_svg(text: str, prefix: str) -> str:
    """Turn an SVG file into an element for an HTML page.

    Args:
        text: what `svg_text` gave.
        prefix: put before every id, so that the figures of one page do not share any.

    Returns:
        The element, its colours named by CSS variables such as ``--ink``.
    """
    element = text[text.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    element = re.sub(r'\bid="', f'id="{prefix}-', element)
    element = re.sub(r'href="#', f'href="#{prefix}-', element)
    element = re.sub(r"url\(#", f"url(#{prefix}-", element)
    for colour, role in _ROLES.items():
        element = element.replace(colour, f"var(--{role})")
    return element
