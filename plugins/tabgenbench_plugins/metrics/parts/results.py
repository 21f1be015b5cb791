"""Results of metrics with undefined scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tabgenbench import Result, ScoreSpec
from tabgenbench_plugins.correlation import Undefined

__all__ = ["collect", "undefined_result"]


def collect(parts: Mapping[str, Callable[[], float]]) -> tuple[dict[str, float], dict[str, str]]:
    """Compute scores one by one; return the values by name, and the reasons of undefined scores by name."""
    scores: dict[str, float] = {}
    undefined: dict[str, str] = {}
    for name, compute in parts.items():
        try:
            scores[name] = compute()
        except Undefined as reason:
            undefined[name] = str(reason)
    return scores, undefined


def undefined_result(scores: Iterable[ScoreSpec], reason: Undefined) -> Result:
    """Return a result in which every score is undefined for the same reason."""
    return Result({}, {spec.name: str(reason) for spec in scores})
