"""Colours and markers of groups in figures, distinguishable for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

__all__ = ["COLOURS", "MARKERS", "Look", "group_looks", "status_looks"]

# Sixteen colours from a search that maximised their smallest distance in OKLab, for normal vision and for simulated
# protanopia, deuteranopia and tritanopia (Machado et al. 2009). None is too light or too dark for a page.
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
_TISSUES = (  # tissues of RNAseqDB: each has the same look on every board
    "bladder",
    "breast",
    "cervix",
    "colon",
    "esophagus_gas",
    "esophagus_muc",
    "esophagus_mus",
    "kidney",
    "liver",
    "lung",
    "prostate",
    "salivary",
    "stomach",
    "thyroid",
    "uterus",
)
# From a search: distant from the sixteen colours, from each other, and from those of real and synthetic rows.
_STATUS_COLOURS = ("#443311", "#33aa66", "#99aaff")
_STATUS_MARKERS = ("o", "^", "s", "D")


@dataclass(frozen=True)
class Look:
    """Colour and marker of the points of a group in a figure."""

    colour: str
    marker: str


def group_looks(names: Iterable[str]) -> dict[str, Look]:
    """Return a colour and marker for each name; the combinations are distinct for up to 64 names.

    Each tissue of RNAseqDB has a fixed colour and marker. All other names, in sorted order, get the remaining
    combinations in a fixed order. Figures with the same names therefore use the same colours and markers.

    >>> looks = group_looks(["lung", "neuron", "liver", "astrocyte", "lung"])
    >>> list(looks)
    ['astrocyte', 'liver', 'lung', 'neuron']
    >>> looks["liver"] == group_looks(["liver"])["liver"], looks["liver"].marker, looks["astrocyte"].marker
    (True, 'o', 'o')
    """
    found = sorted(set(names))
    fixed = {name: _TISSUES.index(name) for name in found if name in _TISSUES}
    left = (order for order in count() if order not in fixed.values())
    return {name: _look(fixed[name] if name in fixed else next(left)) for name in found}


def _look(order: int) -> Look:
    cycle, place = divmod(order, len(COLOURS))
    return Look(COLOURS[place], MARKERS[(place + cycle) % len(MARKERS)])


def status_looks(names: Iterable[str]) -> dict[str, Look]:
    """Return a colour and marker for each status, in sorted order.

    The first twelve statuses get colours that no tissue has.

    >>> status_looks(["normal", "cancer"])
    {'cancer': Look(colour='#443311', marker='o'), 'normal': Look(colour='#33aa66', marker='^')}
    """
    return {name: _status_look(i) for i, name in enumerate(sorted(set(names)))}


def _status_look(order: int) -> Look:
    cycle, place = divmod(order, len(_STATUS_COLOURS))
    if cycle >= len(_STATUS_MARKERS):
        return _look(order)
    return Look(_STATUS_COLOURS[place], _STATUS_MARKERS[(place + cycle) % len(_STATUS_MARKERS)])
