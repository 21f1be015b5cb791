"""An example plugin for TabGenBench: one generator and one metric.

The entry point in ``pyproject.toml`` names this module, so every ``tabgenbench`` command imports it. It registers its
plugins without importing their modules.
"""

from __future__ import annotations

from tabgenbench import Lazy, hookimpl


@hookimpl
def register_generators() -> list[Lazy]:
    """Register the generator."""
    return [
        Lazy(
            "smoothed-bootstrap",
            "tabgenbench_example.smoothed_bootstrap:SmoothedBootstrap",
            "training rows of the condition with Gaussian jitter (Silverman & Young 1987)",
        )
    ]


@hookimpl
def register_metrics() -> list[Lazy]:
    """Register the metric."""
    return [Lazy("example-ks", "tabgenbench_example.ks:MeanKS", "mean Kolmogorov-Smirnov distance of single features")]
