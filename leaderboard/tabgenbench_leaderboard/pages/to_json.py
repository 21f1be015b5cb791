"""The file ``board.json``, and the layout of its JSON."""

from __future__ import annotations

import json
from typing import Any

from tabgenbench_leaderboard.board.model import Board

__all__ = ["board_json", "json_lines"]

_LEVELS = 6
"""Number of outer levels of nesting with one item per line, down to the scores and loss curves of a row."""


def board_json(board: Board) -> str:
    """Return the content of ``board.json``, without the comparisons of generators; `read_board` computes them again."""
    text = board.model_dump_json(exclude={"datasets": {"__all__": {"comparisons"}}})
    return json_lines(json.loads(text), _LEVELS) + "\n"


def json_lines(value: Any, levels: int) -> str:
    """Return a value as JSON; lists and objects in the first ``levels`` levels of nesting have one item per line."""
    if levels == 0 or not value or not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, dict):
        items = [
            f"{json.dumps(key, ensure_ascii=False)}: {json_lines(item, levels - 1)}" for key, item in value.items()
        ]
        return "{\n" + ",\n".join(items) + "\n}"
    return "[\n" + ",\n".join(json_lines(item, levels - 1) for item in value) + "\n]"
