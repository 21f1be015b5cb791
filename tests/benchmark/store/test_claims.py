from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tabgenbench.store.claims import EXPIRY_SECONDS, Claims
from tabgenbench.store.owner import Owner
from tabgenbench.store.store import Store

HEAD = """
import sys, time
from pathlib import Path
from tabgenbench.store.claims import Claims
from tabgenbench.store.store import Store
claims = Claims(Store(Path(sys.argv[1])))
"""
RACE = """
print("ready", flush=True)
sys.stdin.readline()
for i in range(int(sys.argv[2])):
    if claims.acquire(f"key{i}"):
        print(f"key{i}", flush=True)
print("end", flush=True)
sys.stdin.readline()
"""
HOLD = """
print(claims.acquire("abc"), flush=True)
time.sleep(600)
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


@pytest.fixture
def start(store: Store) -> Iterator[Start]:
    """Start a process that runs a script with ``claims`` of the store."""
    running: list[subprocess.Popen[str]] = []

    def begin(script: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HEAD + script, str(store.root), *map(str, arguments)]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def send(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def write_claim(store: Store, key: str = "abc", **changes: object) -> Path:
    """Write the claim of this process with changed fields."""
    path = store.root / "claims" / f"{key}.json"
    store.write_text(path, Owner.this_process().model_copy(update=changes).model_dump_json())
    return path


def test_a_claim_is_held_by_one_until_it_is_given_back(store: Store) -> None:
    first, second = Claims(store), Claims(Store(store.root))
    assert first.acquire("abc")
    assert not second.acquire("abc")
    assert not first.acquire("abc")  # nor by another thread of the same runner
    assert second.acquire("other")
    second.release("abc")  # it is not its own
    assert not second.acquire("abc")
    first.release("abc")
    assert second.acquire("abc")
    second.close()
    assert first.owners() == {}
    assert first.acquire("other")


def test_who_holds_what_can_be_seen(store: Store) -> None:
    claims, other = Claims(store), Claims(Store(store.root))
    assert claims.acquire("abc")
    owner = other.holder("abc")
    assert owner is not None
    assert (owner.pid, owner.lives()) == (os.getpid(), True)
    assert owner.since.endswith("+00:00")
    assert list(other.owners()) == ["abc"]
    assert other.holder("none") is None
    assert not list((store.root / "tmp").iterdir())


def test_looking_makes_nothing(tmp_path: Path) -> None:
    claims = Claims(Store(tmp_path / "nothing"))
    assert (claims.owners(), claims.holder("abc"), claims.dead()) == ({}, None, [])
    assert not (tmp_path / "nothing").exists()


def test_processes_that_race_get_every_key_once(store: Store, start: Start) -> None:
    for i in range(0, 150, 3):  # a third of them was held by a process that has ended
        write_claim(store, f"key{i}", started=1)
    processes = [start(RACE, 150) for _ in range(4)]
    assert [line(process) for process in processes] == ["ready"] * 4
    for process in processes:
        send(process)
    won: list[str] = []
    for process in processes:
        while (word := line(process)) != "end":
            assert word, "a process ended early"
            won.append(word)
    assert sorted(won) == sorted(f"key{i}" for i in range(150))
    owners = Claims(store).owners()
    assert {owner.pid for owner in owners.values()} <= {process.pid for process in processes}
    assert len(owners) == 150


def test_threads_that_race_get_every_key_once(store: Store) -> None:
    claims, won = Claims(store), []
    for i in range(0, 40, 2):
        write_claim(store, f"key{i}", started=1)

    def race() -> None:
        for i in range(40):
            if claims.acquire(f"key{i}"):
                won.append(i)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(40))


def test_the_claim_of_a_killed_process_is_free_at_once(store: Store, start: Start) -> None:
    process, claims = start(HOLD), Claims(store)
    assert line(process) == "True"
    assert not claims.acquire("abc")
    process.kill()
    while (owner := claims.holder("abc")) is not None and owner.pid == process.pid:
        time.sleep(0.01)  # the kernel takes a moment; no process reaps it meanwhile
    assert claims.dead() == ["abc"]
    assert claims.acquire("abc")


def test_a_process_that_has_the_number_of_a_dead_one_holds_nothing(store: Store) -> None:
    write_claim(store, started=Owner.this_process().started - 1)
    assert Claims(store).acquire("abc")


@pytest.mark.parametrize("change", [{"host": "another"}, {"namespace": "another"}])
def test_a_claim_from_elsewhere_holds_until_it_expires(store: Store, change: dict[str, str]) -> None:
    path, claims = write_claim(store, pid=1, **change), Claims(store)
    assert not claims.acquire("abc")
    assert list(claims.owners()) == ["abc"]
    seconds = time.time() - EXPIRY_SECONDS + 60
    os.utime(path, (seconds, seconds))
    assert not claims.acquire("abc")
    seconds -= 120
    os.utime(path, (seconds, seconds))
    assert claims.owners() == {}
    assert claims.acquire("abc")


def test_a_claim_of_a_process_that_is_hidden_holds_until_it_expires(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``hidepid``, another user's process may be the owner, or a later process with the same number."""
    path, claims = write_claim(store, pid=1, started=1), Claims(store)
    read_text = Path.read_text

    def hide(self: Path, *arguments: Any, **options: Any) -> str:
        if self == Path("/proc/1/stat"):
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(self))
        return read_text(self, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", hide)
    owner = claims.holder("abc")
    assert owner is not None
    assert owner.lives() is None
    assert not claims.acquire("abc")
    os.utime(path, (1000, 1000))
    assert claims.acquire("abc")


def test_a_claim_of_a_live_process_here_never_expires(store: Store) -> None:
    assert Claims(store).acquire("abc")
    os.utime(store.root / "claims" / "abc.json", (1000, 1000))
    assert not Claims(Store(store.root)).acquire("abc")


def test_a_refresh_is_a_sign_of_life(store: Store) -> None:
    claims = Claims(store)
    assert claims.acquire("abc")
    path = store.root / "claims" / "abc.json"
    os.utime(path, (1000, 1000))
    assert claims.refresh() == []
    assert path.stat().st_mtime > 1000


def test_a_refresh_that_fails_gives_no_claim_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = Claims(store)
    assert claims.acquire("abc")
    path = store.root / "claims" / "abc.json"
    os.utime(path, (1000, 1000))

    def fail(self: Path) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        with pytest.raises(OSError, match="Stale"):
            claims.refresh()
    assert claims.refresh() == []
    assert path.stat().st_mtime > 1000
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail)
        claims.close()  # no further attempt is possible


