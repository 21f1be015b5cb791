"""A control and a model of TabGenBench that record when their fits begin."""

from __future__ import annotations

from tabgenbench import Lazy, hookimpl


@hookimpl
def register_generators() -> list[Lazy]:
    """Return the control and the model."""
    return [
        Lazy("timed-control", "startup_plugins.control:TimedControl", "shuffled, with the time of its fit"),
        Lazy("timed-cvae", "startup_plugins.model:TimedCvae", "cvae, with the time of its fit"),
    ]
