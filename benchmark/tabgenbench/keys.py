"""Keys: hashes of everything that can change a result, and of nothing else."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tabgenbench.errors import PluginError

__all__ = ["code_hash", "make_key", "seed_of"]


def make_key(**parts: Any) -> str:
    """Return a hash of the parts, 32 hex digits; the order of keywords does not matter.

    >>> make_key(a=1, b="x") == make_key(b="x", a=1)
    True
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def seed_of(*parts: int | str) -> int:
    """Derive a seed below 2**63 from numbers and words, such as ``seed_of(0, "sample", 3)``."""
    words = [int.from_bytes(hashlib.sha256(str(part).encode()).digest()[:8], "big") for part in parts]
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


@cache
def code_hash(module: str) -> str:
    """Return a hash of a module's source and of what it imports inside its own top-level package.

    The module is read, not imported.

    Raises:
        PluginError: the module cannot be found.
    """
    digest = hashlib.sha256()
    for name, path in sorted(_closure(module).items()):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _closure(module: str) -> dict[str, Path]:
    path = _source(module)
    if path is None:
        raise PluginError(f"module {module!r} has no source file, expected one that can be read; reinstall its package")
    found, waiting = {module: path}, [(module, path)]
    while waiting:
        name, path = waiting.pop()
        if path.suffix != ".py":
            continue
        for imported in _imports(name, path):
            source = _source(imported) if imported not in found else None
            if source is not None:
                found[imported] = source
                waiting.append((imported, source))
    return found


def _imports(module: str, path: Path) -> Iterator[str]:
    package = module.partition(".")[0]
    parent = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = parent.split(".")[: len(parent.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.partition(".")[0] == package)


@cache
def _source(module: str) -> Path | None:
    parent = module.rpartition(".")[0]
    above = _source(parent) if parent else None
    if above is not None and above.name != "__init__.py":
        return None  # a name inside a module; looking for it would import the module
    try:
        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and Path(spec.origin).is_file() else None