def test_a_claim_that_was_lost_is_left_to_who_has_it(store: Store) -> None:
    claims = Claims(store)
    assert claims.acquire("abc")
    path = write_claim(store, host="another")
    os.utime(path, (1000, 1000))
    assert claims.refresh() == ["abc"]
    assert path.stat().st_mtime == 1000
    claims.close()
    assert path.exists()


@pytest.mark.parametrize("text", ["", "{", '{"host": "here"}', "[]"])
def test_a_torn_claim_is_quarantined_and_taken(store: Store, text: str) -> None:
    (store.root / "claims" / "abc.json").write_text(text)
    claims = Claims(store)
    assert claims.owners() == {}
    assert claims.acquire("abc")
    assert (store.root / "quarantine" / "claims" / "abc.json").read_text() == text
    assert claims.holder("abc") is not None


def test_claims_that_hold_nothing_can_be_removed(store: Store) -> None:
    claims = Claims(store)
    assert claims.acquire("mine")
    write_claim(store, "fresh", host="another")
    os.utime(write_claim(store, "expired", host="another"), (1000, 1000))
    write_claim(store, "gone", started=1)
    assert claims.dead() == ["expired", "gone"]
    claims.remove_dead()
    assert sorted(claims.owners()) == ["fresh", "mine"]
    assert sorted(path.stem for path in (store.root / "claims").glob("*.json")) == ["fresh", "mine"]
