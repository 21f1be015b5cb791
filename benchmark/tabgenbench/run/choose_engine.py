"""Which engine a run uses, with how many cells at a time and how many threads each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabgenbench.engines.base import Executor
from tabgenbench.engines.devices import resolve_device
from tabgenbench.engines.environment import available_cores, visible_gpus
from tabgenbench.engines.memory import machine_memory
from tabgenbench.errors import ConfigError
from tabgenbench.run.state import RunOptions

__all__ = ["Engine", "choose_engine"]

MAX_WORKERS = 8  # by default; each holds a copy of its model and rows
MEMORY_SHARE = 0.9  # of the machine's memory, for one cell, by default


@dataclass(frozen=True)
class Engine:
    """How a run works.

    Attributes:
        run_options: what the runner is told.
        make: makes the executor, when there is something to do; None in place of the store's folder where nothing of
            it is to be touched.
        warm: begins what takes a while and is needed then, without waiting for it.
    """

    run_options: RunOptions
    make: Callable[[Path | None], Executor]
    warm: Callable[[], None] = lambda: None


def choose_engine(options: Mapping[str, Any]) -> Engine:
    """Return the engine that the options of ``tabgenbench run`` ask for.

    Raises:
        ConfigError: options do not go together.
        DeviceError: the device is not there.
    """
    if options["timing"] and (options["workers"] or 1) > 1:
        raise ConfigError(
            f"--workers: got {options['workers']} with --timing, which runs one cell at a time; leave it out"
        )
    if options["executor"] == "ray":
        return _ray_engine(options)
    if options["address"]:
        raise ConfigError("--address: only --executor ray has one; add it, or leave --address out")
    device = resolve_device(options["device"])
    gpus, slots = visible_gpus(device), options["slots_per_gpu"]
    # Cells beside each other use cores better than threads inside one: no thread waits for another.
    by_default = len(gpus) * slots or min(available_cores(), MAX_WORKERS)
    workers = 1 if options["timing"] else options["workers"] or by_default
    threads = options["threads"] or max(1, available_cores() // workers)
    chosen = _run_options(options, device=device, workers=workers, threads=threads)

    def make(_: Path | None) -> Executor:
        from tabgenbench.engines.local import LocalExecutor

        return LocalExecutor(workers=workers, threads=threads, gpus=gpus, slots_per_gpu=slots)

    def warm() -> None:
        from tabgenbench.engines.local import start_fork_server

        start_fork_server(threads)

    return Engine(chosen, make, warm)


def _ray_engine(options: Mapping[str, Any]) -> Engine:
    from tabgenbench.engines.ray_cluster import survey

    address, threads, slots = options["address"], options["threads"] or 1, options["slots_per_gpu"]
    offer = survey(address, threads=threads, device=options["device"], slots_per_gpu=slots)
    workers = 1 if options["timing"] else options["workers"] or offer.slots

    chosen = _run_options(options, device=offer.device, workers=workers, threads=threads)

    def make(store: Path | None) -> Executor:
        from tabgenbench.engines.ray_engine import RayExecutor
        from tabgenbench.store.folder import StoreFolder

        place = {
            "device": offer.device,
            "address": address,
            "slots_per_gpu": slots,
            "probe": StoreFolder(store).new_path() if store is not None else None,
        }
        return RayExecutor(workers=workers, threads=threads, memory=chosen.memory, **place)

    return Engine(chosen, make)


def _run_options(options: Mapping[str, Any], *, device: str, workers: int, threads: int) -> RunOptions:
    memory = None if options["memory"] is None else int(options["memory"] * 2**30)
    if memory is None and options["executor"] == "local":  # elsewhere each node has its own
        memory = int(machine_memory() * MEMORY_SHARE)
    return RunOptions(
        device=device,
        workers=workers,
        threads=threads,
        timeout=options["timeout"],
        memory=memory,
        timing=options["timing"],
        retry_failed=options["retry_failed"],
    )
