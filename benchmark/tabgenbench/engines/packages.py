"""Search for packages that an optional extra of TabGenBench requires and that are not installed."""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata

__all__ = ["PROJECT", "missing_packages", "required_package"]

PROJECT = "tabgenbench"  # the distribution that declares the extras


@cache
def missing_packages(extra: str) -> tuple[str, ...]:
    """Return the packages of an optional extra that are not installed; versions are not checked."""
    try:
        required = metadata.requires(PROJECT) or []
    except metadata.PackageNotFoundError:  # TabGenBench runs from its sources and is not installed
        return ()
    names = [
        required_package(line) for line in required if re.search(rf"\bextra\s*==\s*['\"]{re.escape(extra)}['\"]", line)
    ]
    return tuple(sorted(name for name in names if not _is_installed(name)))


def required_package(requirement: str) -> str:
    """Return the package name of a requirement.

    >>> required_package("sdv[gpu]>=2.0,<3; extra == 'sdv'")
    'sdv'
    """
    found = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
    return found.group() if found is not None else requirement


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
