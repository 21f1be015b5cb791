"""Functions that format numbers, durations, sizes and titles in the same way on every page and in every message."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

__all__ = [
    "bytes_text",
    "cell_title",
    "count_text",
    "duration_text",
    "end_cut",
    "features_text",
    "number_text",
    "place_text",
    "rough_duration_text",
    "shortened",
    "spaced",
]

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def cell_title(label: str, dataset: str, split: int, seed: int, fold: int | None = None) -> str:
    """Return the title of one training of a generator, with dataset, split and seed.

    >>> cell_title("cvae", "rnaseqdb", 0, 1), cell_title("cvae", "rnaseqdb", 0, 1, fold=1)
    ('cvae · rnaseqdb · split 0 · seed 1', 'cvae · rnaseqdb · split 0, fold 1 · seed 1')
    """
    return f"{label} · {dataset} · {place_text(split, fold)} · seed {seed}"


def place_text(split: int, fold: int | None) -> str:
    """Return the name of a split, with the number of the fold if the split has several folds.

    >>> place_text(2, None), place_text(2, 0)
    ('split 2', 'split 2, fold 0')
    """
    return f"split {split}" if fold is None else f"split {split}, fold {fold}"


def duration_text(seconds: float) -> str:
    """Format a time in seconds, minutes or hours.

    >>> [duration_text(s) for s in (0.004, 0.61, 12.4, 310.2, 1500, 9000)]
    ['<0.01 s', '0.61 s', '12 s', '310 s', '25 min', '2.5 h']
    """
    if seconds < 0.01:
        return "<0.01 s"
    if seconds < 9.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    if seconds < 999.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def rough_duration_text(seconds: float) -> str:
    """Format an estimated time with fewer digits than `duration_text`; 90 s and more are given in larger units.

    >>> [rough_duration_text(s) for s in (0.3, 7.4, 43, 137, 9000, 400000)]
    ['1 s', '7 s', '45 s', '2 min', '2.5 h', '4.6 days']
    """
    if seconds < 90:
        return f"{max(1, round(seconds)) if seconds < 20 else 5 * round(seconds / 5)} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def bytes_text(size: float) -> str:
    """Format a number of bytes in a unit from bytes to PiB; sizes of 1 GiB and more have one decimal.

    >>> [bytes_text(size) for size in (5, 2048, 300 * 2**20, 23_192_823_398)]
    ['5 bytes', '2 KiB', '300 MiB', '21.6 GiB']
    """
    power = 0
    while power < len(_UNITS) - 1 and round(size) >= 1024:
        size, power = size / 1024, power + 1
    return f"{size:,.1f} {_UNITS[power]}" if power >= 3 else f"{size:,.0f} {_UNITS[power]}"


def count_text(n: int, noun: str) -> str:
    """Format a count with its noun.

    >>> count_text(1, "split"), count_text(1200, "row")
    ('1 split', '1,200 rows')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def features_text(numeric: int, categorical: int) -> str:
    """Format how many numeric and how many categorical features a table has.

    >>> features_text(4, 0), features_text(4, 1), features_text(0, 22)
    ('4 features', '4 numeric and 1 categorical features', '22 categorical features')
    """
    if not categorical:
        return count_text(numeric, "feature")
    if not numeric:
        return count_text(categorical, "categorical feature")
    return f"{numeric:,} numeric and {categorical:,} categorical features"


def number_text(value: float, decimals: int) -> str:
    """Format a number with a given number of decimals.

    Negative zero becomes zero. A number of 1,000,000 or more is written with a power of ten.

    >>> number_text(-0.00001, 3), number_text(123456789.0, 0)
    ('0.000', '1.23e+08')
    """
    if abs(value) >= 1e6:
        return f"{value:.2e}"
    text = f"{value:,.{decimals}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def spaced(label: str) -> str:
    """Return a label with a space after each comma, so that lines can break at commas.

    >>> spaced("cvae:epochs=30,depth=2"), spaced("CVAE, 30 epochs")
    ('cvae:epochs=30, depth=2', 'CVAE, 30 epochs')
    """
    return re.sub(r",(?! )", ", ", label)


def shortened(names: Iterable[str], most: int) -> dict[str, str]:
    """Return a short form of each name, with about ``most`` characters.

    A name is cut at its end, or in its middle if another name has the same beginning. An ellipsis marks the cut. If two
    short forms are still equal, a number is appended to each.

    >>> shortened(["Brain - Amygdala", "Skin"], 10)
    {'Brain - Amygdala': 'Brain - A…', 'Skin': 'Skin'}
    >>> list(shortened(["Skin - Sun exposed", "Skin - Sun expected", "Skin - Sunny"], 12).values())
    ['Skin -…pected', 'Skin -…xposed', 'Skin - Sunny']
    """
    found = {name: " ".join(name.split()) for name in sorted(set(names))}
    ends = {name: end_cut(text, most) for name, text in found.items()}
    counts = Counter(ends.values())
    cut = {name: end if counts[end] == 1 else _middle_cut(found[name], most) for name, end in ends.items()}
    counts = Counter(cut.values())
    return {name: text if counts[text] == 1 else f"{text} ({i})" for i, (name, text) in enumerate(cut.items(), 1)}


def end_cut(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters; an ellipsis marks that the text was cut."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _middle_cut(text: str, most: int) -> str:
    half = most // 2
    return text if len(text) <= most else f"{text[:half].rstrip()}…{text[-half:].lstrip()}"
