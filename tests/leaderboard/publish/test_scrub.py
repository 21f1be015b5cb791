from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tabgenbench.records import Card, Environment, ScoreSpec
from tabgenbench_leaderboard.publish.scrub import Scrubber, find_names

KNOWN = Scrubber(["gpu01", "mallory"])


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("run x --store /home/mallory/store -d ~/a.csv", "run x --store <path> -d <path>/a.csv"),
        ("--out=/srv/a/b.toml, ~mallory/c/d.csv.", "--out=<path>/b.toml, <path>/d.csv."),
        ('File "/home/m/.venv/lib/site-packages/torch/x.py", line 3', 'File "<path>/site-packages/torch/x.py", line 3'),
        ("/home/m/src/tabgenbench/run/tasks.py", "<path>/tabgenbench/run/tasks.py"),
        ("'/home/mal lory/my data/x.csv'", "'<path>/x.csv'"),
        ("PATH=/a/b:/c/d server:/export/home", "PATH=<path>:<path> server:<path>"),
        ("file:///tmp/x/y.txt", "<path>/y.txt"),
        ("mallory@gpu01:/x/y and a.b@example.org", "<address>:<path> and <address>"),
        ("http://al:secret@10.0.0.5:8080/x", "http://<address>:8080/x"),
        ("on gpu01 by mallory, not gpu012", "on <name> by <name>, not gpu012"),
        ("https://doi.org/10.1/x and/or 1/2 km/h // @torch", "https://doi.org/10.1/x and/or 1/2 km/h // @torch"),
        ("/data/tabgenbench/mallory/x", "<path>"),
    ],
)
def test_what_identifies_is_replaced_once(text: str, clean: str) -> None:
    assert KNOWN.text(text) == clean
    assert KNOWN.text(clean) == clean


PIECES = ["home", "mallory", "gpu01", "a.py", "https", "file", "//", *"/~@:.=<>1 '\""]


@example("home@home.@home")
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_scrubbing_twice_is_scrubbing_once(text: str) -> None:
    clean = KNOWN.text(text)
    assert KNOWN.text(clean) == clean


def test_names_and_options_lose_paths_and_addresses_only() -> None:
    scrubber = Scrubber(["gamma"])
    record = {
        "metric": "gamma",
        "config": {"file": "/a/b/c.csv", "host": "gamma"},
        "packages": {"numpy": "1.2.3.4"},
        "notes": ["gamma, 1.2.3.4"],
        "undefined": {"gamma": "no gamma"},
        "host": "gamma",
        "sizes": {"/a/b/c.csv": 1, "gamma": 2},
    }
    assert scrubber.value(record) == {
        "metric": "gamma",
        "config": {"file": "<path>/c.csv", "host": "gamma"},
        "packages": {"numpy": "1.2.3.4"},
        "notes": ["<name>, <address>"],
        "undefined": {"gamma": "no <name>"},
        "host": "",
        "sizes": {"<path>/c.csv": 1, "gamma": 2},
    }


def test_hosts_and_users_are_found_in_records() -> None:
    names = find_names([Environment(host="gpu01.cluster.org", clock="/home/alice/x ~bob/y /home/user/x")])
    assert names == {"gpu01.cluster.org", "gpu01", "alice", "bob"}


def test_a_record_without_any_is_the_same_object() -> None:
    spec = ScoreSpec(name="a/b", direction="one", description="1/2 of a/b", citation="https://x.org/a/b")
    assert Scrubber().record(spec) is spec
    card = Card(summary="at /a/b", url="https://x.org/~me/b")
    changed = Scrubber().record(card)
    assert json.loads(changed.model_dump_json()) == {**card.model_dump(), "summary": "at <path>"}
