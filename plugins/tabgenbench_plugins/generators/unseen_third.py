"""Control `unseen-third`: rows of the third that no model sees, the ceiling of privacy scores."""

from __future__ import annotations

from tabgenbench import Card
from tabgenbench_plugins.generators.real_resample import RealResample

__all__ = ["UnseenThird"]


class UnseenThird(RealResample):
    """Returns rows of the reference third, unchanged.

    It is `RealResample` with another source: it gets the reference rows in place of the training rows and never reads
    the training rows. What an attack finds in its rows is chance, so its scores are what privacy scores can reach. It
    needs a split into thirds.
    """

    name = "unseen-third"
    card = Card(summary="Rows of the third that no model sees: what privacy scores reach without any memory.")
    trained_on = "reference"
