"""The folder of a store. Writes are atomic, and corrupt files are moved to a quarantine folder."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tabgenbench.store.owner import Owner

__all__ = ["Quarantined", "StoreFolder"]

FOREIGN_SECONDS = 86_400  # how long temporary files of another machine are kept
_MUTEX = threading.RLock()  # file locks on NFS exclude other processes, not other threads


@dataclass(frozen=True)
class Quarantined:
    """A file or folder of a store that could not be read.

    Attributes:
        path: path at which the file or folder was found.
        reason: what is wrong with the file or folder.
        moved: new path. None if the file was not moved, either because this process only reads the store or because a
            permission is missing.
    """

    path: Path
    reason: str
    moved: Path | None = None

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}; " + (f"moved to {self.moved}" if self.moved else "passed over")


class StoreFolder:
    """A folder that several processes on several machines may write to.

    A corrupt file is treated as missing, and the method `quarantine` is called. The attribute `writing` is true if this
    process may change the store.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.writing = False
        self.quarantined: list[Quarantined] = []
        self.on_quarantine: Callable[[Quarantined], None] | None = None
        self._depth = 0

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold an exclusive lock of the store during the ``with`` block, which should take only milliseconds.

        On a file system without locks, other processes may write during the block. Each rename or link is then atomic,
        but not the whole block.
        """
        with _MUTEX:
            if self._depth:  # this thread already holds the lock
                yield
                return
            path = self.root / "claims" / ".lock"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as handle:
                with suppress(OSError):
                    fcntl.flock(handle, fcntl.LOCK_EX)
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                    with suppress(OSError):
                        fcntl.flock(handle, fcntl.LOCK_UN)

    def new_folder(self) -> Path:
        """Create and return a folder in ``tmp``; if it remains after this process ended, a later run removes it."""
        path = self.new_path()
        path.mkdir(parents=True)
        return path

    def new_path(self, suffix: str = "") -> Path:
        """Return an unused path in ``tmp``; if a file remains after this process ended, a later run removes it."""
        return self.root / "tmp" / (Owner.this_process().new_name() + suffix)

    def dead_temporaries(self) -> list[Path]:
        """Return the files in ``tmp`` of processes that have ended.

        A process that this machine cannot check counts as ended if its file did not change for a day.
        """
        try:
            paths = sorted((self.root / "tmp").iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [path for path in paths if not _may_be_in_use(path)]

    def keep_temporaries(self) -> None:
        """Mark the files of this process in ``tmp`` as in use, so that other machines do not remove them."""
        for path in (self.root / "tmp").glob(f"{Owner.this_process().stem}-*"):
            with suppress(FileNotFoundError):
                os.utime(path)

    def publish_folder(self, folder: Path, final: Path) -> None:
        """Move a finished folder to its final path in one step; an existing folder is replaced."""
        final.parent.mkdir(parents=True, exist_ok=True)
        while True:
            self.discard(final)
            try:
                os.replace(folder, final)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                return

    def discard(self, path: Path) -> None:
        """Remove a file or a folder; other processes see the whole folder or no folder."""
        if not os.path.lexists(path):
            return
        grave = self.new_folder()
        with suppress(FileNotFoundError):  # another runner of this store may move it at the same time
            os.replace(path, grave / path.name)
        shutil.rmtree(grave, ignore_errors=True)

    def write_text(self, path: Path, text: str) -> None:
        """Write a text file atomically, and create its folder if necessary."""
        self.write_bytes(path, text.encode())

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write a binary file atomically, and create its folder if necessary."""
        with self.replacing(path) as temporary:
            temporary.write_bytes(content)

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """Yield a temporary path; the file there is renamed to ``path`` if the ``with`` block raises no error."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.new_path(path.suffix)
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def quarantine(self, path: Path, reason: str, *, content: bytes | None = None) -> None:
        """Add a corrupt file to the list `quarantined`, and call `on_quarantine` with the new item of the list.

        If `writing` is true, the file is first moved to ``quarantine/``.

        Args:
            path: a file or folder of the store.
            reason: what is wrong with the file.
            content: the corrupt content. A file with other content is not moved, because another process has rewritten
                the file. If None, the content is not compared.
        """
        moved = None
        if self.writing:
            try:
                moved = self._move_aside(path, content)
            except FileNotFoundError:  # another runner has moved it
                return
            except OSError:  # no permission to move it: it is reported and stays
                moved = None
        if all((path, moved) != (other.path, other.moved) for other in self.quarantined):
            self.quarantined.append(Quarantined(path, reason, moved))
            if self.on_quarantine is not None:
                self.on_quarantine(self.quarantined[-1])

    def _move_aside(self, path: Path, content: bytes | None) -> Path:
        inside = path.relative_to(self.root)
        with self.locked():
            place, number = self.root / "quarantine" / inside, 0
            while os.path.lexists(place):
                number += 1
                place = self.root / "quarantine" / inside.with_name(f"{inside.name}.{number}")
            place.parent.mkdir(parents=True, exist_ok=True)
            os.rename(path, place)
            if content is not None and place.read_bytes() != content:
                os.replace(place, path)
                raise FileNotFoundError(path)
        return place

    def quarantine_blocking(self, path: Path) -> None:
        """Make ``path`` writable: quarantine a folder at ``path``, or a file where a parent folder must be."""
        for place in (path, *path.parents):
            if place == self.root or not place.is_relative_to(self.root):
                return
            if place == path and place.is_dir():
                self.quarantine(place, "a folder, expected a file")
            elif place != path and place.is_file():
                self.quarantine(place, "a file, expected a folder")


def _may_be_in_use(path: Path) -> bool:
    owner = Owner.from_name(path.name)
    lives = None if owner is None else owner.lives()
    if lives is not None:
        return lives
    with suppress(FileNotFoundError):  # a process of another machine cannot be checked: the age decides
        return time.time() - path.stat().st_mtime < FOREIGN_SECONDS
    return True
