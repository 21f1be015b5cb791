"""The headline tables of a board as LaTeX, in the style of the package booktabs."""

from __future__ import annotations

import re

from tabgenbench_leaderboard.board.model import Board
from tabgenbench_leaderboard.pages.document import Grid, Section
from tabgenbench_leaderboard.pages.headline import headline_grid

__all__ = ["escape_latex", "latex_tables"]

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
    **{
        sign: f"${name}$"
        for sign, name in {
            "±": r"\pm",
            "↑": r"\uparrow",
            "↓": r"\downarrow",
            "\u00d7": r"\times",
            "≤": r"\leq",
            "≥": r"\geq",
            "\u2212": "-",
            "…": r"\ldots",
        }.items()
    },
}
_SIGNS = re.compile("|".join(map(re.escape, _ESCAPED)))


def escape_latex(text: str) -> str:
    r"""Escape the characters of a text that are special in LaTeX; text between backticks becomes code.

    >>> escape_latex("a_b: 5 % ± 1")
    'a\\_b: 5 \\% $\\pm$ 1'
    """
    parts = [_SIGNS.sub(lambda match: _ESCAPED[match.group()], part) for part in text.split("`")]
    return "".join(rf"\texttt{{{part}}}" if i % 2 else part for i, part in enumerate(parts))


def latex_tables(board: Board) -> str:
    """Return one table per dataset with its headline scores; a document needs the package booktabs."""
    tables = [
        _table(headline_grid(dataset), f"tab:{_label(board.suite)}-{_label(dataset.dataset)}")
        for dataset in board.datasets
    ]
    return "% \\usepackage{booktabs}\n" + "\n".join(tables)


def _table(grid: Grid, label: str) -> str:
    rows = []
    for row in grid.rows:
        if isinstance(row, Section):
            rows += [r"\midrule", rf"\multicolumn{{{len(grid.header)}}}{{l}}{{\emph{{{escape_latex(row.text)}}}}} \\"]
        else:
            texts = [escape_latex(cell.text) for cell in row]
            marked = [rf"\textbf{{{text}}}" if cell.strong else text for cell, text in zip(row, texts, strict=True)]
            rows.append(" & ".join(marked) + r" \\")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(grid.caption)}. Mean $\pm$ half of the 95\,\% interval over splits.}}",
            rf"\label{{{label}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(grid.header) - 1)}}}",
            r"\toprule",
            " & ".join(map(escape_latex, grid.header)) + r" \\",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _label(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")
