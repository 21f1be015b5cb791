"""Control `unseen-third`: rows of the third on which no model is trained, for the best reachable privacy scores."""

from __future__ import annotations

from tabgenbench import Card
from tabgenbench_plugins.generators.real_resample import RealResample

__all__ = ["UnseenThird"]


class UnseenThird(RealResample):
    """Returns unchanged rows of the reference third, the third of the rows that no model is trained on.

    The control `unseen-third` works like `RealResample`, but gets the reference rows instead of the training rows. A
    privacy attack on the training rows can only succeed by chance, so these are the best privacy scores a generator can
    reach. This control requires a split into thirds.
    """

    name = "unseen-third"
    card = Card(summary="Rows of the third that no model sees: what privacy scores reach without any memory.")
    trained_on = "reference"
