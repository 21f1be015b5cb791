"""Where a run takes place: what its records say of the machine and the software."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tabgenbench.record import Environment

__all__ = ["available_cores", "describe_environment"]

PACKAGES = ("tabgenbench", "torch", "numpy", "scipy", "scikit-learn", "pandas", "anndata")


def available_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0))


def describe_environment(*, threads: int, device: str, workers: int = 1) -> Environment:
    """Return versions, git commit, processor, threads and the time in UTC."""
    gpu = ""
    if device != "cpu":
        import torch

        gpu = torch.cuda.get_device_name(device)
    return Environment(
        packages=dict(_versions()),
        python=platform.python_version(),
        platform=platform.platform(),
        git_commit=_git_commit(),
        cpu=_cpu_model(),
        cores=available_cores(),
        threads=threads,
        workers=workers,
        device=device,
        gpu=gpu,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@lru_cache(maxsize=1)
def _versions() -> tuple[tuple[str, str], ...]:
    found = []
    for name in PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return tuple(found)


@lru_cache(maxsize=1)
def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), sys.platform)


@lru_cache(maxsize=1)
def _git_commit() -> str:
    """Return the commit of the checkout that this package runs from, with ``-dirty`` where it was changed, or ''."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True, timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    if not git("ls-files", "--error-unmatch", str(Path(__file__))):
        return ""  # installed below some other checkout, whose commit says nothing of this program
    commit = git("rev-parse", "HEAD")
    return commit + "-dirty" if commit and git("status", "--porcelain", "--untracked-files=no") else commit
