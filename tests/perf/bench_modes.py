"""Compare seconds of mode fitting, encoding and decoding with the package ctgan: python tests/perf/bench_modes.py.

The table has 808 rows of gene-like columns. Our code runs on all columns. The package runs column by column in this
process, on the first few columns (its seconds are scaled up, because its cost is a sum over columns) or on all with
--all. The package's default, a new process pool for every transform of 500 rows or more, is slower and is not
measured. Both run in turn on one thread. Seconds are processor seconds, for transform and inverse the best of three,
so that the ratios depend little on other work of the machine.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tabgenbench_plugins.generators.parts.tabular.modes import ModeTransformer

BARS = {"mode fitting": 8, "transform": 20, "inverse": 20}  # times faster, at least
N_ROWS, N_COLUMNS, N_PACKAGE, N_CONDITIONS = 808, 969, 60, 26
REPEATS = 3
Floats = NDArray[np.float64]


def gene_like(n_rows: int, n_columns: int) -> tuple[Floats, NDArray[np.int64]]:
    """Untransformed expression by condition, (n_rows, n_columns), and the condition's code, (n_rows, 1)."""
    rng = np.random.default_rng(0)
    condition = np.arange(n_rows) % N_CONDITIONS
    level = rng.normal(6, 3, n_columns) + rng.normal(0, 1, (N_CONDITIONS, n_columns))[condition]
    zero = rng.random((n_rows, n_columns)) < rng.beta(0.4, 4, n_columns)
    values = np.where(zero, 0.0, np.exp2(level + 0.6 * rng.normal(size=(n_rows, n_columns))))
    return values, condition[:, None]


def timed(function: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """The smallest processor seconds of several calls, and the result of the last call."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def ours(values: Floats, codes: NDArray[np.int64]) -> dict[str, float]:
    n_categories = (N_CONDITIONS,)
    ModeTransformer.fit(values[:50, :5], codes[:50], n_categories, seed=0)  # load libraries before the measurement
    fit, transformer = timed(lambda: ModeTransformer.fit(values, codes, n_categories, seed=0))
    transform, encoded = timed(
        lambda: transformer.transform(values, codes, generator=np.random.default_rng(0)), REPEATS
    )
    inverse, _ = timed(lambda: transformer.inverse(encoded), REPEATS)
    print(
        f"encoded row: {transformer.layout.width:,} entries, {np.mean(transformer.layout.n_modes):.1f} modes per column"
    )
    return {"mode fitting": fit, "transform": transform, "inverse": inverse}


def package(module: Any, values: Floats) -> dict[str, float]:
    """Seconds of the package on these columns, with its serial transform in one process."""
    frame = pd.DataFrame(values, columns=[f"x{j}" for j in range(values.shape[1])])
    transformer = module.DataTransformer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package stops mixtures at 100 iterations, converged or not
        fit, _ = timed(lambda: transformer.fit(frame))
        columns = transformer._column_transform_info_list
        transform, parts = timed(lambda: transformer._synchronous_transform(frame, columns), REPEATS)
        encoded = np.concatenate(parts, axis=1).astype(float)
        inverse, _ = timed(lambda: transformer.inverse_transform(encoded), REPEATS)
    return {"mode fitting": fit, "transform": transform, "inverse": inverse}


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Compare seconds of mode fitting, encoding and decoding with the package."
    )
    parser.add_argument("--rows", type=int, default=N_ROWS)
    parser.add_argument("--columns", type=int, default=N_COLUMNS, help="columns of the table")
    parser.add_argument("--package-columns", type=int, default=N_PACKAGE, help="number of columns for the package")
    parser.add_argument("--all", action="store_true", help="run the package on all columns")
    arguments = parser.parse_args()
    n_package = arguments.columns if arguments.all else min(arguments.package_columns, arguments.columns)
    values, codes = gene_like(arguments.rows, arguments.columns)
    installed = importlib.util.find_spec("ctgan") is not None
    module = importlib.import_module("ctgan.data_transformer") if installed else None
    importlib.import_module("sklearn.mixture")  # the limit on threads applies only to libraries that are already loaded
    with threadpool_limits(1):
        fast = ours(values, codes)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # in kB on Linux
        slow = package(module, values[:, :n_package]) if installed else dict.fromkeys(fast, float("nan"))
    scale = arguments.columns / n_package
    scaled = f"in one process, scaled from {n_package} columns" if scale > 1 else "in one process"
    print(
        f"{arguments.rows:,} rows x {arguments.columns:,} columns; package {scaled if installed else 'not installed'}"
    )
    print(f"{'':<14}{'ours, s':>10}{'package, s':>12}{'times faster':>14}")
    for step, seconds in fast.items():
        ratio = slow[step] * scale / seconds
        print(f"{step:<14}{seconds:>10.3f}{slow[step] * scale:>12.1f}{ratio:>14.1f}   (at least {BARS[step]})")
    print(f"peak memory of the process after our code: {peak:.0f} MB, including all libraries and the table")
    return int(installed and any(slow[step] * scale / seconds < BARS[step] for step, seconds in fast.items()))


if __name__ == "__main__":
    sys.exit(main())
