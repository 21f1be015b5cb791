"""Block test of `invae` on `simulated-cells`: does each block of latents know what it should, and nothing else?

Trains on 70 % of the cells, embeds the others without covariates (or with them, if training hid none), and prints for
each recipe and seed

- the joint share of each block for batch, type and condition: the loss of held-out accuracy of a random forest if the
  whole block is permuted, divided by the sum of both losses;
- the held-out accuracy of the donor predicted from the invariant block alone, by the better of a logistic regression
  and a random forest, beside the most frequent donor's share (chance).

    python tests/perf/block_test.py [--seeds 0,1,2] [--epochs 60] [--cells 5000] [OPTIONS ...]

Each of OPTIONS is a list of options of `invae`, such as recipe=published or tc=0,covariate_penalty=0; without any, both
recipes with both priors are trained.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import torch

from tabgenbench import FitContext, Table
from tabgenbench.options import make_options
from tabgenbench_datasets.simulated_cells import SimulatedCells
from tabgenbench_plugins.generators.invae import InVAE
from tabgenbench_plugins.metrics.parts.block_use import accuracy_alone, block_use, chance_of
from tabgenbench_plugins.metrics.parts.embedded_cells import Embedded, labels_of

RUNS = ("", "prior=exponential", "recipe=published", "recipe=published,prior=exponential")
COLUMNS = ("donor", "cell_type", "condition")
BLOCKS = ("invariant", "spurious")


def block_test(model: InVAE, train: Table, test: Table, seed: int) -> dict[str, float]:
    """Return the spurious share for the donor, the invariant shares of biology, and accuracies."""
    known, asked = (Embedded(dict(zip(BLOCKS, model.blocks(table), strict=True))) for table in (train, test))
    found: dict[str, float] = {}
    for column in COLUMNS:
        labels, truth = labels_of(train, column), labels_of(test, column)
        use, block = block_use(known, labels, asked, truth, seed=seed), BLOCKS[column == "donor"]
        found[f"{column}: {block} share"] = use.shares[block]
        found[f"{column}: accuracy"] = use.accuracy
        if column == "donor":
            found["donor from z_inv"] = accuracy_alone(known.first, labels, asked.first, truth, seed=seed)
            found["chance"] = chance_of(truth)
    return found


def main() -> int:
    """Train, test and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", default=RUNS)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", default=60, type=int)
    parser.add_argument("--cells", default=5_000, type=int)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    table = SimulatedCells(SimulatedCells.Config(n_cells=asked.cells)).load()
    for seed in map(int, asked.seeds.split(",")):
        order = np.random.default_rng(seed).permutation(table.n_rows)
        cut = round(0.7 * table.n_rows)
        train, test = table.take(np.sort(order[:cut])), table.take(np.sort(order[cut:]))
        for run in asked.runs:
            options = dict(pair.split("=") for pair in run.split(",") if pair)
            config = make_options(InVAE.Config, {"epochs": str(asked.epochs), **options}, where="invae")
            model, start = InVAE(config), time.perf_counter()
            context = FitContext(device="cpu", seed=seed)
            model.fit(train, None, context)
            seconds = time.perf_counter() - start
            losses = context.curve[asked.epochs - 1].losses  # of the last epoch that trains the whole model
            print(f"seed {seed}, {run or 'recipe=separated'}: fit {seconds:.0f} s; {losses}")
            for name, value in block_test(model, train, test, seed).items():
                print(f"    {name:28s} {value:.3f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
