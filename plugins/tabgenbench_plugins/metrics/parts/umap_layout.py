"""UMAP of a table with a fixed seed, by the package umap-learn."""

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

MIN_ROWS = 10  # with fewer rows, the spectral initialisation of UMAP is not defined


def umap_layout(
    values: NDArray[np.float32], *, seed: int, n_neighbors: int, min_dist: float, n_epochs: int | None = None
) -> Floats:
    """Return the two UMAP coordinates of each row, shape (n_rows, 2).

    Equal values and seeds give equal coordinates on machines of the same kind. With a fixed seed, UMAP uses only one
    thread. ``n_neighbors`` is limited to the number of rows minus one. If ``n_epochs`` is None, umap-learn chooses the
    number of epochs.

    Raises:
        Undefined: there are fewer than 10 rows, or UMAP gives no finite coordinates for a row.
    """
    n = len(values)
    if n < MIN_ROWS:
        raise Undefined(f"there are {n} real test and synthetic rows; UMAP needs at least {MIN_ROWS}")
    with _quiet():
        layout = (
            _umap()
            .UMAP(
                n_neighbors=min(n_neighbors, n - 1),
                min_dist=min_dist,
                n_epochs=n_epochs,
                random_state=seed % 2**32,
                n_jobs=1,  # a seed implies one thread; umap warns otherwise
            )
            .fit_transform(values)
        )
    if not np.isfinite(layout).all():
        raise Undefined("UMAP gave no finite coordinates for some rows")
    return np.asarray(layout, dtype=np.float64)


@cache
def _umap() -> Any:
    """Import umap, and cache its compiled functions on disk, because compilation takes ten seconds."""
    import umap

    dispatcher = import_module("numba.core.dispatcher").Dispatcher
    for name in ("umap_", "layouts", "utils", "distances"):
        for function in vars(import_module(f"umap.{name}")).values():
            if isinstance(function, dispatcher):
                with suppress(RuntimeError):  # no writable cache folder: compile in this process
                    function.enable_caching()
    return umap


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # At import, umap warns that tensorflow is missing, which only parametric UMAP needs.
        warnings.filterwarnings("ignore", category=ImportWarning)
        # For rows without noise or a disconnected graph, UMAP uses a random initialisation.
        warnings.filterwarnings("ignore", module=r"(umap|sklearn\.manifold|scipy)\..*")
        # numba warns about functions that it cannot cache or run in parallel.
        warnings.filterwarnings("ignore", module=r"(numba|umap|pynndescent)\..*")
        yield
