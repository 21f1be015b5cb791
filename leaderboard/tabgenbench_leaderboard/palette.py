"""How groups look in figures: a colour and a marker each, told apart by colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["COLOURS", "MARKERS", "Look", "group_looks", "look_of_order"]

# Sixteen colours whose smallest distance in OKLab is as large as a search could make it, over normal sight and
# simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009); none too light or too dark for a page.
COLOURS = (
    "#0087b4",
    "#e15a1e",
    "#780f4b",
    "#a5b400",
    "#9600ff",
    "#00e1ff",
    "#a56969",
    "#3c1ea5",
    "#a5d2a5",
    "#a52d78",
    "#e1d200",
    "#4b5ab4",
    "#e18787",
    "#5a5a00",
    "#b469ff",
    "#00b4d2",
)
MARKERS = ("o", "s", "^", "D")


@dataclass(frozen=True)
class Look:
    """Colour and marker of a group's points."""

    colour: str
    marker: str


def group_looks(names: Iterable[str]) -> dict[str, Look]:
    """Give every name a look of its own, by its place in sorted order; 64 names differ.

    >>> looks = group_looks(["lung", "liver", "lung"])
    >>> list(looks), looks["liver"].marker, looks["lung"].marker
    (['liver', 'lung'], 'o', 's')
    """
    return {name: _look(i) for i, name in enumerate(sorted(set(names)))}


def _look(order: int) -> Look:
    cycle, place = divmod(order, len(COLOURS))
    return Look(COLOURS[place], MARKERS[(place + cycle) % len(MARKERS)])


def look_of_order(order: int) -> Look:
    """Return a look for the few values of a status, by their place in sorted order: orange, blue, then the others."""
    first = (Look("#d55e00", "o"), Look("#0072b2", "o"), Look("#009e73", "^"), Look("#cc79a7", "s"))
    return first[order] if order < len(first) else _look(order)
