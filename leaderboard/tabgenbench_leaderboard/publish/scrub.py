"""Removal of host names, user names, paths and e-mail addresses from records.

The fields that name the host, the user or the working folder are emptied. Paths and e-mail addresses are recognised by
their form and replaced in all fields. Host names are taken from the fields that name the host, and user names from the
paths of home folders in the records. These names are replaced only in free text, such as outputs and notes, because a
machine may have the name of a metric, such as ``gamma``. A path is shortened to its part below ``site-packages``, or
else to its file name, so that tracebacks stay useful.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

__all__ = ["Scrubber", "find_names"]

RecordT = TypeVar("RecordT", bound=BaseModel)

BLANKED = frozenset({"host", "hostname", "node", "user", "username", "cwd"})
"""Names of the record fields whose text is removed completely."""
NAMED = frozenset(
    """
    key cell_key schema_version status name metric generator label title dataset split_kind kind fingerprint
    dataset_fingerprint split_fingerprint config card specs scores losses packages model_hashes draw_hashes python
    embedding_hash git_commit device cpu gpu clock started finished schema split splits direction question code program
    score reference detects misses values
    """.split()
)
"""Fields with names, options or descriptions by an author; host and user names are not replaced in these fields."""
WHOLE = NAMED & {
    "config",
    "card",
    "specs",
    "scores",
    "losses",
    "packages",
    "model_hashes",
    "schema",
    "split",
    "values",
} | {"undefined"}
"""Fields whose nested values are treated like the field itself, because an author chose the names inside the field."""
MIN_LENGTH = 2  # of the name of a host or user, because a single letter is part of ordinary text
SYSTEM = frozenset({"root", "user", "localhost", "runner", "home"})  # names that do not identify anybody

_QUOTED = r"(?P<quote>['\"])(?:file://)?(?P<quoted>(?:~[\w.-]*)?/[^'\"\n/]+/[^'\"\n]*)(?P=quote)"
_URL = r"(?P<url>\b(?!file:)[A-Za-z][\w+.-]*://[^\s'\"<>]*)"
_PATH = (
    r"(?<![\w.~/>\\-])(?:file://)?"
    r"(?P<path>~[\w.-]*/[^\s'\"<>:;,()\[\]{}|`]*|/[^\s'\"<>:;,()\[\]{}|`]*[^\s'\"<>:;,()\[\]{}|`/]/[^\s'\"<>:;,()\[\]{}|`]*)"
)
_ADDRESS = r"(?P<address>(?<![\w.+-])\w[\w.+-]*@[A-Za-z][\w-]*(?:\.[\w-]+)*)"
_FORMS = re.compile("|".join((_QUOTED, _URL, _PATH, _ADDRESS)))
_NUMERIC_ADDRESS = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_HOME = re.compile(r"(?:/home/|/Users/|(?<![\w.])~)([A-Za-z_][\w.-]*)")
_KEPT = re.compile(r"/(?=(?:site-packages|dist-packages|tabgenbench\w*)/)(?=.*\.(?:py|pyx|so)$)")
_FILE = re.compile(r"[^/]*\.[A-Za-z]\w{0,7}")
_USERINFO = re.compile(r"://[^/\s@]+@")


def find_names(records: Iterable[BaseModel]) -> set[str]:
    """Return the names of the hosts and users that occur in records."""
    names: set[str] = set()
    for record in records:
        for field, text in _texts(json.loads(record.model_dump_json()), ""):
            if field in ("host", "hostname", "node"):
                names |= {text, text.partition(".")[0]}
            else:
                names |= {name.rstrip(".") for name in _HOME.findall(text)}
    return {name for name in names if len(name) >= MIN_LENGTH and name not in SYSTEM}


class Scrubber:
    """Removes texts that identify a machine or a person; a second pass over the result changes nothing.

    Args:
        names: names of hosts and users, and other words to remove. Paths and e-mail addresses are always removed.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        words = sorted(filter(None, names), key=lambda word: (-len(word), word))
        self._words = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)") if words else None

    def record(self, record: RecordT) -> RecordT:
        """Return a record without texts that identify a machine or a person, or ``record`` itself if it has none."""
        before = json.loads(record.model_dump_json())
        after = self.value(before)
        return record if after == before else type(record).model_validate(after)

    def value(self, value: Any, field: str = "") -> Any:
        """Return ``value``, the JSON value of a field, without texts that identify a machine or a person."""
        if isinstance(value, str):
            return "" if field in BLANKED else self.text(value, free=field not in NAMED)
        if isinstance(value, list):
            return [self.value(one, field) for one in value]
        if isinstance(value, dict):
            inner = field if field in WHOLE else ""
            return {self.text(key, free=False): self.value(one, inner or key) for key, one in value.items()}
        return value

    def text(self, text: str, *, free: bool = True) -> str:
        """Return a text without paths and e-mail addresses, and if ``free``, without ``names`` and IP addresses."""
        cleaner = self._once(text, free=free)
        while cleaner != text:  # after a replacement, more text can match, such as a path after a host's name
            text, cleaner = cleaner, self._once(cleaner, free=free)
        return text

    def _once(self, text: str, *, free: bool) -> str:
        if "/" in text or "@" in text:
            text = _FORMS.sub(_replaced, text)
        if free:
            text = _NUMERIC_ADDRESS.sub("<address>", text)
            if self._words is not None:
                text = self._words.sub("<name>", text)
        return text


def _replaced(match: re.Match[str]) -> str:
    found = match.groupdict()
    if found["url"]:
        return _USERINFO.sub("://", found["url"])
    if found["address"]:
        return "<address>"
    if found["quoted"]:
        return f"{found['quote']}{_shortened(found['quoted'])}{found['quote']}"
    path = found["path"]
    end = len(path.rstrip(".,!?"))
    return _shortened(path[:end]) + path[end:]


def _shortened(path: str) -> str:
    kept = list(_KEPT.finditer(path))
    if kept:
        return f"<path>/{path[kept[-1].end() :]}"
    name = path.rpartition("/")[2]
    return f"<path>/{name}" if _FILE.fullmatch(name) else "<path>"


def _texts(value: Any, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, field)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield field, key
            yield from _texts(one, key)
