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
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tabgenbench import FitContext, Table
from tabgenbench.options import make_options
from tabgenbench_datasets.simulated_cells import SimulatedCells
from tabgenbench_plugins.generators.invae import InVAE

RUNS = ("", "prior=exponential", "recipe=published", "recipe=published,prior=exponential")
COLUMNS = ("donor", "cell_type", "condition")
Block = NDArray[np.float32]


def joint_loss(forest: Any, z: Block, columns: slice, labels: NDArray[Any], rng: np.random.Generator) -> float:
    """Return the loss of accuracy if a block is permuted as a whole, mean over 10 permutations."""
    right, lost = forest.score(z, labels), 0.0
    for _ in range(10):
        permuted = z.copy()
        permuted[:, columns] = z[rng.permutation(len(z)), columns]
        lost += (right - forest.score(permuted, labels)) / 10
    return max(lost, 0.0)


def block_test(model: InVAE, train: Table, test: Table, seed: int) -> dict[str, float]:
    """Return the spurious share for the donor, the invariant shares of biology, and accuracies."""
    (z_inv, z_spur), (t_inv, t_spur) = model.blocks(train), model.blocks(test)
    z, t, cut = np.hstack([z_inv, z_spur]), np.hstack([t_inv, t_spur]), z_inv.shape[1]
    found: dict[str, float] = {}
    for column in COLUMNS:
        known, asked = train.obs[column].astype(str).to_numpy(), test.obs[column].astype(str).to_numpy()
        forest = RandomForestClassifier(200, random_state=seed).fit(z, known)
        rng = np.random.default_rng(seed)
        lost = [joint_loss(forest, t, columns, asked, rng) for columns in (slice(cut), slice(cut, None))]
        share = lost[column == "donor"] / max(sum(lost), 1e-9)
        found[f"{column}: {'spurious' if column == 'donor' else 'invariant'} share"] = share
        found[f"{column}: accuracy"] = forest.score(t, asked)
        if column == "donor":
            linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(z_inv, known)
            alone = RandomForestClassifier(200, random_state=seed).fit(z_inv, known)
            found["donor from z_inv"] = max(one.score(t_inv, asked) for one in (linear, alone))
            found["chance"] = max(np.mean(asked == value) for value in np.unique(asked))
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
            print(f"seed {seed}, {run or 'recipe=separated'}: fit {seconds:.0f} s; {context.curve[-1].losses}")
            for name, value in block_test(model, train, test, seed).items():
                print(f"    {name:28s} {value:.3f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
