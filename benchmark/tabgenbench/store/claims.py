"""Claims: which runner is at work on which cell, so that runners that share a store never do a cell twice.

A claim is a small file, made with its content in one step by a hard link. It is free again at once when its owner was a
process of this machine and is gone. Of an owner elsewhere, or hidden from this user, nothing is known but its last sign
of life: its claim is free EXPIRY_SECONDS later.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from tabgenbench.store.owner import Owner
from tabgenbench.store.store import Store

__all__ = ["EXPIRY_SECONDS", "Claims"]

EXPIRY_SECONDS = 600.0  # without a refresh; a runner gives one about every 30 s


class Claims:
    """The claims of one runner on cells of a store, and what it can see of those of others. Safe for threads.

    Args:
        store: the store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._held: dict[str, bytes] = {}  # key to the content of its file: a file of that name may be another's by now
        self._mutex = threading.Lock()

    def acquire(self, key: str) -> bool:
        """Claim a cell.

        Returns:
            Whether this object holds it now; False where anybody holds it, another thread of this process included.
        """
        path = self._path(key)
        seen = _parse(_content(path))
        if seen is not None and seen.lives():  # most often so: spares the lock
            return False
        with self.store.locked():
            now = self._clock()
            content = self._make(path) or (self._make(path) if self._clear(path, now) else None)
            if content is None:
                return False
            with self._mutex:
                self._held[key] = content
        return True

    def release(self, key: str) -> None:
        """Give a claim back; one that was lost meanwhile is left to who has it."""
        with self.store.locked():
            with self._mutex:
                content = self._held.pop(key, None)
            path = self._path(key)
            if content is not None and _content(path) == content:
                path.unlink(missing_ok=True)

    def refresh(self) -> list[str]:
        """Show that this runner lives.

        Returns:
            The keys of claims that were lost, since this runner was stopped for longer than the expiry and another
            took them: what it finds on them is done twice.

        Raises:
            OSError: the file system fails; no claim is given up for it, so that one may try again.
        """
        lost = []
        with self.store.locked(), self._mutex:
            for key, content in list(self._held.items()):
                path = self._path(key)
                if _holding(path) == content:
                    os.utime(path)
                else:
                    del self._held[key]
                    lost.append(key)
        self.store.keep_temporaries()
        return lost

    def close(self) -> None:
        """Give all claims back; one that cannot be is free when this process is gone, or expires."""
        for key in list(self._held):
            with suppress(OSError):
                self.release(key)

    def holder(self, key: str) -> Owner | None:
        """Return who is at work on a cell, or None. Only looks."""
        path = self._path(key)
        owner = _parse(_content(path))
        return owner if owner is not None and _holds(owner, path, time.time()) else None

    def owners(self) -> dict[str, Owner]:
        """Return who is at work on which cell. Only looks."""
        found = ((path.stem, self.holder(path.stem)) for path in self._paths())
        return {key: owner for key, owner in found if owner is not None}

    def dead(self) -> list[str]:
        """Return the keys of claims that hold nothing any more. Only looks."""
        return [path.stem for path in self._paths() if self.holder(path.stem) is None]

    def remove_dead(self) -> None:
        """Remove the claims that hold nothing any more."""
        for key in self.dead():
            with self.store.locked():
                self._clear(self._path(key), self._clock())

    def _path(self, key: str) -> Path:
        return self.store.root / "claims" / f"{key}.json"

    def _paths(self) -> Iterator[Path]:
        return iter(sorted((self.store.root / "claims").glob("*.json")))

    def _clock(self) -> float:
        """Return the time by the clock of the file system, which the clocks of its machines may differ from."""
        lock = self.store.root / "claims" / ".lock"
        os.utime(lock)
        return lock.stat().st_mtime

    def _make(self, path: Path) -> bytes | None:
        """Make a claim's file, whole, and return its content; None where one is there."""
        owner = Owner.this_process().model_copy(update={"token": secrets.token_hex(6)})
        content = owner.model_dump_json(indent=1).encode() + b"\n"
        temporary = self.store.new_path(".json")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        try:
            os.link(temporary, path)
        except FileExistsError:
            made = temporary.stat().st_nlink == 2  # over NFS a link may be made and its answer lost
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            made = _make_without_links(path, content)
        else:
            made = True
        finally:
            temporary.unlink(missing_ok=True)
        return content if made else None

    def _clear(self, path: Path, now: float) -> bool:
        """Remove a claim that nobody holds; whether the place is free. The store is locked."""
        if not os.path.lexists(path):
            return True
        if not os.access(path, os.R_OK):  # another user's
            return False
        content = _content(path)
        owner = _parse(content)
        if owner is None:
            self.store.put_aside(path, "not a claim of this program")
            return not os.path.lexists(path)
        if _holds(owner, path, now):
            return False
        grave = self.store.new_path(".json")
        with suppress(FileNotFoundError):
            os.rename(path, grave)
            if grave.read_bytes() == content:
                grave.unlink()
                return True
            with suppress(OSError):  # without locks, another runner may have claimed it since it was looked at
                os.link(grave, path)
            grave.unlink()
        return False


def _make_without_links(path: Path, content: bytes) -> bool:
    """Make a claim's file where the file system has no hard links."""
    try:
        with path.open("xb") as handle:
            handle.write(content)
    except FileExistsError:
        return False
    return True


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _holding(path: Path) -> bytes | None:
    """Return the content of a claim that this user made, or None; unlike `_content`, tells a failure from absence."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, PermissionError):  # another user's, by now
        return None


def _parse(content: bytes | None) -> Owner | None:
    try:
        return Owner.model_validate_json(content or b"")
    except ValidationError:
        return None


def _holds(owner: Owner, path: Path, now: float) -> bool:
    """Whether a claim holds: its owner lives, or may live and gave a sign of life lately."""
    lives = owner.lives()
    if lives is not None:
        return lives
    try:
        return now - path.stat().st_mtime < EXPIRY_SECONDS
    except FileNotFoundError:
        return False
