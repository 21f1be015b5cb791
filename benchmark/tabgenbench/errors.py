"""Every error that a user of TabGenBench can meet.

A message is one sentence that says where, what was got, what was expected and what to do. The command line prints it
without a traceback and exits with 2.

    TabGenBenchError
    ├── DataError          a table, file or card that cannot be used
    ├── ConfigError        an option, suite or name that does not fit
    ├── StoreError         a store that cannot be read or written
    ├── DeviceError        a device that is not there
    ├── PluginError        a plugin that breaks the contract
    └── Unsupported        a plugin declines: not a failure, the cell or metric is skipped with this reason
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

__all__ = [
    "TAIL_CHARACTERS",
    "ConfigError",
    "DataError",
    "DeviceError",
    "PluginError",
    "StoreError",
    "TabGenBenchError",
    "Unsupported",
    "did_you_mean",
    "is_of_file_system",
    "is_out_of_memory",
    "text_of",
    "trace_of",
    "validation_text",
]


TAIL_CHARACTERS = 4000  # of a traceback or of a process's output, in a record
FILE_SYSTEM_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.EIO)
OUT_OF_MEMORY = ("can't allocate memory", "CUDA out of memory")  # what torch says in a plain RuntimeError


class TabGenBenchError(Exception):
    """The base of all errors that are the user's to mend."""


class DataError(TabGenBenchError):
    """A table, file or card cannot be used as it is."""


class ConfigError(TabGenBenchError):
    """An option, a suite or a name does not fit."""


class StoreError(TabGenBenchError):
    """A store cannot be read or written."""


class DeviceError(TabGenBenchError):
    """The device asked for is not on this machine."""


class PluginError(TabGenBenchError):
    """A plugin breaks the contract of its kind."""


class Unsupported(TabGenBenchError):
    """A plugin declines this table or task; the reason is recorded and nothing counts as failed."""


def text_of(error: BaseException) -> str:
    """Return the class and message of an error, on one line; a plugin's error may even fail to say its message."""
    try:
        found = validation_text(error)
        return found or f"{type(error).__name__}: {' '.join(str(error).split())}"
    except Exception:
        return f"{type(error).__name__}: error message unavailable"


def validation_text(error: BaseException) -> str:
    """Return the first problem of a pydantic error in one sentence, ``Card.summary is 3: ...``; nothing for others."""
    if type(error).__name__ != "ValidationError" or not hasattr(error, "errors"):  # pydantic itself is not imported
        return ""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in (getattr(error, "title", ""), *first["loc"]))
    return f"{place} is {first['input']!r}: {first['msg']}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the machine's memory or the device's is used up."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in text_of(error) for words in OUT_OF_MEMORY)


def trace_of(error: BaseException) -> str:
    """Return the tail of an error's traceback."""
    import traceback

    try:
        return "".join(traceback.format_exception(error))[-TAIL_CHARACTERS:]
    except Exception:
        return "".join(traceback.format_tb(error.__traceback__))[-TAIL_CHARACTERS:]


def is_of_file_system(error: OSError) -> bool:
    """Whether a file system failed: it is full, read-only, gone or broken. Its errors do not always name a file."""
    return error.errno in FILE_SYSTEM_ERRORS


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known name, else the known names.

    >>> did_you_mean("cvea", ["cvae", "shuffled"])
    "; did you mean 'cvae'?"
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""
