"""Compare seconds per epoch of `tvae` and `ctgan` with the package, and CTGAN's step with its matrix products.

    python tests/perf/bench_tabular.py [--rows 808] [--genes 969] [--epochs 3] [--threads 2]

The table resembles gene expression. Its modes are fitted once, by `fast`, and the package's trainers get the same
encoded rows and the same layout, so that the package's hours of mode fitting and encoding are not measured. The
implementations run one epoch in turn, and medians are printed. The matrix products of a step are measured in a
separate loop, on matrices of the same shapes: once for the step as implemented here, and once for the textbook step,
which has an additional pass through points between real and generated rows.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tabgenbench.engines.environment import available_cores, describe_environment
from tabgenbench_plugins.generators.ctgan import CTGAN
from tabgenbench_plugins.generators.parts.tabular.blocks import Blocks
from tabgenbench_plugins.generators.parts.tabular.condition_sampler import ConditionSampler
from tabgenbench_plugins.generators.parts.tabular.layout import Layout
from tabgenbench_plugins.generators.parts.tabular.modes import ModeTransformer
from tabgenbench_plugins.generators.parts.tabular.networks import Critic, Decoder, Encoder, RowGenerator
from tabgenbench_plugins.generators.parts.tabular.training import (
    AdversarialTraining,
    AutoencoderTraining,
    ConditionalRows,
)
from tabgenbench_plugins.generators.tvae import TVAE

N_CONDITIONS = 27
STEP_BAR = 1.6  # maximum ratio of a step to its matrix products
Run = Callable[[], Any]


def gene_like(n_rows: int, n_genes: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return untransformed expression by condition and the condition's code, (n_rows, 1)."""
    rng = np.random.default_rng(0)
    condition = np.arange(n_rows) % N_CONDITIONS
    level = rng.normal(6, 3, n_genes) + rng.normal(0, 1, (N_CONDITIONS, n_genes))[condition]
    zero = rng.random((n_rows, n_genes)) < rng.beta(0.4, 4, n_genes)
    return np.where(zero, 0.0, np.exp2(level + 0.6 * rng.normal(size=(n_rows, n_genes)))), condition[:, None]


def fast_tvae(encoded: torch.Tensor, layout: Layout) -> Run:
    """Return one epoch of our TVAE."""
    config, blocks, seed = TVAE.Config(), Blocks.of(layout), torch.Generator().manual_seed(0)
    z = config.embedding_dim
    encoder = Encoder(layout.width, config.compress_dims, z, seed)
    decoder = Decoder(z, config.decompress_dims, n_out=layout.width, n_scalars=layout.n_continuous, generator=seed)
    rows = blocks.arrange(encoded)
    training = AutoencoderTraining(encoder, decoder, blocks, rows, seed, config.batch_size, z, config.loss_factor)
    training.optimizer(config.l2scale)
    return lambda: training.epoch().tolist()


def fast_ctgan(encoded: torch.Tensor, codes: torch.Tensor, layout: Layout) -> Run:
    """Return one epoch of our CTGAN."""
    config, blocks, draws = CTGAN.Config(), Blocks.of(layout), torch.Generator().manual_seed(0)
    n_in, width = config.embedding_dim + N_CONDITIONS, layout.width + N_CONDITIONS
    generator = RowGenerator(n_in, config.generator_dim, layout.width, draws)
    rows = ConditionalRows(generator, blocks, config.embedding_dim, N_CONDITIONS)
    conditions = ConditionSampler(codes[:, None], (N_CONDITIONS,), log_frequency=True, generator=draws)
    critic = Critic(width, config.discriminator_dim, config.pac, draws)
    training = AdversarialTraining(rows, critic, blocks.arrange(encoded), conditions, draws, config.batch_size)
    training.optimizers(learning_rates=(config.generator_lr, config.discriminator_lr), decays=(1e-6, 1e-6))
    return lambda: training.epoch(1).tolist()


def package_epochs(kind: str, encoded: torch.Tensor, layout: Layout, epochs: int) -> list[float]:
    """Train the package's model on encoded rows; return the seconds of each epoch after the first."""
    module = importlib.import_module(f"ctgan.synthesizers.{kind.lower()}")
    span = importlib.import_module("ctgan.data_transformer").SpanInfo
    columns = [[span(1, "tanh"), span(m, "softmax")] for m in layout.n_modes]
    transformer = SimpleNamespace(
        output_info_list=[*columns, *([span(k, "softmax")] for k in layout.n_categories)],
        output_dimensions=layout.width,
        fit=lambda *_: None,
        transform=lambda _: encoded.numpy().astype(float),
    )
    times = [time.perf_counter()]

    class Timed(getattr(module, kind)):  # type: ignore[misc]  # the package ships no types
        """The package's model; it assigns its losses once an epoch."""

        @property
        def loss_values(self) -> Any:
            return self.__dict__.get("losses")

        @loss_values.setter
        def loss_values(self, value: Any) -> None:
            self.__dict__["losses"] = value
            times.append(time.perf_counter())

    original, module.DataTransformer = module.DataTransformer, lambda: transformer
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package's, of pandas
            Timed(epochs=epochs + 1, enable_gpu=False).fit(np.zeros((len(encoded), 1)))
    finally:
        module.DataTransformer = original
    return np.diff(times[-(epochs + 1) :]).tolist()


