"""All errors that TabGenBench raises for its users.

A message states where the problem is, which value was found and which was expected, and how to correct the problem. The
command line prints the message without a traceback and exits with status 2.

    TabGenBenchError
    ├── DataError          a table, a file or a dataset's description (card) cannot be used
    ├── ConfigError        an option, a suite file or a name is invalid
    ├── StoreError         a folder of results (store) cannot be read or written
    ├── DeviceError        a device is not available
    ├── PluginError        a plugin violates the rules (contract) for its kind
    └── Unsupported        a plugin does not support a table, so its training or metric is skipped
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
OUT_OF_MEMORY = ("can't allocate memory", "CUDA out of memory")  # messages of torch in a plain RuntimeError


class TabGenBenchError(Exception):
    """Base class of all errors that a user can correct."""


class DataError(TabGenBenchError):
    """A table, a file or a dataset's description (card) cannot be used."""


class ConfigError(TabGenBenchError):
    """An option, a suite file or a name is invalid."""


class StoreError(TabGenBenchError):
    """A folder of results (store) cannot be read or written."""


class DeviceError(TabGenBenchError):
    """The requested device is not available."""


class PluginError(TabGenBenchError):
    """A plugin violates the rules (contract) for its kind, such as generator or metric."""


class Unsupported(TabGenBenchError):
    """A plugin does not support this table; the training or metric is then skipped, not failed."""


def text_of(error: BaseException) -> str:
    """Return the class and message of an error on one line; never raise an exception."""
    try:
        found = validation_text(error)
        return found or f"{type(error).__name__}: {' '.join(str(error).split())}"
    except Exception:
        return f"{type(error).__name__}: error message unavailable"


def validation_text(error: BaseException) -> str:
    """Return the first problem of a pydantic error, such as ``Card.summary is 3: ...``, or '' for other errors."""
    if type(error).__name__ != "ValidationError" or not hasattr(error, "errors"):  # pydantic itself is not imported
        return ""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in (getattr(error, "title", ""), *first["loc"]))
    return f"{place} is {first['input']!r}: {first['msg']}"


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the memory of the machine or the device is full."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in text_of(error) for words in OUT_OF_MEMORY)


def trace_of(error: BaseException) -> str:
    """Return the last `TAIL_CHARACTERS` characters of an error's traceback."""
    import traceback

    try:
        return "".join(traceback.format_exception(error))[-TAIL_CHARACTERS:]
    except Exception:
        return "".join(traceback.format_tb(error.__traceback__))[-TAIL_CHARACTERS:]


def is_of_file_system(error: OSError) -> bool:
    """Return whether an error means that a file system is full, read-only, unavailable or broken."""
    return error.errno in FILE_SYSTEM_ERRORS


MOST_KNOWN = 20


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` with the closest known name.

    If no known name is similar to ``name``, return a text that lists known names.

    >>> did_you_mean("cvea", ["cvae", "shuffled"])
    "; did you mean 'cvae'?"
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    more = f" and {len(names) - MOST_KNOWN} more" if len(names) > MOST_KNOWN else ""
    return f"; known: {', '.join(names[:MOST_KNOWN])}{more}" if names else ""
