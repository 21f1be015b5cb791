"""Temporary folders of a process.

A process removes its folders when it ends. If a process was killed, a later process removes the folders.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import socket
import tempfile
from functools import lru_cache
from multiprocessing.util import Finalize
from pathlib import Path

import psutil

__all__ = ["new_scratch", "remove_folder", "short_scratch"]

PREFIX = "tgb"
LONGEST_FOR_SOCKETS = 60  # socket addresses have at most 108 characters


def new_scratch() -> Path:
    """Return a new, empty temporary folder, which the caller removes."""
    return Path(tempfile.mkdtemp(dir=_own_folder(tempfile.gettempdir(), os.getpid())))


def short_scratch() -> Path:
    """Return the temporary folder of this process; its path is short enough for sockets."""
    root = tempfile.gettempdir()
    return _own_folder(root if len(root) <= LONGEST_FOR_SOCKETS else "/tmp", os.getpid())


def remove_folder(folder: Path) -> None:
    """Remove a folder, even if a task has removed write permissions inside it."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir() and not folder.is_symlink():
        _open_up(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _open_up(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.chmod(0o700)
    for above, names, _ in os.walk(folder):  # top-down: permissions change before a folder is listed
        for name in names:
            inner = Path(above, name)
            if not inner.is_symlink():  # the target of a link is not ours
                with contextlib.suppress(OSError):
                    inner.chmod(0o700)


@lru_cache(maxsize=2)
def _own_folder(root: str, pid: int) -> Path:
    _sweep(Path(root))
    folder = Path(root) / f"{PREFIX}-{_host()}-{pid}-{secrets.token_hex(3)}"
    # The finalizer runs after multiprocessing has removed its own folder (priority -100). It is registered before the
    # folder is created, because an interrupt may follow the creation immediately.
    Finalize(None, _remove, args=(folder, pid), exitpriority=-200)
    folder.mkdir(mode=0o700)
    return folder


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # a forked child inherits this finalizer
        remove_folder(folder)


def _sweep(root: Path) -> None:
    for folder in root.glob(f"{PREFIX}-{_host()}-*-*"):
        pid = folder.name.split("-")[2]
        try:
            dead = pid.isdigit() and not psutil.pid_exists(int(pid)) and folder.stat().st_uid == os.getuid()
        except FileNotFoundError:
            continue
        if dead:
            remove_folder(folder)


@lru_cache(maxsize=1)
def _host() -> str:
    """Return a short name of this machine and container, because process ids are unique only inside a container."""
    name = f"{socket.gethostname()} {os.stat('/proc/self/ns/pid').st_ino}"
    return hashlib.sha256(name.encode()).hexdigest()[:6]
