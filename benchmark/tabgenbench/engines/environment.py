"""Description of the software and the machine, for the records of results."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import distribution, requires
from pathlib import Path

import psutil

from tabgenbench.engines.packages import required_package
from tabgenbench.records import Environment

__all__ = ["available_cores", "describe_environment", "imported_versions", "visible_gpus"]

PACKAGES = ("tabgenbench", "torch", "numpy", "scipy", "scikit-learn", "pandas", "anndata")
# Module name -> distribution of packages that only some plugins and engines import and that influence their results.
OCCASIONAL = {
    "ForestDiffusion": "ForestDiffusion",
    "harmonypy": "harmonypy",
    "copulas": "copulas",
    "ctgan": "ctgan",
    "numba": "numba",
    "pynndescent": "pynndescent",
    "ray": "ray",
    "rdt": "rdt",
    "sdv": "sdv",
    "umap": "umap-learn",
    "xgboost": "xgboost",
}


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def describe_environment(
    *,
    threads: int,
    device: str = "cpu",
    workers: int = 1,
    timing: bool = False,
    started: str = "",
    distributions: Iterable[str] = (),
) -> Environment:
    """Return a description of the software, the machine and the tasks, with the current time as the end of the tasks.

    Args:
        threads: number of threads of each task.
        device: device of the tasks.
        workers: number of tasks that run at the same time.
        timing: whether the run executes one task at a time, so that times are comparable.
        started: start time of the tasks in UTC.
        distributions: names of Python distributions. The result contains their versions and the versions of their
            requirements.
    """
    packages = dict(_versions(PACKAGES))
    for name in distributions:
        packages |= _plugin_versions(name)
    return Environment(
        packages=packages,
        python=platform.python_version(),
        platform=platform.platform(),
        git_commit=_git_commit(),
        cpu=_cpu_model(),
        cores=available_cores(),
        threads=threads,
        workers=workers,
        timing=timing,
        device=device,
        host=platform.node(),
        cpu_mhz=_cpu_mhz(),
        clock=_clock(),
        started=started,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def imported_versions() -> dict[str, str]:
    """Return the versions of the imported packages that only some plugins and engines use (`OCCASIONAL`)."""
    return dict(_versions(tuple(name for module, name in OCCASIONAL.items() if module in sys.modules)))


def visible_gpus(device: str) -> tuple[str, ...]:
    """Return the names (as in CUDA_VISIBLE_DEVICES) of the GPUs that a device such as ``cuda:1`` selects."""
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return ()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named:
        gpus = tuple(name.strip() for name in named.split(","))
    else:
        import torch

        gpus = tuple(str(i) for i in range(torch.cuda.device_count()))
    return (gpus[int(index)],) if index else gpus


def _cpu_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError, RuntimeError):  # a virtual machine may hide the frequency
        return None
    return round(frequency.current, 1) if frequency is not None and frequency.current else None


@lru_cache(maxsize=1)
def _clock() -> str:
    info = time.get_clock_info("perf_counter")
    return f"{info.implementation}, resolution {info.resolution:g} s"


@lru_cache
def _plugin_versions(name: str) -> dict[str, str]:
    if not name or name in PACKAGES:
        return {}
    try:
        required = [required_package(line) for line in requires(name) or [] if "extra" not in line.partition(";")[2]]
    except Exception:  # the plugin was registered without installation, or its installation is broken
        return {}
    return _versions((name, *required))


@lru_cache
def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        with contextlib.suppress(Exception):  # the distribution is missing or broken
            one = distribution(name)
            found[one.name] = one.version
    return found


@lru_cache(maxsize=1)
def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), sys.platform)


@lru_cache(maxsize=1)
def _git_commit() -> str:
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True, timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    if not git("ls-files", "--error-unmatch", str(Path(__file__))):
        return ""  # installed inside an unrelated checkout, whose commit does not describe this program
    commit = git("rev-parse", "HEAD")
    return commit + "-dirty" if commit and git("status", "--porcelain", "--untracked-files=no") else commit
