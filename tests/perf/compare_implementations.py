"""Compare the two implementations of `ctgan` and `tvae`.

    python tests/perf/compare_implementations.py [--epochs 100] [--seeds 5] [--only tvae]

Both train on 8 columns of `wdbc` and 40 genes of `simulated-tissues`, once per seed, with small batches. For `ctgan`,
the learning rate is larger than by default, so that a hundred epochs are sufficient. The scores compare training rows
with rows sampled for their conditions, on the evaluation scale: gamma, and the mean over columns of the Wasserstein
distance. The script prints the mean over seeds of each implementation, and the paired difference, fast minus
reference, with its 95 % t-interval. It also prints for how many single columns that interval excludes 0; by chance, it
does so for one in twenty.

`fast` runs twice: with the package's encoded rows, so that only training and sampling differ, and with its own modes.
The latter adds a difference: the package fits modes from one start and draws the mode of each value from a hash of the
data. Its encoded rows are therefore equal for all seeds, and their peculiarities do not average out over seeds.
"""

from __future__ import annotations

import argparse
import importlib
import time
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import stats

from tabgenbench import FitContext, Generator, SampleContext, Table, Transform
from tabgenbench.options import make_options
from tabgenbench_datasets.simulated_tissues import SimulatedTissues
from tabgenbench_datasets.wdbc import WDBC
from tabgenbench_plugins.generators.ctgan import CTGAN
from tabgenbench_plugins.generators.parts.tabular import modes
from tabgenbench_plugins.generators.parts.tabular.mixture import Modes
from tabgenbench_plugins.generators.parts.tabular.modes import ModeTransformer
from tabgenbench_plugins.generators.tvae import TVAE

OPTIONS = {
    "tvae": {"batch_size": 100, "max_batches": 20},
    "ctgan": {"batch_size": 100, "max_batches": 20, "generator_lr": 1e-3, "discriminator_lr": 1e-3},
}


def tables() -> dict[str, Table]:
    """Return both tables."""
    wdbc = WDBC().load()
    wdbc = replace(wdbc, X=np.ascontiguousarray(wdbc.X[:, :8]), features=wdbc.features[:8])
    genes = {"n_rows": 400, "n_genes": 40}
    simulated = SimulatedTissues(make_options(SimulatedTissues.Config, genes, where="simulated-tissues")).load()
    return {"wdbc, 8 columns": wdbc, "simulated, 40 genes": simulated}


def package_encoding(table: Table) -> type[ModeTransformer]:
    """Return a transformer that always has the package's modes and encoded rows of a table."""
    frame = pd.DataFrame(table.dense().astype(np.float64), columns=[str(j) for j in range(table.n_features)])
    package = importlib.import_module("ctgan.data_transformer").DataTransformer()
    package.fit(frame)
    with joblib.parallel_config(backend="sequential"):
        continuous = package.transform(frame).astype(np.float32)
    fitted = [info.transform for info in package._column_transform_info_list]
    mixtures = [transform._bgm_transformer for transform in fitted]
    valid = np.stack([transform.valid_component_indicator for transform in fitted])
    modes = Modes(
        means=np.stack([m.means_[:, 0] for m in mixtures]),
        stds=np.sqrt(np.stack([m.covariances_[:, 0, 0] for m in mixtures])),
        weights=np.stack([m.weights_ for m in mixtures]),
        valid=valid,
        log_weights=np.zeros(valid.shape),  # only used to draw modes, which does not happen here
    )

    class PackageEncoding(ModeTransformer):
        @classmethod
        def fit(cls, *arguments: Any, **_: Any) -> PackageEncoding:
            return cls(modes, arguments[2])

        def transform(self, _: Any, codes_NK: NDArray[np.int64], **__: Any) -> NDArray[np.float32]:
            one_hot = np.eye(self.n_categories[0], dtype=np.float32)[codes_NK[:, 0]]
            return np.concatenate([continuous, one_hot], axis=1)

    return PackageEncoding


def scores(kind: type[Generator], table: Table, *, implementation: str, epochs: int, seed: int) -> NDArray[np.float64]:
    """Train and sample once; return gamma and the Wasserstein distance of each column, shape (1 + columns,)."""
    generator = kind(
        make_options(
            kind.Config, {**OPTIONS[kind.name], "implementation": implementation, "epochs": epochs}, where=kind.name
        )
    )
    generator.fit(table, None, FitContext(device="cpu", seed=seed))
    made = generator.sample(table.conditions, SampleContext(device="cpu", seed=seed))
    transform = Transform.fit(table)
    real, synthetic = (transform.apply(t).dense().astype(np.float64) for t in (table, made))
    upper = np.triu_indices(real.shape[1], k=1)
    a, b = (np.corrcoef(x.T)[upper] for x in (real, synthetic))
    distances = [stats.wasserstein_distance(x, y) for x, y in zip(real.T, synthetic.T, strict=True)]
    return np.array([np.corrcoef(a, b)[0, 1], *distances])


def interval(differences: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean over seeds, the first axis, and half width of the 95 % t-interval."""
    error = differences.std(axis=0, ddof=1) / len(differences) ** 0.5
    return differences.mean(axis=0), stats.t.ppf(0.975, len(differences) - 1) * error


def compare(name: str, kind: type[Generator], table: Table, *, epochs: int, seeds: range) -> None:
    """Print the lines of one table and model."""
    found: dict[str, NDArray[np.float64]] = {}  # shape (seeds, 1 + columns) each
    for run in ("reference", "same rows", "whole way"):
        # Replace only the transformer, without a change to the package or the harness.
        modes.ModeTransformer = package_encoding(table) if run == "same rows" else ModeTransformer  # type: ignore[misc]
        implementation = "reference" if run == "reference" else "fast"
        made = [scores(kind, table, implementation=implementation, epochs=epochs, seed=seed) for seed in seeds]
        found[run] = np.array(made)
    for run in ("same rows", "whole way"):
        for score, take in (("gamma", lambda x: x[:, 0]), ("wasserstein", lambda x: x[:, 1:].mean(axis=1))):
            fast, reference = take(found[run]), take(found["reference"])
            mean, half = interval(fast - reference)
            covers = "yes" if abs(mean) <= half else "no"
            means = f"{fast.mean():>8.3f}{reference.mean():>11.3f}{mean:>+10.3f} +- {half:.3f}   {covers}"
            print(f"{name:<21}{kind.name:<7}{run:<11}{score:<12}{means}", flush=True)
        mean, half = interval(found[run][:, 1:] - found["reference"][:, 1:])
        apart = f"{np.sum(np.abs(mean) > half)} of {len(mean)} columns exclude 0"
        print(f"{name:<21}{kind.name:<7}{run:<11}{'wasserstein':<12}{apart}", flush=True)


def main() -> None:
    """Print both tables and models."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(OPTIONS), help="compare only the implementations of this model")
    parser.add_argument("--threads", type=int, default=1, help="number of threads; more do not help at this size")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    print(f"{options.epochs} epochs, seeds {seeds.start} to {seeds.stop - 1}")
    print(
        f"{'table':<21}{'model':<7}{'':<11}{'score':<12}{'fast':>8}{'reference':>11}{'difference, 95 %':>20}   covers 0"
    )
    start = time.perf_counter()
    for name, table in tables().items():
        for kind in (TVAE, CTGAN):
            if options.only in (None, kind.name):
                compare(name, kind, table, epochs=options.epochs, seeds=seeds)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
