"""Download and verification of pinned files, which are files with a known hash.

The hash is the git blob SHA-1. A git commit identifies the content of its files by this hash, so a file that is
downloaded from a given commit always has the same hash.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias

import httpx

from tabgenbench import DataError, FetchProgress, FileStatus

__all__ = ["Downloader", "PinnedFile", "blob_sha1", "data_root", "file_status", "public_url", "read_pinned"]

PUBLIC_URL = "https://raw.githubusercontent.com"
CHUNK = 1 << 18  # bytes read at a time: 256 KiB
OnProgress: TypeAlias = Callable[[FetchProgress], None]
RETRIED = frozenset({408, 416, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class PinnedFile:
    """One file of a dataset.

    Attributes:
        path: path below the data root, such as ``rnaseqdb/lung-rsem-fpkm-gtex.txt.gz``.
        blob: git blob SHA-1 of the file's content, in hex.
        url: address of the download.
    """

    path: str
    blob: str
    url: str = ""

    @property
    def name(self) -> str:
        """The file's own name, without folders."""
        return self.path.rpartition("/")[2]


def data_root(data_dir: Path | None) -> Path:
    """Return the root folder of downloaded data.

    The root folder is ``data_dir`` if given, else ``$TABGENBENCH_DATA``, else ``tabgenbench`` below
    ``$XDG_CACHE_HOME``, which is ``~/.cache`` by default.
    """
    if data_dir is not None:
        return data_dir
    named = os.environ.get("TABGENBENCH_DATA")
    if named:
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "tabgenbench"


def public_url(variable: str) -> str:
    """Return the address in an environment variable (a mirror), or else ``https://raw.githubusercontent.com``."""
    return os.environ.get(variable, PUBLIC_URL).rstrip("/")


def blob_sha1(content: bytes) -> str:
    r"""Return the git blob SHA-1 of a file's content, in hex: the hash of ``blob <number of bytes>\0`` and the content.

    >>> blob_sha1(b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def file_status(file: PinnedFile, root: Path) -> FileStatus:
    """Return ``ok`` for a file with the pinned hash, ``missing`` without a file, otherwise ``wrong`` with a reason."""
    path = root / file.path
    try:
        got = _blob_of_file(path)
    except FileNotFoundError:
        return FileStatus(file.path, "missing")
    except OSError as error:
        return FileStatus(file.path, "wrong", f"cannot be read: {error.strerror}")
    if got == file.blob:
        return FileStatus(file.path, "ok")
    size = path.stat().st_size
    return FileStatus(file.path, "wrong", f"git blob SHA-1 {got} of its {size:,} bytes, expected {file.blob}")


def read_pinned(path: Path, blob: str, fix: str) -> bytes:
    """Return a file's bytes after verifying that their git blob SHA-1 is ``blob``.

    The error message ends with ``fix``, which is advice for a missing or wrong file.

    Raises:
        DataError: the file cannot be read, or its hash is not ``blob``; the message for a wrong hash states both.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {fix}") from None
    got = blob_sha1(content)
    if got != blob:
        raise DataError(f"{path}: git blob SHA-1 {got} of its {len(content):,} bytes, expected {blob}; {fix}")
    return content


@dataclass(frozen=True, kw_only=True)
class Downloader:
    """Downloads pinned files over several connections.

    A download is written to ``<name>.part``, verified and then renamed. An interrupted download resumes.

    Attributes:
        connections: number of parallel downloads.
        attempts: maximum number of attempts for each file.
        backoff: seconds before the second attempt. The pause doubles with each further attempt, up to 30 s.
        timeout: seconds without data after which an attempt fails.
    """

    connections: int = 4
    attempts: int = 5
    backoff: float = 1.0
    timeout: float = 30.0

    def fetch(self, files: Sequence[PinnedFile], root: Path, on_progress: OnProgress) -> list[FileStatus]:
        """Download every file that is missing or has a wrong hash.

        If a download is needed, a missing folder ``root`` is created. ``on_progress`` is called from one thread at a
        time, and only for downloaded files.

        Returns:
            The status of every file, in the order of ``files``; the status of a failed download contains the reason.

        Raises:
            DataError: the folder cannot be written, or another download is writing to it.
        """
        statuses = {file: file_status(file, root) for file in files}
        wanted = [file for file in files if statuses[file].status != "ok"]
        if wanted:  # without downloads, a read-only folder is sufficient
            statuses |= dict(zip(wanted, self._fetch(wanted, root, on_progress), strict=True))
        return [statuses[file] for file in files]

    def _fetch(self, files: Sequence[PinnedFile], root: Path, on_progress: OnProgress) -> list[FileStatus]:
        timeout = httpx.Timeout(self.timeout, connect=min(self.timeout, 10.0))
        with _sole_writer(root), httpx.Client(timeout=timeout, follow_redirects=True) as client:
            transfer = _Transfer(self, client, root, on_progress)
            with ThreadPoolExecutor(self.connections) as pool:
                futures = [pool.submit(transfer.have, file) for file in files]
                try:
                    return [future.result() for future in futures]
                except BaseException:  # an interrupt also ends the threads; the .part files remain
                    transfer.stop.set()
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise


