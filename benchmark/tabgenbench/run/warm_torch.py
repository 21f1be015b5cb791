"""Imported by fork servers with torch: spares tasks the import of torch's compiler, which few of them use.

The first step of any optimiser imports `torch._dynamo`, which takes a second, to tell a compiler where not to look.
Where nothing is compiled that has no effect. So a stand-in takes its place, until something else of it is used.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

__all__ = ["Stand", "install"]

NAME = "torch._dynamo"


class Stand(ModuleType):
    """Stands in for `torch._dynamo`; imports it when anything but `disable` and `graph_break` is used."""

    def disable(self, function: Callable[..., Any] | None = None, *options: Any, **more: Any) -> Any:
        """Return the function as it is; no code is compiled as long as this object is in use."""
        if function is None or not callable(function):
            return self._real().disable(function, *options, **more)
        return function

    def graph_break(self, msg: str = "") -> None:
        """Do nothing, as the real one does outside of compiled code."""

    def __getattr__(self, name: str) -> Any:
        if name in ("__wrapped__", "__file__", "__spec__"):  # asked by those who only look through all modules
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _real(self) -> ModuleType:
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
            if vars(torch).get("_dynamo") is self:
                del torch._dynamo
        return importlib.import_module(NAME)


def install() -> None:
    """Put a stand-in in the place of `torch._dynamo`, where that is not imported yet."""
    if NAME not in sys.modules:
        stand = Stand(NAME)
        sys.modules[NAME] = stand
        torch._dynamo = stand


install()
