"""Results with undefined scores, and checks of the values of tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from tabgenbench import Result, ScoreSpec
from tabgenbench_plugins.correlation import Undefined

__all__ = ["check_values", "collect", "undefined_result"]


def collect(parts: Mapping[str, Callable[[], float]]) -> tuple[dict[str, float], dict[str, str]]:
    """Compute scores; return two dictionaries by score name: the values, and the reasons for undefined scores."""
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


def check_values(values: NDArray[np.floating], words: str) -> None:
    """Raise `Undefined` if there is no row or no feature, or a value is not a finite number.

    ``words`` names the rows in the message, such as "real test".
    """
    if len(values) == 0:
        raise Undefined(f"there are no {words} rows")
    if values.shape[1] == 0:
        raise Undefined("there are no features")
    if not np.isfinite(values).all():
        raise Undefined(f"the {words} rows contain values that are not finite numbers")
