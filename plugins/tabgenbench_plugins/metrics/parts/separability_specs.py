"""What the separability metrics are asked for and what they state: options, and the scores' specifications."""

from __future__ import annotations

from pydantic import Field

from tabgenbench import Options, ScoreSpec

__all__ = ["SeparabilityOptions", "separability_specs"]

CITATION = "criteria of the UMAP figure of Bong & Oh, JBE 28(3), 2023, doi 10.5909/JBE.2023.28.3.275"


class SeparabilityOptions(Options):
    """Options that every separability metric has."""

    tissue: str | None = Field(
        None, description="condition column whose values should separate; none: the one named tissue, else the first"
    )
    status: str | None = Field(
        None,
        description="condition column that should separate inside each tissue; none: the one named status, else the "
        "first other",
    )
    n_neighbours: int = Field(5, ge=1, description="nearest neighbours that vote, and that are looked at for mixing")
    min_tissue_rows: int = Field(10, ge=2, description="fewest real test rows of a tissue that counts")
    min_status_rows: int = Field(
        5, ge=2, description="fewest real test rows of each of two or more states in a tissue that counts for status"
    )


def separability_specs(prefix: str, *, where: str, ranked: bool, blind_to: str) -> tuple[ScoreSpec, ...]:
    """Return the specifications of the six scores.

    Args:
        prefix: start of their names.
        where: the space, in words.
        ranked: whether the four criteria may rank; silhouettes never do.
        blind_to: what is lost on the way into this space.
    """

    def spec(name: str, description: str, blind: str, *, low: float = -1.0, lower: bool = False) -> ScoreSpec:
        return ScoreSpec(
            name=f"{prefix}-{name}",
            direction="lower" if lower else "higher",
            low=low,
            high=1.0,
            description=f"{description}, {where}",
            blind_to=f"{blind}. {blind_to}",
            floor={"mixing": "condition-mean", "silhouette-origin": "condition-mean"}.get(name, "shuffled"),
            citation=CITATION,
            ranked=ranked and not name.startswith("silhouette"),
            headline=name in ("overall", "mixing"),
        )

    return (
        spec(
            "overall",
            "geometric mean of tissue, status and mixing, negative ones counting 0",
            "Copying of training rows, and what the three are blind to together",
            low=0.0,
        ),
        spec(
            "tissue",
            "how well the tissue asked for is found back: recall, chance taken off, of a nearest-neighbour rule "
            "learned on real test rows and applied to synthetic ones",
            "Collapse: one noiseless row a condition scores as well as real rows",
        ),
        spec(
            "status",
            "how well the state (cancer or normal) is found back inside a tissue: likewise, averaged over tissues",
            "Collapse, as for tissue, and every tissue with too few test rows of two states",
        ),
        spec(
            "mixing",
            "how often the nearest neighbours of real rows are synthetic and of synthetic rows real, over what chance "
            "gives, the worse side counting",
            "Whether rows are of the condition asked for, and copying: training rows handed out again mix best",
            low=0.0,
        ),
        spec(
            "silhouette-tissue",
            "mean silhouette of the synthetic rows by tissue",
            "It rewards collapse: rows without noise are more compact than real ones. Compare with real-resample",
        ),
        spec(
            "silhouette-origin",
            "mean silhouette of real and synthetic rows by origin; 0 where they overlap",
            "It hardly sees what happens inside a tissue, since tissues lie further apart than real and synthetic rows",
            lower=True,
        ),
    )
