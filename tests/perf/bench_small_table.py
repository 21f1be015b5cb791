"""Profile training on a small table: python tests/perf/bench_small_table.py [--models cvae ctgan].

Each model trains on 540 rows x 100 columns of `simulated-tissues`, as in the suite `quickstart`, on one thread in a
separate process. The script prints processor milliseconds per optimiser step (for `wgan-gp` and `ctgan`, per generator
step with its critic steps), as medians over rounds of several epochs: the total; the time of its matrix products,
measured in separate loops; the rest (optimiser, other operations, Python, and products that wait for memory); and the
time in the kernel with the number of page faults. Every model runs twice: with glibc's default rules for returning
freed memory to the system, and with the rules of the workers of a run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from tabgenbench import FitContext, Generator, Transform
from tabgenbench.engines.environment import available_cores, describe_environment
from tabgenbench.engines.fork_server import ALLOCATION, WAITING
from tabgenbench.interfaces.device_split import upload
from tabgenbench.options import make_options
from tabgenbench_datasets.simulated_tissues import SimulatedTissues
from tabgenbench_plugins.generators.ctgan import CTGAN
from tabgenbench_plugins.generators.cvae import CVAE
from tabgenbench_plugins.generators.tvae import TVAE
from tabgenbench_plugins.generators.wgan_gp import WGANGP

N_ROWS = 540
FAULTS_BAR = 30  # maximum number of page faults per step with the allocation rules of the workers
MODELS: dict[str, tuple[type[Generator], dict[str, Any]]] = {
    "cvae": (CVAE, {"learning_rate": 0.001}),
    "wgan-gp": (WGANGP, {"learning_rate": 0.001}),
    "ctgan": (CTGAN, {"batch_size": 100}),
    "tvae": (TVAE, {"batch_size": 100}),
}
PRODUCTS = {"aten::mm": 0, "aten::addmm": 1}  # position of the first factor


def train(name: str, rounds: int, epochs: int) -> dict[str, float]:
    """Train in this process; return milliseconds and page faults per step."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    kind, options = MODELS[name]
    table = SimulatedTissues(make_options(SimulatedTissues.Config, {"n_rows": N_ROWS}, where="table")).load()
    standardized = Transform.fit(table).apply(table)
    split = upload(standardized, None, "cpu")
    rows = table if kind.scale == "own" else standardized
    config = make_options(kind.Config, {**options, "epochs": epochs + 2}, where=name)
    size = config.model_dump()["batch_size"]
    steps = epochs * (N_ROWS // size if name == "ctgan" else -(-N_ROWS // size))
    usage: list[resource.struct_rusage] = []

    def look(progress: Any) -> None:
        # The first epoch includes one-time initialisation, and the last one the work of a model after training.
        if progress.epoch in (1, epochs + 1):
            usage.append(resource.getrusage(resource.RUSAGE_SELF))

    def fit() -> dict[str, float]:
        usage.clear()
        context = FitContext(device="cpu", seed=1, make_device_split=lambda: split, on_report=look)
        kind(config).fit(rows, None, context)
        before, after = usage
        kernel = after.ru_stime - before.ru_stime
        return {
            "all": 1e3 * (after.ru_utime - before.ru_utime + kernel) / steps,
            "kernel": 1e3 * kernel / steps,
            "faults": (after.ru_minflt - before.ru_minflt) / steps,
        }

    found = [fit() for _ in range(rounds + 1)][1:]
    result = {key: statistics.median(one[key] for one in found) for key in found[0]}
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiled:
        fit()
    result["products"] = replay(profiled, steps * (epochs + 2) / epochs)
    return result


def replay(profiled: profile, steps: float) -> float:
    """Return processor milliseconds per step of the matrix products of a profile, each measured in a separate loop."""
    products = []
    for event in profiled.key_averages(group_by_input_shape=True):
        if event.key in PRODUCTS:
            first = PRODUCTS[event.key]
            left, right = event.input_shapes[first : first + 2]  # an output may follow
            products.append((torch.randn(left), torch.randn(right), event.count))
    milliseconds = 0.0
    for left, right, count in products:
        repeats = max(3, min(count, 200))
        torch.mm(left, right)
        start = time.process_time()
        for _ in range(repeats):
            torch.mm(left, right)
        milliseconds += 1e3 * (time.process_time() - start) / repeats * count / steps
    return milliseconds


def main() -> int:
    """Print a line for each model and allocation; return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4, help="epochs per round")
    parser.add_argument("--child", choices=list(MODELS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(train(options.child, options.rounds, options.epochs)))
        return 0
    environment = describe_environment(threads=1)
    print(f"{environment.cpu}, {available_cores()} cores; torch {torch.__version__}; one thread; ms per step")
    print(f"{'model':<9}{'allocation':<12}{'all':>8}{'products':>10}{'rest':>8}{'kernel':>8}{'faults':>8}")
    kept = True
    for name in options.models:
        for allocation, variables in (("glibc's", {}), ("workers'", ALLOCATION)):
            command = [sys.executable, __file__, "--child", name]
            command += ["--rounds", str(options.rounds), "--epochs", str(options.epochs)]
            done = subprocess.run(
                command,
                env={**os.environ, **WAITING, **variables, "KINETO_LOG_LEVEL": "99"},
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            one = json.loads(done.stdout.splitlines()[-1])
            rest = one["all"] - one["products"]
            print(
                f"{name:<9}{allocation:<12}{one['all']:8.2f}{one['products']:10.2f}{rest:8.2f}"
                f"{one['kernel']:8.2f}{one['faults']:8.0f}",
                flush=True,
            )
            kept &= not variables or one["faults"] <= FAULTS_BAR
    print(
        f"page faults per step with the workers' allocation rules: at most {FAULTS_BAR}: {'met' if kept else 'missed'}"
    )
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
