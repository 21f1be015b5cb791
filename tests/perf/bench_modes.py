"""Seconds of mode fitting, encoding and decoding beside the package ctgan's: python tests/perf/bench_modes.py.

A table of 808 rows of gene-like columns. Ours runs on all columns; the package, one column at a time in this process,
on the first few (its cost is a sum over columns, so that its seconds are scaled up), or on all with --all. Its default,
a process pool that starts for every transform of 500 rows or more, is left out: it is slower still. Both sides run on
one thread and in turn, and seconds are processor seconds, transform and inverse the best of three, so that the ratios
hold beside whatever else the machine does.
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
    """The least processor seconds of several calls, and the last one's result."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def ours(values: Floats, codes: NDArray[np.int64]) -> dict[str, float]:
    n_categories = (N_CONDITIONS,)
    ModeTransformer.fit(values[:50, :5], codes[:50], n_categories, seed=0)  # libraries load before the clock starts
    fit, transformer = timed(lambda: ModeTransformer.fit(values, codes, n_categories, seed=0))
    transform, encoded = timed(
        lambda: transformer.transform(values, codes, generator=np.random.default_rng(0)), REPEATS
    )
    inverse, _ = timed(lambda: transformer.inverse(encoded), REPEATS)
    print(
        f"encoded row: {transformer.layout.width:,} entries, {np.mean(transformer.layout.n_modes):.1f} modes a column"
    )
    return {"mode fitting": fit, "transform": transform, "inverse": inverse}


def package(module: Any, values: Floats) -> dict[str, float]:
    """Seconds of the package on these columns, its transform kept to one process by its own serial path."""
    frame = pd.DataFrame(values, columns=[f"x{j}" for j in range(values.shape[1])])
    transformer = module.DataTransformer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mixtures that stop at 100 iterations, which is the package's rule
        fit, _ = timed(lambda: transformer.fit(frame))
        columns = transformer._column_transform_info_list
        transform, parts = timed(lambda: transformer._synchronous_transform(frame, columns), REPEATS)
        encoded = np.concatenate(parts, axis=1).astype(float)
        inverse, _ = timed(lambda: transformer.inverse_transform(encoded), REPEATS)
    return {"mode fitting": fit, "transform": transform, "inverse": inverse}


def main() -> int:
    parser = argparse.ArgumentParser(description="Seconds of mode fitting, encoding and decoding beside the package's.")
    parser.add_argument("--rows", type=int, default=N_ROWS)
    parser.add_argument("--columns", type=int, default=N_COLUMNS, help="columns of the table")
    parser.add_argument("--package-columns", type=int, default=N_PACKAGE, help="columns that the package is run on")
    parser.add_argument("--all", action="store_true", help="run the package on all columns")
    arguments = parser.parse_args()
    n_package = arguments.columns if arguments.all else min(arguments.package_columns, arguments.columns)
    values, codes = gene_like(arguments.rows, arguments.columns)
    installed = importlib.util.find_spec("ctgan") is not None
    module = importlib.import_module("ctgan.data_transformer") if installed else None
    importlib.import_module("sklearn.mixture")  # the limit on threads binds those libraries that are there already
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
    print(f"peak memory of the process when ours was done: {peak:.0f} MB, all libraries and the table included")
    return int(installed and any(slow[step] * scale / seconds < BARS[step] for step, seconds in fast.items()))


if __name__ == "__main__":
    sys.exit(main())
