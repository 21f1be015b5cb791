"""Claims: files that state which runner (process of a run) is working on a cell, so that no other runner starts it.

A hard link creates the file together with its content, so no runner reads an incomplete claim. A claim is valid
until its runner ends. If this machine cannot check whether a runner is alive (on another machine, or hidden from this
user), the runner's claims expire EXPIRY_SECONDS after their last refresh.
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

EXPIRY_SECONDS = 600.0  # since the last refresh; a runner refreshes about every 30 s


class Claims:
    """Makes, refreshes and releases the claims of one runner, and reads the claims of all runners.

    Several threads may use one object.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._held: dict[
            str, bytes
        ] = {}  # content of each claim's file by key, because another runner may have replaced the file
        self._mutex = threading.Lock()

    def acquire(self, key: str) -> bool:
        """Claim a cell.

        Returns:
            True if this object now holds the claim; False if another runner or thread already holds the claim.
        """
        path = self._path(key)
        seen = _parse(_content(path))
        if seen is not None and seen.lives():  # the common case: no lock is needed
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
        """Release a claim, unless another runner has replaced the claim in the meantime."""
        with self.store.locked():
            with self._mutex:
                content = self._held.pop(key, None)
            path = self._path(key)
            if content is not None and _content(path) == content:
                path.unlink(missing_ok=True)

    def refresh(self) -> list[str]:
        """Refresh all claims of this runner, so that they do not expire.

        Returns:
            The keys of the cells whose claims were lost. A claim is lost if this runner was suspended for longer than
            EXPIRY_SECONDS and another runner claimed the cell. Two runners then work on the same cell.

        Raises:
            OSError: the file system failed; the call can be repeated.
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
        """Release all claims.

        If the file system fails, a claim remains until this process ends or the claim expires.
        """
        for key in list(self._held):
            with suppress(OSError):
                self.release(key)

    def holder(self, key: str) -> Owner | None:
        """Return the runner that is working on a cell, or None."""
        path = self._path(key)
        owner = _parse(_content(path))
        return owner if owner is not None and _holds(owner, path, time.time()) else None

    def owners(self) -> dict[str, Owner]:
        """Return the runners that are working on cells, by the key of the cell."""
        found = ((path.stem, self.holder(path.stem)) for path in self._paths())
        return {key: owner for key, owner in found if owner is not None}

    def dead(self) -> list[str]:
        """Return the keys of cells whose claims have expired or whose runners have ended."""
        return [path.stem for path in self._paths() if self.holder(path.stem) is None]

    def remove_dead(self) -> None:
        """Remove the claims of the cells that `dead` returns."""
        for key in self.dead():
            with self.store.locked():
                self._clear(self._path(key), self._clock())

    def _path(self, key: str) -> Path:
        return self.store.root / "claims" / f"{key}.json"

    def _paths(self) -> Iterator[Path]:
        return iter(sorted((self.store.root / "claims").glob("*.json")))

    def _clock(self) -> float:
        """Return the time by the clock of the file system, which also sets the times of the claim files."""
        lock = self.store.root / "claims" / ".lock"
        os.utime(lock)
        return lock.stat().st_mtime

    def _make(self, path: Path) -> bytes | None:
        owner = Owner.this_process().model_copy(update={"token": secrets.token_hex(6)})
        content = owner.model_dump_json(indent=1).encode() + b"\n"
        temporary = self.store.new_path(".json")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        try:
            os.link(temporary, path)
        except FileExistsError:
            made = temporary.stat().st_nlink == 2  # on NFS a link may be created and the reply lost
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
        """Remove a claim unless it is valid; return whether the cell can now be claimed.

        The caller must have locked the store.
        """
        if not os.path.lexists(path):
            return True
        if not os.access(path, os.R_OK):  # another user's
            return False
        content = _content(path)
        owner = _parse(content)
        if owner is None:
            self.store.quarantine(path, "not a claim of this program")
            return not os.path.lexists(path)
        if _holds(owner, path, now):
            return False
        grave = self.store.new_path(".json")
        with suppress(FileNotFoundError):
            os.rename(path, grave)
            if grave.read_bytes() == content:
                grave.unlink()
                return True
            with suppress(OSError):  # without locks, another runner may have claimed the cell since it was read
                os.link(grave, path)
            grave.unlink()
        return False


def _make_without_links(path: Path, content: bytes) -> bool:
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
    try:
        return path.read_bytes()
    except (FileNotFoundError, PermissionError):  # another user has taken it
        return None


def _parse(content: bytes | None) -> Owner | None:
    try:
        return Owner.model_validate_json(content or b"")
    except ValidationError:
        return None


def _holds(owner: Owner, path: Path, now: float) -> bool:
    """Return whether a claim is valid: its owner runs or, if this is unknown, has refreshed the claim recently."""
    lives = owner.lives()
    if lives is not None:
        return lives
    try:
        return now - path.stat().st_mtime < EXPIRY_SECONDS
    except FileNotFoundError:
        return False