def products(shapes: list[tuple[str, tuple[int, int, int]]]) -> Run:
    """Return a loop over matrix products (m, k, n) with the layouts ``nn``, ``nt`` (second transposed) or ``tn``."""
    made = []
    for kind, (m, k, n) in shapes:
        a = torch.randn(k, m).T if kind == "tn" else torch.randn(m, k)
        b = torch.randn(n, k).T if kind == "nt" else torch.randn(k, n)
        made.append((a, b, torch.empty(m, n)))

    def run() -> None:
        for a, b, out in made:
            torch.mm(a, b, out=out)

    return run


def ctgan_products(width: int) -> dict[str, Run]:
    """Return the matrix products of one critic and one generator step, as implemented here and in the textbook."""
    config = CTGAN.Config()
    batch, hidden, packs = config.batch_size, config.discriminator_dim[0], config.batch_size // config.pac
    seen = config.pac * (width + N_CONDITIONS)
    z, (h1, h2) = config.embedding_dim + N_CONDITIONS, config.generator_dim
    forward = [("nt", (batch, z, h1)), ("nt", (batch, z + h1, h2)), ("nt", (batch, z + h1 + h2, width))]
    backward = [("tn", (n, m, k)) for _, (m, k, n) in forward] + [("nn", (m, n, k)) for _, (m, k, n) in forward[1:]]
    first = ("nt", (packs, seen, hidden))
    by_input, by_weight = ("nn", (packs, hidden, seen)), ("tn", (hidden, packs, seen))
    generator_step = [*forward, first, by_input, *backward]
    ours = [("nt", (2 * packs, seen, hidden)), by_input, first, ("tn", (hidden, 3 * packs, seen))]
    textbook = [first, first, first, by_input, by_weight, first, by_weight, by_weight, by_weight]
    return {
        "here": products([*forward, *ours, *generator_step]),
        "textbook": products([*forward, *textbook, *generator_step]),
    }


def interleaved(runs: dict[str, Run], repeats: int) -> dict[str, float]:
    """Run each in turn, after one warm-up run, and return the median seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in seconds.items()}


def main() -> int:
    """Print both tables; return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=808)
    parser.add_argument("--genes", type=int, default=969)
    parser.add_argument("--epochs", type=int, default=3, help="epochs of the package; our code runs four times as many")
    parser.add_argument(
        "--rounds", type=int, default=2, help="number of rounds in which the implementations run in turn"
    )
    parser.add_argument("--threads", type=int, default=available_cores())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    values, codes = gene_like(options.rows, options.genes)
    start = time.perf_counter()
    transformer = ModeTransformer.fit(values, codes, (N_CONDITIONS,), seed=0)
    rows = transformer.transform(values, codes, generator=np.random.default_rng(0))
    encoded, layout = torch.from_numpy(rows), transformer.layout
    machine = describe_environment(threads=options.threads, device="cpu")
    print(f"{machine.cpu}, {options.threads} threads, torch {machine.packages['torch']}")
    print(f"{options.rows} rows x {options.genes} columns, encoded width {layout.width:,}; ", end="")
    print(f"modes and encoding {time.perf_counter() - start:.1f} s")
    ours = {"TVAE": fast_tvae(encoded, layout)}
    ours["CTGAN"] = fast_ctgan(encoded, torch.from_numpy(codes[:, 0]), layout)
    print("seconds per epoch    fast  reference   ratio")
    kept = True
    for kind, bar in (("TVAE", 6), ("CTGAN", 4)):
        fast: list[float] = []
        reference: list[float] = []
        for _ in range(options.rounds):
            fast.append(interleaved({kind: ours[kind]}, 4 * options.epochs)[kind])
            reference += package_epochs(kind, encoded, layout, options.epochs)
        a, b = statistics.median(fast), statistics.median(reference)
        kept &= b / a >= bar
        print(f"{kind.lower():<18}{a:7.3f}{b:11.3f}{b / a:8.1f}   (at least {bar})", flush=True)
    found = interleaved({"step": ours["CTGAN"], **ctgan_products(layout.width)}, 4 * options.epochs)
    steps = max(options.rows // 500, 1)
    step = found["step"] / steps
    print(f"ctgan step, {steps} per epoch {step:6.3f} s")
    print(f"its products        {found['here']:7.3f} s   ratio {step / found['here']:.2f}   (at most {STEP_BAR})")
    print(f"textbook's products {found['textbook']:7.3f} s   ratio {step / found['textbook']:.2f}")
    return int(not (kept and step / found["here"] <= STEP_BAR))


if __name__ == "__main__":
    sys.exit(main())
