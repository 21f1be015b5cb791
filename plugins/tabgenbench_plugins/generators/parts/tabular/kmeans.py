"""One-dimensional k-means of many columns at once, to initialise Gaussian mixtures.

Lloyd's iteration starts from centres drawn by k-means++ with several candidates for each centre (Arthur &
Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007). In one dimension, a cluster is a range of the
sorted values, and its mean is computed from differences of cumulative sums. An iteration takes O(K log N) time per
column.

    N rows   C columns   K clusters
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["initial_moments", "n_trials"]

Floats = NDArray[np.float64]

MAX_ITERATIONS = 300
TOLERANCE = 1e-4  # limit on the summed squared shift of a column's centres; columns have variance 1


def initial_moments(z_CN: Floats, n_clusters: int, uniform_CKT: Floats) -> Floats:
    """Cluster each column and return Σ 1, Σ z and Σ z² over the rows of each cluster, shape (C, K, 3).

    Clusters have the order in which k-means++ drew their centres, as in scikit-learn. The result of the Gaussian
    mixture depends on this order. A column with fewer distinct values than clusters has empty clusters.

    Args:
        z_CN: columns, each with variance 1 or 0.
        n_clusters: K.
        uniform_CKT: uniform random numbers, shape (C, K, T), where T is `n_trials`. For the first cluster, only the
            first of the T numbers is used.
    """
    sorted_CN = np.sort(z_CN, axis=1)
    centres_CK = _seeds(sorted_CN, n_clusters, uniform_CKT)
    order_CK = np.argsort(centres_CK, axis=1, kind="stable")
    zeros = np.zeros((len(sorted_CN), 1))
    sum_CN = np.hstack([zeros, np.cumsum(sorted_CN, axis=1)])
    square_CN = np.hstack([zeros, np.cumsum(np.square(sorted_CN), axis=1)])
    edges = _lloyd(sorted_CN, sum_CN, np.take_along_axis(centres_CK, order_CK, axis=1))
    sums = [edges.astype(np.float64), *(np.take_along_axis(a, edges, axis=1) for a in (sum_CN, square_CN))]
    in_order_CK3 = np.diff(np.stack(sums, axis=-1), axis=1)
    moments_CK3 = np.empty_like(in_order_CK3)
    np.put_along_axis(moments_CK3, order_CK[..., None], in_order_CK3, axis=1)
    return moments_CK3


def n_trials(n_clusters: int) -> int:
    """Return the number of candidates for each initial centre; the first centre has only one."""
    return 2 + int(math.log(n_clusters))


def _seeds(z_CN: Floats, n_clusters: int, uniform_CKT: Floats) -> Floats:
    """Return initial centres chosen by k-means++, shape (C, K).

    Candidates are rows drawn with probability proportional to the squared distance to the nearest earlier centre. The
    candidate that gives the smallest sum of squared distances is chosen.
    """
    n_columns, n_rows = z_CN.shape
    every = np.arange(n_columns)
    centres_CK = np.empty((n_columns, n_clusters))
    first_C = np.minimum((uniform_CKT[:, 0, 0] * n_rows).astype(np.int64), n_rows - 1)
    centres_CK[:, 0] = z_CN[every, first_C]
    nearest_CN = np.square(z_CN - centres_CK[:, :1])
    for k in range(1, n_clusters):
        cumulative_CN = np.cumsum(nearest_CN, axis=1)
        best_C = np.full(n_columns, np.inf)
        best_CN = np.empty_like(z_CN)
        for trial in range(uniform_CKT.shape[2]):
            target_C = uniform_CKT[:, k, trial] * cumulative_CN[:, -1]
            index_C = np.minimum((cumulative_CN < target_C[:, None]).sum(axis=1), n_rows - 1)
            centre_C = z_CN[every, index_C]
            candidate_CN = np.minimum(np.square(z_CN - centre_C[:, None]), nearest_CN)
            total_C = candidate_CN.sum(axis=1)
            better = total_C < best_C
            best_C[better], best_CN[better] = total_C[better], candidate_CN[better]
            centres_CK[better, k] = centre_C[better]
        nearest_CN = best_CN
    return centres_CK


def _lloyd(z_CN: Floats, sum_CN: Floats, centres_CK: Floats) -> NDArray[np.int64]:
    edges = _edges(z_CN, centres_CK)
    running = np.arange(len(z_CN))
    for _ in range(MAX_ITERATIONS):
        size_RK = np.diff(edges[running], axis=1)
        total_RK = np.diff(np.take_along_axis(sum_CN[running], edges[running], axis=1), axis=1)
        old_RK = centres_CK[running]
        new_RK = np.where(size_RK > 0, total_RK / np.maximum(size_RK, 1), old_RK)
        new_edges = _edges(z_CN[running], new_RK)
        settled = (new_edges == edges[running]).all(axis=1) | (np.square(new_RK - old_RK).sum(axis=1) <= TOLERANCE)
        edges[running], centres_CK[running] = new_edges, new_RK
        running = running[~settled]
        if not len(running):
            break
    return edges


def _edges(z_CN: Floats, centres_CK: Floats) -> NDArray[np.int64]:
    """Return the start of each cluster in the sorted rows, and the number of rows, shape (C, K + 1).

    A row half-way between two centres belongs to the lower centre. All boundaries are found together, by bisection.
    """
    n_columns, n_rows = z_CN.shape
    middle = (centres_CK[:, 1:] + centres_CK[:, :-1]) / 2
    low, high = np.zeros(middle.shape, dtype=np.int64), np.full(middle.shape, n_rows, dtype=np.int64)
    for _ in range(n_rows.bit_length()):
        probe = (low + high) // 2
        below = (low < high) & (np.take_along_axis(z_CN, np.minimum(probe, n_rows - 1), axis=1) <= middle)
        low, high = np.where(below, probe + 1, low), np.where(below, high, probe)
    outer = np.zeros((n_columns, 1), dtype=np.int64)
    return np.maximum.accumulate(np.hstack([outer, low, outer + n_rows]), axis=1)
