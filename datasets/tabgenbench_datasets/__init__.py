"""Built-in datasets, registered as plugins and imported when used."""

from __future__ import annotations

from tabgenbench import Lazy, hookimpl


@hookimpl
def register_datasets() -> list[Lazy]:
    """Register the dataset sources."""
    return [
        Lazy("rnaseqdb", "tabgenbench_datasets.rnaseqdb:RNAseqDB", "bulk RNA-seq of GTEx and TCGA, 15 tissues"),
        Lazy(
            "simulated-tissues",
            "tabgenbench_datasets.simulated_tissues:SimulatedTissues",
            "expression simulated from a stated model, offline",
        ),
        Lazy("wdbc", "tabgenbench_datasets.wdbc:WDBC", "Wisconsin breast-cancer table (569 x 30), offline"),
    ]


@hookimpl
def register_generators() -> list[Lazy]:
    """Register the control that samples from the model of the simulation."""
    summary = "control: the simulation's own model (simulated-tissues only)"
    return [Lazy("truth", "tabgenbench_datasets.truth:Truth", summary)]
