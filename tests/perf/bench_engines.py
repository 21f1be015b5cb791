"""Whether the two engines of `ctgan` and `tvae` differ: python tests/perf/bench_engines.py [--epochs 100] [--seeds 5].

Each engine goes the whole way, from modes to samples, on 8 columns of `wdbc` and on 40 genes of `simulated-tissues`,
once a seed, with small batches and, for `ctgan`, larger steps than by default, so that a hundred epochs move it. Printed
are gamma and the mean Wasserstein distance of the columns between the training rows and the rows sampled for their
conditions, both on the evaluation scale: the mean over seeds of each engine, and the paired difference, fast minus
reference, with its 95 % t-interval. Equal engines cover 0 in 19 of 20 such intervals.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from tabgenbench import FitContext, Generator, SampleContext, Table, Transform
from tabgenbench.options import make_options
from tabgenbench_datasets.simulated_tissues import SimulatedTissues
from tabgenbench_datasets.wdbc import WDBC
from tabgenbench_plugins.generators.ctgan import CTGAN
from tabgenbench_plugins.generators.tvae import TVAE

SCORES = ("gamma", "wasserstein")
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


def scores(kind: type[Generator], table: Table, *, engine: str, epochs: int, seed: int) -> tuple[float, float]:
    """Train and sample once; return gamma and the mean Wasserstein distance of the columns."""
    generator = kind(
        make_options(kind.Config, {**OPTIONS[kind.name], "engine": engine, "epochs": epochs}, where=kind.name)
    )
    generator.fit(table, None, FitContext(device="cpu", seed=seed))
    made = generator.sample(table.conditions, SampleContext(device="cpu", seed=seed))
    transform = Transform.fit(table)
    real, synthetic = (transform.apply(t).dense().astype(np.float64) for t in (table, made))
    upper = np.triu_indices(real.shape[1], k=1)
    a, b = (np.corrcoef(x.T)[upper] for x in (real, synthetic))
    distances = [stats.wasserstein_distance(x, y) for x, y in zip(real.T, synthetic.T, strict=True)]
    return float(np.corrcoef(a, b)[0, 1]), float(np.mean(distances))


def interval(differences: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return mean and half width of the 95 % t-interval, and the standard deviation over seeds."""
    sd = float(differences.std(ddof=1))
    half = float(stats.t.ppf(0.975, len(differences) - 1)) * sd / len(differences) ** 0.5
    return float(differences.mean()), half, sd


def main() -> None:
    """Print a line for each table, model and score."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="more do not help at this size")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.epochs} epochs, {options.seeds} seeds")
    print(f"{'table':<22}{'model':<8}{'score':<14}{'fast':>8}{'reference':>11}{'difference, 95 %':>22}   covers 0")
    start = time.perf_counter()
    for name, table in tables().items():
        for kind in (TVAE, CTGAN):
            found = np.array(
                [
                    [
                        scores(kind, table, engine=engine, epochs=options.epochs, seed=seed)
                        for engine in ("fast", "reference")
                    ]
                    for seed in range(1, options.seeds + 1)
                ]
            )  # (seeds, engines, scores)
            for j, score in enumerate(SCORES):
                mean, half, _ = interval(found[:, 0, j] - found[:, 1, j])
                fast, reference = found[:, :, j].mean(axis=0)
                line = f"{name:<22}{kind.name:<8}{score:<14}{fast:>8.3f}{reference:>11.3f}"
                print(f"{line}{mean:>+11.3f} +- {half:.3f}   {'yes' if abs(mean) <= half else 'no'}", flush=True)
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
