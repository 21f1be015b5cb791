"""Messages that a worker process sends through a pipe to the `Supervisor` of its task.

If other code writes invalid data to the pipe, the reader gets an exception instead of waiting forever.
"""

from __future__ import annotations

import os
import pickle
import struct
import threading
from dataclasses import fields, is_dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["Inbox", "Outbox", "TornMessage"]

HEADER = struct.Struct("!Q")  # bytes of the pickle that follows
MOST_BYTES = 4 * 2**30  # upper limit of a message; a larger size means that the bytes are not a header
CHUNK_BYTES = 2**20


class TornMessage(Exception):
    """The received bytes are not a message: other code wrote to the pipe, or unpickling failed."""


class Outbox:
    """The writing end of the pipe, in the worker; several threads may use one object."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._lock = threading.Lock()

    def send(self, kind: str, content: Any) -> None:
        """Send one message. If the content cannot be pickled, raise the error of pickle and send nothing."""
        data = pickle.dumps((kind, content), protocol=pickle.HIGHEST_PROTOCOL)
        left = memoryview(HEADER.pack(len(data)) + data)
        with self._lock:
            while left:
                left = left[os.write(self._file, left) :]


class Inbox:
    """The reading end of the pipe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._arrived = bytearray()
        os.set_blocking(connection.fileno(), False)

    def read(self) -> list[tuple[str, Any]]:
        """Return kind and content of each complete message that has arrived; do not wait for more.

        Raises:
            EOFError: the other end is closed and all data was read.
            TornMessage: the received bytes are not a message.
        """
        try:
            chunk = os.read(self._connection.fileno(), CHUNK_BYTES)
        except BlockingIOError:
            return []
        if not chunk:
            raise EOFError
        self._arrived += chunk
        found = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> tuple[str, Any] | None:
        if len(self._arrived) < HEADER.size:
            return None
        (size,) = HEADER.unpack_from(self._arrived)
        if size > MOST_BYTES:
            raise TornMessage("its process wrote invalid data to the message pipe")
        end = HEADER.size + size
        if len(self._arrived) < end:
            return None
        data = bytes(self._arrived[HEADER.size : end])
        del self._arrived[:end]
        try:
            kind, content = _readable(pickle.loads(data))
        except (Exception, SystemExit) as error:  # unpickling a plugin's object may raise anything
            raise TornMessage(f"its message cannot be unpickled ({type(error).__name__})") from error
        return kind, content


def _readable(value: Any) -> Any:
    if isinstance(value, str):
        return str.encode(value, "utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_readable(key): _readable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(map(_readable, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: _readable(getattr(value, one.name)) for one in fields(value) if one.init})
    return value
