"""An example plugin for TabGenBench: one generator and one metric.

The entry point of ``pyproject.toml`` names this module, so it is imported by every ``tabgenbench`` command. It names
its plugins without importing them.
"""

from __future__ import annotations

from tabgenbench import Lazy, hookimpl


@hookimpl
def register_generators() -> list[Lazy]:
    """Name the generator."""
    return [
        Lazy(
            "smoothed-bootstrap",
            "tabgenbench_example.smoothed_bootstrap:SmoothedBootstrap",
            "training rows of the condition with Gaussian jitter (Silverman & Young 1987)",
        )
    ]


@hookimpl
def register_metrics() -> list[Lazy]:
    """Name the metric."""
    return [Lazy("example-ks", "tabgenbench_example.ks:MeanKS", "mean Kolmogorov-Smirnov distance of single features")]
