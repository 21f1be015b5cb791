"""Tables of a board's headline scores (its main scores) as LaTeX, in the style of the package booktabs."""

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
_WIDTH = 80  # characters of the size footnotesize that fit the text width of the class article
_GAP = 3  # characters between two columns


def escape_latex(text: str) -> str:
    r"""Escape the characters of a text that are special in LaTeX; text between backticks becomes code.

    >>> escape_latex("a_b: 5 % ± 1")
    'a\\_b: 5 \\% $\\pm$ 1'
    """
    parts = [_SIGNS.sub(lambda match: _ESCAPED[match.group()], part) for part in text.split("`")]
    return "".join(rf"\texttt{{{part}}}" if i % 2 else part for i, part in enumerate(parts))


def latex_tables(board: Board) -> str:
    """Return a LaTeX table of headline scores for each dataset. The tables need the package booktabs.

    A table that is wider than a page of the class article is divided into several tables.
    """
    tables = []
    for dataset in board.datasets:
        grid = headline_grid(dataset)
        label = f"tab:{_label(board.suite)}-{_label(dataset.dataset)}"
        parts = _column_groups(grid)
        for i, columns in enumerate(parts, start=1):
            part = f" (part {i} of {len(parts)})" if len(parts) > 1 else ""
            tables.append(_table(grid, (0, *columns), f"{grid.caption}{part}", f"{label}-{i}" if i > 1 else label))
    return "% \\usepackage{booktabs}\n" + "\n".join(tables)


def _column_groups(grid: Grid) -> list[list[int]]:
    rows = [row for row in grid.rows if not isinstance(row, Section)]
    widths = [
        max(len(head), *(len(row[j].text) for row in rows)) + _GAP if rows else len(head) + _GAP
        for j, head in enumerate(grid.header)
    ]
    groups: list[list[int]] = [[]]
    left = _WIDTH - widths[0]
    for j in range(1, len(widths)):
        if groups[-1] and widths[j] > left:
            groups.append([])
            left = _WIDTH - widths[0]
        groups[-1].append(j)
        left -= widths[j]
    return groups


def _table(grid: Grid, columns: tuple[int, ...], caption: str, label: str) -> str:
    rows = []
    for row in grid.rows:
        if isinstance(row, Section):
            rows += [r"\midrule", rf"\multicolumn{{{len(columns)}}}{{l}}{{\emph{{{escape_latex(row.text)}}}}} \\"]
        else:
            texts = [escape_latex(row[j].text) for j in columns]
            marked = [rf"\textbf{{{text}}}" if row[j].strong else text for j, text in zip(columns, texts, strict=True)]
            rows.append(" & ".join(marked) + r" \\")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape_latex(caption)}. Mean $\pm$ half of the 95\,\% interval over splits.}}",
            rf"\label{{{label}}}",
            r"\footnotesize",
            rf"\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}",
            r"\toprule",
            " & ".join(escape_latex(grid.header[j]) for j in columns) + r" \\",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _label(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")
