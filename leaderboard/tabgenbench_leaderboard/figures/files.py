"""Figures as PNG files, as SVG files, and as SVG elements that use the colours of an HTML page."""

from __future__ import annotations

import io
import math
import re
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from tabgenbench.interfaces.drawing import CONTROL, INK, LINE, MODEL, PAPER, SOFT

__all__ = ["inline_svg", "png_bytes", "svg_text", "with_palette"]

_FEWEST_PIXELS = 8  # a colour with fewer pixels is too rare to be seen
RASTER_DOTS_PER_INCH = 80  # resolution of clouds of points inside an SVG; lines and text stay vectors
_ROLES = {PAPER: "paper", INK: "ink", SOFT: "soft", LINE: "line", MODEL: "model", CONTROL: "control"}


def png_bytes(figure: Figure) -> bytes:
    """Return a figure as PNG. Call this function inside `tabgenbench.interfaces.drawing.drawing` (the plot style)."""
    canvas: Any = FigureCanvasAgg(figure)  # matplotlib has no type annotations for this class
    canvas.draw()  # draw once: `savefig` would draw everything a second time for the layout
    # A figure has few colours: a palette reduces the file to a third, which matters for boards in repositories.
    packed = io.BytesIO()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    with_palette(image).save(packed, format="png", compress_level=8)  # level 9 takes three times as long
    return packed.getvalue()


def with_palette(image: Image.Image) -> Image.Image:
    """Return an image with at most 256 colours, so that its file is small.

    Frequent colours, such as the colours of markers, do not change, so a tissue has the same colour in all figures.
    A rare colour, such as a colour of an antialiased edge, is replaced by the nearest of the 256 colours.
    """
    # One number per pixel: red, green and blue from the highest byte to the lowest; the byte of padding is removed.
    pixels = np.asarray(image.convert("RGBX")).view(">u4")[..., 0] >> 8
    found, counts = np.unique(pixels, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.float32)
    kept = colours[order][_chosen(colours[order], counts[order])]
    parts = np.array_split(colours, math.ceil(len(colours) / 8192))
    places = np.zeros(2**24, dtype=np.uint8)
    places[found] = np.concatenate([_distances(some, kept).argmin(axis=1) for some in parts])
    packed = Image.fromarray(places[pixels])
    packed.putpalette(kept.astype(np.uint8).tobytes())
    return packed


def _distances(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the squared distances |a - b|² - |a|² of colours a in ``some`` and b in ``others``, shape (n, m)."""
    lengths: NDArray[np.float32] = (others**2).sum(axis=1)
    return lengths - 2 * (some @ others.T)


def _chosen(colours: NDArray[np.float32], counts: NDArray[np.int64]) -> list[int]:
    """Return the indices of at most 256 of ``colours``, which have shape (n, 3) and are sorted by frequency.

    The 192 most frequent colours are chosen first. Each further step adds the colour whose distance to its nearest
    chosen colour is largest.
    """
    n_frequent = min(192, len(colours))
    n_seen = int((counts >= _FEWEST_PIXELS).sum())
    places = list(range(n_frequent))
    seen = colours[:n_seen]
    distances = _distances(seen, colours[:n_frequent]).min(axis=1) + (seen**2).sum(axis=1)
    for _ in range(min(256, n_seen) - n_frequent):
        places.append(int(distances.argmax()))
        distances = np.minimum(distances, ((seen - seen[places[-1]]) ** 2).sum(axis=1))
    return places


def svg_text(figure: Figure) -> str:
    """Return a figure as SVG without a date; call this function inside `tabgenbench.interfaces.drawing.drawing`."""
    buffer, dots_per_inch = io.StringIO(), figure.dpi
    figure.set_dpi(RASTER_DOTS_PER_INCH)
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    figure.set_dpi(dots_per_inch)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def inline_svg(text: str, prefix: str) -> str:
    """Convert an SVG file into an element for an HTML page.

    Args:
        text: SVG file, as returned by `svg_text`.
        prefix: prefix of every id in the SVG element, so that ids are unique on a page.

    Returns:
        The SVG element, whose colours are CSS variables such as ``--ink``.
    """
    element = text[text.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    element = re.sub(r'\bid="', f'id="{prefix}-', element)
    element = re.sub(r'href="#', f'href="#{prefix}-', element)
    element = re.sub(r"url\(#", f"url(#{prefix}-", element)
    for colour, role in _ROLES.items():
        element = element.replace(colour, f"var(--{role})")
    return element
