"""Whether a plugin's class has what its kind asks for, looked at before any of it is used."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ValidationError

from tabgenbench.errors import PluginError
from tabgenbench.interfaces.dataset import DatasetSource
from tabgenbench.interfaces.generator import Card, Generator
from tabgenbench.interfaces.metric import Metric, ScoreSpec
from tabgenbench.options import Options
from tabgenbench.records import CardRecord, SpecRecord
from tabgenbench.registry.manager import Entry, Kind

__all__ = ["load_fitting", "misfit"]

BASES: dict[Kind, type] = {"generators": Generator, "metrics": Metric, "datasets": DatasetSource}


def load_fitting(entry: Entry, kind: Kind) -> Any:
    """Return a plugin's class.

    Raises:
        PluginError: it cannot be imported, or lacks what its kind asks for.
    """
    found = entry.load()
    reason = misfit(kind, found)
    if reason:
        raise PluginError(f"plugin {entry.name!r}: {reason}")
    return found


def misfit(kind: Kind, found: type) -> str:
    """Return in one sentence what keeps a class from being used as one of a kind, or nothing."""
    base, where = BASES[kind], f"{found.__module__}:{found.__qualname__}"
    if not issubclass(found, base):
        return f"{where} is no {base.__name__}; derive it from tabgenbench.{base.__name__}"
    if inspect.isabstract(found):
        lacking = [name for name in dir(found) if getattr(getattr(found, name), "__isabstractmethod__", False)]
        return f"{where} lacks {', '.join(lacking)}; define what {base.__name__} asks for"
    reason = _wrong(found, "name", lambda name: isinstance(name, str) and bool(name), 'a text; write name = "..."')
    reason = reason or _wrong(found, "Config", _is_config, "a class derived from tabgenbench.Options")
    reason = reason or OWN[kind](found)
    return f"{where}: {reason}" if reason else ""


def _generator(found: type) -> str:
    return (
        _wrong(found, "card", lambda card: isinstance(card, Card), 'a tabgenbench.Card; write card = Card("...")')
        or _unrecordable("card", CardRecord, found.card)  # type: ignore[attr-defined]  # that it is there is checked
        or _wrong(found, "is_control", lambda value: isinstance(value, bool), "True or False")
        or _wrong(found, "scale", lambda scale: scale in ("standardized", "own"), '"standardized" or "own"')
    )


def _metric(found: type) -> str:
    expected = "a tuple of tabgenbench.ScoreSpec, at least one; write scores = (ScoreSpec(...),)"
    reason = _wrong(found, "scores", _are_specs, expected)
    for number, spec in enumerate([] if reason else found.scores):  # type: ignore[attr-defined]  # see above
        reason = reason or _unrecordable(f"scores[{number}]", SpecRecord, spec)
    return reason


def _dataset(_: type) -> str:
    return ""


OWN: dict[Kind, Callable[[type], str]] = {"generators": _generator, "metrics": _metric, "datasets": _dataset}


def _wrong(found: type, name: str, fits: Callable[[Any], bool], expected: str) -> str:
    if not hasattr(found, name):
        return f"has no {name}, expected {expected}"
    value = getattr(found, name)
    return "" if fits(value) else f"{name} is {_short(value)}, expected {expected}"


def _unrecordable(name: str, record: type[BaseModel], value: Any) -> str:
    """Say which part of a card or of a score's description a record cannot keep."""
    try:
        record.model_validate(asdict(value))
    except (ValidationError, TypeError) as error:
        if not isinstance(error, ValidationError):
            return f"{name} cannot be kept ({error}); use texts and numbers"
        first = error.errors(include_url=False)[0]
        part = ".".join(str(one) for one in first["loc"])
        return f"{name}.{part} is {_short(first['input'])}: {first['msg']}"
    return ""


def _is_config(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Options)


def _are_specs(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(one, ScoreSpec) for one in value)


def _short(value: Any) -> str:
    """Return a value on one line, however long or odd its own text is."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a plugin's object may fail to say what it is
        text = f"of type {type(value).__name__}"
    return text if len(text) <= 80 else text[:77] + "..."
