"""Delays the import of torch's compiler, `torch._dynamo`, until code uses the compiler.

The first step of any optimiser imports `torch._dynamo`, which takes about a second, but optimisers use it only to mark
functions that must not be compiled. This module replaces `torch._dynamo` by a stand-in.
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
    """Stand-in for `torch._dynamo`.

    Access to any attribute except `disable` and `graph_break` imports the real module.
    """

    def disable(self, function: Callable[..., Any] | None = None, *options: Any, **more: Any) -> Any:
        """Return a function unchanged, because nothing is compiled; without a function, call the real `disable`."""
        if function is None or not callable(function):
            return self._real().disable(function, *options, **more)
        return function

    def graph_break(self, msg: str = "") -> None:
        """Do nothing, like `torch._dynamo.graph_break` outside compiled code."""

    def __getattr__(self, name: str) -> Any:
        if name in ("__wrapped__", "__file__", "__spec__"):  # read by code that inspects all modules
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _real(self) -> ModuleType:
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
            if vars(torch).get("_dynamo") is self:
                del torch._dynamo
        return importlib.import_module(NAME)


def install() -> None:
    """Install the stand-in for `torch._dynamo`, unless the module is already imported."""
    if NAME not in sys.modules:
        stand = Stand(NAME)
        sys.modules[NAME] = stand
        torch._dynamo = stand


install()
