"""The folder of a board."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tabgenbench.errors import ConfigError, StoreError, did_you_mean
from tabgenbench_leaderboard.board import Board
from tabgenbench_leaderboard.csv_files import costs_csv, scores_csv
from tabgenbench_leaderboard.html import render_html
from tabgenbench_leaderboard.markdown import render_markdown
from tabgenbench_leaderboard.pages import figure_name, full_page

__all__ = ["FORMATS", "parse_formats", "render_board", "write_board"]

FORMATS = ("md", "csv", "html", "json")


def parse_formats(text: str) -> tuple[str, ...]:
    """Split ``md,csv``.

    Raises:
        ConfigError: a format is unknown, or none is named.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise ConfigError(f"--format: got {text!r}, expected some of {','.join(FORMATS)}")
    for name in names:
        if name not in FORMATS:
            raise ConfigError(f"--format: unknown format {name!r}{did_you_mean(name, FORMATS)}")
    return names


@dataclass(frozen=True)
class _Drawn:
    """Figures by (dataset, kind): the stem of the file, a PNG, an SVG."""

    names: dict[tuple[str, str], str]
    png: dict[str, bytes]
    svg: dict[str, str]


def render_board(board: Board, formats: Collection[str] = FORMATS) -> dict[str, bytes]:
    """Return the content of every file by its path inside the board's folder; the same records give the same bytes."""
    rendered: dict[str, bytes] = {}
    if "md" in formats or "html" in formats:
        drawn = _draw(board)
        page = full_page(board, figures=drawn.names)
    if "md" in formats:
        rendered["README.md"] = render_markdown(page).encode()
        for name in drawn.png:
            rendered[f"figures/{name}.png"] = drawn.png[name]
            rendered[f"figures/{name}.svg"] = drawn.svg[name].encode()
    if "html" in formats:
        from tabgenbench_leaderboard.svg import inline_svg

        inlined = {name: inline_svg(text, f"f{i}") for i, (name, text) in enumerate(drawn.svg.items())}
        rendered["index.html"] = render_html(f"Leaderboard: {board.suite}", page, inlined).encode()
    if "csv" in formats:
        rendered["scores.csv"] = scores_csv(board).encode()
        rendered["costs.csv"] = costs_csv(board).encode()
    if "json" in formats:
        rendered["board.json"] = (board.model_dump_json(indent=1) + "\n").encode()
    return rendered


def _draw(board: Board) -> _Drawn:
    # matplotlib takes half a second to import: only who asks for a figure waits for it.
    from tabgenbench_leaderboard.figures import drawing, loss_figure, score_figure
    from tabgenbench_leaderboard.svg import png_bytes, svg_text

    drawn = _Drawn({}, {}, {})
    with drawing():
        for dataset in board.datasets:
            for kind, draw in (("scores", score_figure), ("losses", loss_figure)):
                figure = draw(dataset)
                if figure is not None:
                    name = figure_name(board, dataset, kind)
                    drawn.names[dataset.dataset, kind] = name
                    drawn.png[name] = png_bytes(figure)
                    figure.set_layout_engine("none")  # it is laid out: the second file keeps the places of the first
                    drawn.svg[name] = svg_text(figure)
    return drawn


def write_board(board: Board, out: Path, formats: Collection[str] = FORMATS) -> list[Path]:
    """Write a board's folder; every file is replaced in one step, and nothing is written unless all can be rendered.

    Returns:
        The paths of the files.

    Raises:
        StoreError: the folder cannot be made or written.
    """
    rendered = render_board(board, formats)
    try:
        for name, content in rendered.items():
            _replace(out / name, content)
    except OSError as error:
        raise StoreError(
            f"--out: cannot write to {out} ({error.strerror}); name a folder that you may write to"
        ) from None
    return [out / name for name in rendered]


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
