"""Options and score specifications of the separability metrics."""

from __future__ import annotations

from pydantic import Field

from tabgenbench import ScoreSpec
from tabgenbench_plugins.metrics.parts.thinning import RowLimit

__all__ = ["SeparabilityOptions", "separability_specs"]

CITATION = "criteria of the UMAP figure of Bong & Oh, JBE 28(3), 2023, doi 10.5909/JBE.2023.28.3.275"


class SeparabilityOptions(RowLimit):
    """Options of every separability metric."""

    tissue: str | None = Field(
        None, description="condition column used as the tissue; none: the column named tissue, else the first"
    )
    status: str | None = Field(
        None,
        description="condition column used as the status, scored within each tissue; none: the column named status, "
        "else the first other one",
    )
    n_neighbours: int = Field(5, ge=1, description="number of nearest neighbours, for classification and for mixing")
    min_tissue_rows: int = Field(10, ge=2, description="minimum number of real test rows of a scored tissue")
    min_status_rows: int = Field(
        5,
        ge=2,
        description="minimum number of real test rows of each of two or more statuses in a tissue scored for status",
    )


def separability_specs(prefix: str, *, where: str, ranked: bool, blind_to: str) -> tuple[ScoreSpec, ...]:
    """Return the specifications of the scores of a separability metric, whose names start with ``prefix``.

    ``where`` describes the coordinates of the rows, and ``blind_to`` the errors that no score detects.
    """

    def spec(name: str, description: str, blind: str, *, low: float = -1.0, lower: bool = False) -> ScoreSpec:
        return ScoreSpec(
            name=f"{prefix}-{name}",
            question="fidelity",
            direction="lower" if lower else "higher",
            low=low,
            high=1.0,
            description=f"{description}, {where}",
            blind_to=f"{blind}. {blind_to}",
            floor={"mixing": "condition-mean", "silhouette-origin": "condition-mean"}.get(name, "shuffled"),
            detects=("label-swapper",) if name == "tissue" and ranked else (),
            misses=("copier",),
            citation=CITATION,
            ranked=ranked and not name.startswith("silhouette"),
            headline=name in ("overall", "mixing"),
        )

    return (
        spec(
            "overall",
            "geometric mean of tissue, status and mixing; negative values count as 0",
            "Copying of training rows, and common limitations of the three",
            low=0.0,
        ),
        spec(
            "tissue",
            "recall of the requested tissue, corrected for chance, by a nearest-neighbour classifier trained on real "
            "test rows and applied to synthetic rows",
            "Collapse: one noiseless row per condition scores as well as real rows",
        ),
        spec(
            "status",
            "recall of the requested status (cancer or normal) within a tissue, corrected for chance, tissue mean",
            "Collapse, as for tissue, and tissues with too few test rows of two statuses",
        ),
        spec(
            "mixing",
            "share of nearest neighbours from the other origin (real or synthetic), divided by the share expected by "
            "chance; the smaller of the values for real and for synthetic rows",
            "Whether rows have the requested condition, and copying: copies of training rows mix best",
            low=0.0,
        ),
        spec(
            "silhouette-tissue",
            "mean silhouette of the synthetic rows by tissue",
            "Collapse, which it rewards: rows without noise are more compact. Compare with real-resample",
        ),
        spec(
            "silhouette-origin",
            "mean silhouette of real and synthetic rows by origin; 0 if they overlap",
            "Differences within a tissue, because tissues differ more than real and synthetic rows",
            lower=True,
        ),
    )
