"""Describes the process that owns a file, so that other processes can check whether the owner still runs."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Owner"]


class Owner(BaseModel):
    """Identity of a process on any machine.

    Process ids (pids) are reused, and each container has its own pids. To identify a process, an `Owner` therefore also
    contains the start time and the pid namespace of the container.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    host: str
    namespace: str = Field(description="boot and pid namespace of the kernel; pids can be compared if it is equal")
    pid: int
    started: int = Field(description="start of the process, in clock ticks since boot")
    since: str = Field("", description="UTC time in ISO 8601 since when it holds the claim")
    token: str = Field("", description="random text that makes the content of each claim unique")

    @classmethod
    def this_process(cls) -> Owner:
        """Return an `Owner` object that describes this process."""
        pid = os.getpid()
        since = datetime.now(UTC).isoformat(timespec="seconds")
        started = _start_of(pid) or 0
        return cls(host=socket.gethostname(), namespace=_namespace(), pid=pid, started=started, since=since)

    def lives(self) -> bool | None:
        """Return whether the process is still running; None if the answer is unknown.

        The result is None for a process on another machine, in another container, or from before the last boot. The
        result is also None if the system hides the process with this pid from this user (mount option ``hidepid``).
        In this case, the pid may belong to another process that reuses it.
        """
        if (self.host, self.namespace) != (socket.gethostname(), _namespace()):
            return None
        started = _start_of(self.pid)
        return None if started == UNKNOWN else started == self.started

    @property
    def stem(self) -> str:
        """The prefix of the names of all temporary files of this process."""
        return f"{self.host}-{self.namespace}-{self.pid}-{self.started}"

    def new_name(self) -> str:
        """Return a new name for a temporary file; `from_name` reads the owner from this name."""
        return f"{self.stem}-{secrets.token_hex(6)}"

    @classmethod
    def from_name(cls, name: str) -> Owner | None:
        """Return the owner of a file from a name that `new_name` made, or None for any other name."""
        parts = name.rsplit("-", 4)
        if len(parts) != 5 or not (parts[2].isdigit() and parts[3].isdigit()):
            return None
        return cls(host=parts[0], namespace=parts[1], pid=int(parts[2]), started=int(parts[3]))


UNKNOWN = -1  # the start time of a process that runs but is hidden from this user


def _start_of(pid: int) -> int | None:
    """Return the start time of a process, `UNKNOWN` for a hidden process, or None if the process has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return UNKNOWN if psutil.pid_exists(pid) else None
    return None if fields[0] in "ZX" else int(fields[19])


@lru_cache(maxsize=1)
def _namespace() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", "")
        return f"{boot[:12]}.{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return "unknown"
