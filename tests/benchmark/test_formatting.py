from __future__ import annotations

import doctest
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgenbench import formatting
from tabgenbench.formatting import bytes_text, duration_text, end_cut, shortened


def test_the_examples_hold() -> None:
    found = doctest.testmod(formatting)
    assert (found.failed, found.attempted > 5) == (0, True)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "<0.01 s"),
        (0.994, "0.99 s"),
        (0.996, "1.0 s"),
        (9.96, "10 s"),
        (59.9, "60 s"),
        (999.4, "999 s"),
        (1000, "17 min"),
        (5399, "90 min"),
        (7380, "2.0 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0 bytes"),
        (1023, "1,023 bytes"),
        (1536, "2 KiB"),
        (2**20 - 1, "1 MiB"),
        (953.7 * 2**20, "954 MiB"),
        (2**30, "1.0 GiB"),
        (2**60 * 5000, "5,120,000.0 PiB"),
    ],
)
def test_bytes_in_the_unit_a_person_would_choose(n: float, text: str) -> None:
    assert bytes_text(n) == text


@given(st.integers(0, 2**60), st.integers(0, 2**60))
def test_more_bytes_never_read_as_fewer(a: int, b: int) -> None:
    units = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")

    def size(text: str) -> float:
        number, unit = text.replace(",", "").split()
        return float(number) * 1024 ** units.index(unit)

    low, high = sorted((a, b))
    assert size(bytes_text(low)) <= size(bytes_text(high))


@given(
    st.sets(st.text(string.ascii_letters + " ", min_size=1, max_size=60).map(str.strip), min_size=1), st.integers(4, 44)
)
def test_shortened_names_differ(names: set[str], most: int) -> None:
    names = {" ".join(name.split()) for name in names}
    found = shortened(names, most)
    assert len(set(found.values())) == len(names)
    assert all(found[name] == name for name in names if len(name) <= most)


@given(st.text(), st.integers(1, 50))
def test_a_cut_text_is_no_longer_than_asked(text: str, most: int) -> None:
    assert len(end_cut(text, most)) <= max(most, 1)
    assert end_cut(text, len(text) + 1) == text
