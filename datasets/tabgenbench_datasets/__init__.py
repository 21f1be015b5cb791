"""Built-in datasets, registered as plugins and imported when used."""

from __future__ import annotations

from tabgenbench import Lazy, hookimpl

_TABLES = "tabgenbench_datasets.pinned_tables"


@hookimpl
def register_datasets() -> list[Lazy]:
    """Register the dataset sources."""
    return [
        Lazy("adult", f"{_TABLES}:Adult", "US census of 1994: 32,561 persons, mixed, target income"),
        Lazy("credit", f"{_TABLES}:Credit", "German credits: 1,000 rows, mixed, target default"),
        Lazy("insurance", f"{_TABLES}:Insurance", "medical charges of 1,338 insured persons, mixed, target charges"),
        Lazy("mushrooms", f"{_TABLES}:Mushrooms", "8,124 mushrooms, categories alone, target type"),
        Lazy("rnaseqdb", "tabgenbench_datasets.rnaseqdb:RNAseqDB", "bulk RNA-seq of GTEx and TCGA, 15 tissues"),
        Lazy(
            "simulated-cells",
            "tabgenbench_datasets.simulated_cells:SimulatedCells",
            "counts of single cells simulated from a stated model with known latent factors, offline",
        ),
        Lazy(
            "simulated-clinic",
            "tabgenbench_datasets.simulated_clinic:SimulatedClinic",
            "patients of a clinic simulated from a stated model: mixed, with dates and gaps, offline",
        ),
        Lazy(
            "simulated-tissues",
            "tabgenbench_datasets.simulated_tissues:SimulatedTissues",
            "expression simulated from a stated model, offline",
        ),
        Lazy("snsdata", f"{_TABLES}:SNSData", "profiles of 30,000 pupils, whole numbers with gaps"),
        Lazy("wdbc", "tabgenbench_datasets.wdbc:WDBC", "Wisconsin breast-cancer table (569 x 30), offline"),
    ]


@hookimpl
def register_generators() -> list[Lazy]:
    """Register the generators that sample from the true model of a simulated dataset."""
    summary = "control: the simulation's own model"
    return [
        Lazy("truth", "tabgenbench_datasets.truth:Truth", f"{summary} (simulated-tissues and simulated-clinic)"),
        Lazy("truth-cells", "tabgenbench_datasets.truth_cells:TruthCells", f"{summary} (simulated-cells)"),
    ]
