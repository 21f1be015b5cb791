"""Success of a membership attack: whether it gives training rows (members) higher scores than hold-out rows."""

from __future__ import annotations

import numpy as np

from tabgenbench_plugins.correlation import Floats, Undefined
from tabgenbench_plugins.metrics.parts.attacked import Rows

__all__ = ["FALSE_POSITIVES", "area", "largest_by_unit", "true_positives"]

FALSE_POSITIVES = 0.01
FEWEST_OTHERS = round(1 / FALSE_POSITIVES)


def area(members: Floats, others: Floats) -> float:
    """Return the area under the ROC curve: the probability that a member has a higher score than a hold-out row.

    Pairs of equal scores count one half.
    """
    from sklearn.metrics import roc_auc_score

    truth = np.repeat([1, 0], [len(members), len(others)])
    return float(roc_auc_score(truth, np.concatenate([members, others])))


def true_positives(members: Floats, others: Floats) -> float:
    """Return the largest true-positive rate at which the false-positive rate is at most 1 %.

    Raises:
        Undefined: ``others`` has fewer than 100 scores.
    """
    from sklearn.metrics import roc_curve

    if len(others) < FEWEST_OTHERS:
        raise Undefined(f"{len(others)} never-seen rows or donors are too few for a rate of 1 %; expected 100")
    truth = np.repeat([1, 0], [len(members), len(others)])
    # By default, scikit-learn drops points on straight parts of the curve, where the best threshold can be.
    false, true, _ = roc_curve(truth, np.concatenate([members, others]), drop_intermediate=False)
    return float(true[false <= FALSE_POSITIVES].max())


def largest_by_unit(scores: Floats, units: Rows) -> Floats:
    """Return the largest score of each unit (a donor, or a row in a table without donors), sorted by unit.

    >>> largest_by_unit(np.array([1.0, 3.0, 2.0]), np.array([7, 7, 4])).tolist()
    [2.0, 3.0]
    """
    found, place = np.unique(units, return_inverse=True)
    largest = np.full(len(found), -np.inf)
    np.maximum.at(largest, place, scores)
    return largest
