"""HTML view of a board (leaderboard) in a notebook: main scores, dot plot and failures of each dataset."""

from __future__ import annotations

import hashlib
import html

from tabgenbench_leaderboard.board.headline import control_descriptions, headline_sentences
from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.figures.draw import draw_figures
from tabgenbench_leaderboard.pages.document import Block, Figure, Paragraph, quote
from tabgenbench_leaderboard.pages.headline import headline_grid, verdict_grid
from tabgenbench_leaderboard.pages.page import problem_parts
from tabgenbench_leaderboard.pages.to_html import render_blocks

__all__ = ["notebook_html"]

_STYLE = """
.tabgenbench { --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --model: #0067a8; --control: #6e7781;
  color: var(--ink); background: var(--paper); max-width: 60em; padding: 0.5em; font-family: system-ui, sans-serif; }
.tabgenbench table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.5em 0; }
.tabgenbench caption { text-align: left; font-weight: bold; }
.tabgenbench th, .tabgenbench td { padding: 0.15em 0.7em; border-bottom: 1px solid var(--line); text-align: right;
  background: var(--paper); color: var(--ink); }
.tabgenbench th[scope=row], .tabgenbench .section th, .tabgenbench th:first-child { text-align: left; }
.tabgenbench .section th { color: var(--soft); font-weight: normal; }
.tabgenbench svg { max-width: 100%; height: auto; }
.tabgenbench figure { margin: 0.5em 0; }
"""


def notebook_html(board: Board) -> str:
    """Return the HTML element that a notebook displays for a board."""
    from tabgenbench_leaderboard.figures.files import inline_svg

    drawn = draw_figures(board, None)
    figures = {}
    for name, text in drawn.svg.items():
        # A notebook can show several boards, so the prefix of ids is a hash of the figure's content.
        figures[name] = inline_svg(text, f"t{hashlib.sha256(text.encode()).hexdigest()[:8]}")
    verdict = verdict_grid(board)
    blocks: list[Block] = [verdict] if verdict else []
    for dataset in board.datasets:
        blocks.append(headline_grid(dataset))
        scores = drawn.names.get((dataset.dataset, "scores"))
        if scores:
            alt = f"Dot plot of every score on {dataset.dataset}; the headline scores are in the table above."
            blocks.append(Figure(scores, alt, "Dot: mean over splits; bar: 95 % interval; grey squares: controls."))
        blocks += [grid for _, grid in problem_parts(dataset)]
    blocks += [Paragraph(quote(sentence)) for sentence in headline_sentences(board)]
    controls = control_descriptions(board.datasets)
    if controls:
        blocks.append(Paragraph(quote(" ".join(["The controls are:", *controls]))))
    title = f"<h3>{html.escape(board.suite)}</h3>"
    return f'<div class="tabgenbench">\n<style>{_STYLE}</style>\n{title}\n{render_blocks(blocks, figures)}\n</div>'
