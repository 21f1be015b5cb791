"""Generator `unseen-third`: returns real rows on which no model is trained, as a reference for privacy scores."""

from __future__ import annotations

from tabgenbench import Card
from tabgenbench_plugins.generators.real_resample import RealResample

__all__ = ["UnseenThird"]


class UnseenThird(RealResample):
    """Returns unchanged rows of the reference third, the third of the rows on which no model is trained.

    The class works like `RealResample`, but with reference rows in place of training rows. The suite must divide rows
    into thirds (``thirds = true``). The reference rows contain no information about individual training rows, so their
    privacy scores are those of a generator that reveals nothing about its training rows.
    """

    name = "unseen-third"
    card = Card(summary="Rows of the third that no model sees: what privacy scores reach without any memory.")
    trained_on = "reference"