@dataclass
class _Transfer:
    """State of one call of `Downloader.fetch`, shared by all download threads."""

    settings: Downloader
    client: httpx.Client
    root: Path
    on_progress: OnProgress
    unreachable: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def have(self, file: PinnedFile) -> FileStatus:
        before = file_status(file, self.root)
        if before.status == "ok":
            return before
        problem = ""
        for attempt in range(self.settings.attempts):
            if self.unreachable or (attempt and self._stopped_while_waiting(attempt)):
                problem = problem or self.unreachable
                break
            try:
                problem = self._attempt(file)
            except httpx.HTTPStatusError as error:
                problem = f"HTTP {error.response.status_code}"
                if error.response.status_code not in RETRIED:
                    break
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                problem = f"{type(error).__name__}: {error}".rstrip(": ")
                if (
                    isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                    and attempt + 1 == self.settings.attempts
                ):
                    self.unreachable = problem  # do not try the other files one by one
            except OSError as error:
                place = (self.root / file.path).parent
                raise DataError(f"{place}: cannot be written ({error.strerror}); free space or name another") from None
            if not problem:
                return FileStatus(file.path, "ok")
        return FileStatus(file.path, before.status, f"{file.url}: {problem}; run the same command again to resume")

    def _stopped_while_waiting(self, attempt: int) -> bool:
        return self.stop.wait(min(self.settings.backoff * 2 ** (attempt - 1), 30.0))

    def _attempt(self, file: PinnedFile) -> str:
        """Download, verify and rename a file; return why its content is wrong, or an empty text."""
        path = self.root / file.path
        part = path.with_name(path.name + ".part")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._download(file, part)
        got = _blob_of_file(part)
        if got == file.blob:
            os.replace(part, path)
            return ""
        problem = f"git blob SHA-1 {got} of {part.stat().st_size:,} bytes, expected {file.blob}"
        part.unlink()
        return problem

    def _download(self, file: PinnedFile, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        # identity: compression by the server would change the bytes
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with self.client.stream("GET", file.url, headers=headers) as response:
            if response.status_code == 416:  # no further bytes: the part is complete, or belongs to another file
                if _blob_of_file(part) == file.blob:
                    return
                part.unlink()
            response.raise_for_status()
            resumed = response.status_code == 206
            if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                part.unlink(missing_ok=True)
                raise httpx.RemoteProtocolError("the server sent a different range than requested")
            with part.open("ab" if resumed else "wb") as handle:
                self._receive(response, handle, name=file.name, have=have if resumed else 0)

    def _receive(self, response: httpx.Response, handle: BinaryIO, *, name: str, have: int) -> None:
        length = response.headers.get("Content-Length")
        total = have + int(length) if length is not None else None
        done = have
        self._tell(FetchProgress(name, done, total))
        for chunk in response.iter_raw(CHUNK):
            handle.write(chunk)
            done += len(chunk)
            self._tell(FetchProgress(name, done, total))
            if self.stop.is_set():
                raise httpx.ReadError("interrupted")
        handle.flush()
        os.fsync(handle.fileno())

    def _tell(self, progress: FetchProgress) -> None:
        with self.lock:
            self.on_progress(progress)


def _blob_of_file(path: Path) -> str:
    with path.open("rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _sole_writer(root: Path) -> Iterator[None]:
    lock = root / ".fetch.lock"
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = lock.open("wb")
    except OSError as error:
        raise DataError(
            f"{root}: cannot be written ({error.strerror}); name a folder of yours with --data-dir"
        ) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(f"{root}: another download is writing there; wait for it, or end it") from None
        yield
