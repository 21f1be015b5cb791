"""UMAP of a table: package umap-learn with a seed, quiet, and without compiling itself anew in every process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tabgenbench_plugins.correlation import Floats, Undefined

__all__ = ["MIN_ROWS", "umap_layout"]

MIN_ROWS = 10  # below, the spectral start of UMAP is not defined


def umap_layout(
    values: NDArray[np.float32], *, seed: int, n_neighbors: int, min_dist: float, n_epochs: int | None = None
) -> Floats:
    """Return two coordinates a row, shape (n_rows, 2).

    The same values and seed give the same layout on one kind of machine; a seed keeps UMAP to one thread.

    Args:
        values: shape (n_rows, n_features).
        seed: of the start and of the steps.
        n_neighbors: neighbours of the graph; one less than the rows where these are fewer.
        min_dist: how close two rows may come.
        n_epochs: steps; None for umap-learn's own choice.

    Raises:
        Undefined: there are fewer than 10 rows, or UMAP leaves a row without a place.
    """
    n = len(values)
    if n < MIN_ROWS:
        raise Undefined(f"{n} real test and synthetic rows, and UMAP needs at least {MIN_ROWS}")
    with _quiet():
        layout = (
            _umap()
            .UMAP(
                n_neighbors=min(n_neighbors, n - 1),
                min_dist=min_dist,
                n_epochs=n_epochs,
                random_state=seed % 2**32,
                n_jobs=1,  # what a seed asks for anyway; said aloud, umap does not warn of it
            )
            .fit_transform(values)
        )
    if not np.isfinite(layout).all():
        raise Undefined("UMAP left some rows without a place")
    return np.asarray(layout, dtype=np.float64)


@cache
def _umap() -> Any:
    """Import umap, its compiled functions kept on disk: compiling them takes ten seconds a process, reading one."""
    umap = import_module("umap")
    dispatcher = import_module("numba.core.dispatcher").Dispatcher
    for name in ("umap_", "layouts", "utils", "distances"):
        for function in vars(import_module(f"umap.{name}")).values():
            if isinstance(function, dispatcher):
                with suppress(RuntimeError):  # no folder to keep it in: it is compiled, as without this
                    function.enable_caching()
    return umap


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what umap says about things that are as they should be."""
    with warnings.catch_warnings():
        # At import: tensorflow is absent. Only the parametric kind of UMAP needs it.
        warnings.filterwarnings("ignore", category=ImportWarning)
        # For rows without noise, or a graph in pieces, the spectral start gives way to a random one.
        warnings.filterwarnings("ignore", module=r"(umap|sklearn\.manifold|scipy)\..*")
        # numba tells where it could not keep a compiled function, and what it could not run in parallel.
        warnings.filterwarnings("ignore", module=r"(numba|umap|pynndescent)\..*")
        yield
