"""Compare seconds and peak memory of the routes to gamma: python tests/perf/bench_gamma.py.

Each route runs in a separate process, whose peak includes the libraries and the creation of the tables. Only the
ratios are meaningful, because absolute values depend on the machine and its load. np.corrcoef, which computes the
whole matrices, is measured only at 969 features, because it needs about 10 GB at 18,154; --naive-wide measures it
there as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tabgenbench import Evaluation, MetricContext, Table, Transform
from tabgenbench_plugins.correlation import gram_sums, streamed_sums, unit_columns
from tabgenbench_plugins.metrics.gamma import Gamma

N_ROWS = 270
NARROW, WIDE = 969, 18_154
Values = NDArray[np.float32]


def tables(n_features: int) -> tuple[Values, Values]:
    """Real and synthetic rows with the same correlated modules, shape (270, n_features) each."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(12, n_features))
    real, synthetic = (rng.normal(size=(N_ROWS, 12)) @ mix + rng.normal(size=(N_ROWS, n_features)) for _ in range(2))
    return real.astype(np.float32), synthetic.astype(np.float32)


def gram(real: Values, synthetic: Values) -> float:
    return gram_sums(unit_columns(real), unit_columns(synthetic)).pearson()


def streamed(real: Values, synthetic: Values) -> float:
    return streamed_sums(unit_columns(real), unit_columns(synthetic)).pearson()


def corrcoef(real: Values, synthetic: Values) -> float:
    upper = np.triu_indices(real.shape[1], 1)
    r_real, r_synthetic = (np.asarray(np.corrcoef(x.T.astype(np.float64)))[upper] for x in (real, synthetic))
    return float(np.corrcoef(r_real, r_synthetic)[0, 1])


def metric(real: Values, synthetic: Values) -> float:
    """The whole metric: gamma and gamma-clipped."""
    features = tuple(map(str, range(real.shape[1])))
    obs = pd.DataFrame(index=[str(i) for i in range(N_ROWS)])
    test, drawn = (Table(x, obs, features, scale="standardized") for x in (real, synthetic))
    transform = Transform(np.zeros(len(features)), np.ones(len(features)), "linear", False)
    return Gamma().compute(Evaluation(test, test, drawn, transform), MetricContext(seed=0)).scores["gamma"]


ROUTES: dict[str, Callable[[Values, Values], float]] = {
    "gram": gram,
    "streamed": streamed,
    "metric (both scores)": metric,
    "np.corrcoef": corrcoef,
}


def measure(route: str, n_features: int) -> dict[str, Any]:
    """Run one route in this process."""
    real, synthetic = tables(n_features)
    ROUTES[route](*tables(16))  # load libraries and start threads before the measurement
    start = time.perf_counter()
    gamma = ROUTES[route](real, synthetic)
    seconds = time.perf_counter() - start
    peak = peak_kilobytes()
    return {"gamma": gamma, "seconds": seconds, "peak_mb": peak / 1024}


def in_fresh_process(route: str, n_features: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--route", route, "--features", str(n_features)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def show(n_features: int, routes: list[str]) -> None:
    found = {route: in_fresh_process(route, n_features) for route in routes}
    base = found["gram"]
    print(f"\n{n_features:,} features x {N_ROWS} rows, ratios to the Gram route")
    print(f"{'route':<22}{'seconds':>9}{'ratio':>8}{'peak MB':>10}{'ratio':>8}{'gamma - gram':>15}")
    for route, row in found.items():
        ratios = row["seconds"] / base["seconds"], row["peak_mb"] / base["peak_mb"]
        print(
            f"{route:<22}{row['seconds']:>9.3f}{ratios[0]:>8.1f}{row['peak_mb']:>10.0f}{ratios[1]:>8.1f}"
            f"{row['gamma'] - base['gamma']:>15.1e}"
        )


def peak_kilobytes() -> int:
    """Return the peak resident memory of this program, in kB.

    It is read from the kernel's status file, because ``ru_maxrss`` includes the peak of the parent process.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare seconds and peak memory of the routes to gamma.")
    parser.add_argument(
        "--naive-wide", action="store_true", help="measure np.corrcoef at 18,154 features, which needs about 10 GB"
    )
    parser.add_argument("--route", choices=ROUTES, help="measure one route in this process and print JSON")
    parser.add_argument("--features", type=int, default=NARROW, help="number of features for --route")
    arguments = parser.parse_args()
    if arguments.route:
        print(json.dumps(measure(arguments.route, arguments.features)))
        return
    show(NARROW, list(ROUTES))
    show(WIDE, [route for route in ROUTES if route != "np.corrcoef" or arguments.naive_wide])


if __name__ == "__main__":
    main()
