"""Stability of embeddings over seeds: agreement of the neighbourhoods of test cells between seeds of one split.

    tabgenbench run integration -d kang.h5ad:... --seeds 3 --store STORE
    python tests/helpers/embedding_stability.py integration --store STORE [--neighbours 15]

A metric sees one embedding at a time, so this script reads the embeddings that a run has stored. In the first block of
an embedding, each test cell has a set of k nearest test cells. The agreement of two seeds is the share of cells that
both sets of a cell contain, mean over cells, pairs of seeds and splits. It is 1 for equal embeddings, also after a
rotation, and k / (n - 1) for unrelated ones. Agreement does not say that an embedding is right: principal
components keep all differences between batches, and hardly depend on the seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import mean

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from tabulate import tabulate

from tabgenbench.errors import ConfigError
from tabgenbench.records import SuiteRecord
from tabgenbench.run.embedding import read_embedding
from tabgenbench.store.store import Store

__all__ = ["Stability", "neighbour_agreement", "stabilities"]


@dataclass(frozen=True)
class Stability:
    """Agreement of the embeddings of one generator on one dataset.

    Attributes:
        dataset: label of the dataset.
        generator: label of the generator.
        splits: splits with embeddings of two seeds or more.
        seeds: seeds of these splits.
        agreement: mean share of common neighbours.
        chance: share that unrelated embeddings have in common.
    """

    dataset: str
    generator: str
    splits: int
    seeds: int
    agreement: float
    chance: float


def neighbour_agreement(first: NDArray[np.float32], second: NDArray[np.float32], k: int) -> float:
    """Return the mean share of a row's k nearest other rows, by Euclidean distance, that two embeddings share."""
    near = [NearestNeighbors(n_neighbors=k).fit(one).kneighbors(return_distance=False) for one in (first, second)]
    return float(np.mean([len(np.intersect1d(*pair)) / k for pair in zip(*near, strict=True)]))


def stabilities(store: Store, suite: SuiteRecord, k: int) -> Iterator[Stability]:
    """Yield the agreement of each dataset and generator that has embeddings of two seeds of one split."""
    found: dict[tuple[str, str], dict[int, dict[int, NDArray[np.float32]]]] = {}
    for row in suite.rows:
        path = store.embedding_path(row.key)
        blocks = read_embedding(path).test if path.is_file() else {}
        if blocks:
            by_split = found.setdefault((row.dataset, row.shown), {})
            by_split.setdefault(row.split, {})[row.seed] = next(iter(blocks.values()))
    for (dataset, label), by_split in found.items():
        pairs = {split: list(combinations(by_seed.values(), 2)) for split, by_seed in by_split.items()}
        shared = [mean(neighbour_agreement(*pair, k) for pair in of_split) for of_split in pairs.values() if of_split]
        if shared:
            sizes = [len(next(iter(by_seed.values()))) for by_seed in by_split.values()]
            seeds = max(map(len, by_split.values()))
            yield Stability(dataset, label, len(shared), seeds, mean(shared), mean(k / (n - 1) for n in sizes))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--neighbours", type=int, default=15)
    options = parser.parse_args()
    store = Store(options.store)
    suite = store.read_suite(options.suite)
    rows = [] if suite is None else list(stabilities(store, suite, options.neighbours))
    if not rows:
        raise ConfigError(f"suite {options.suite!r} has no split with embeddings of two seeds; run it with --seeds 3")
    lines = [
        (one.dataset, one.generator, one.splits, one.seeds, f"{one.agreement:.3f}", f"{one.chance:.3f}") for one in rows
    ]
    print(tabulate(lines, headers=("dataset", "generator", "splits", "seeds", "agreement", "chance")))


if __name__ == "__main__":
    main()
