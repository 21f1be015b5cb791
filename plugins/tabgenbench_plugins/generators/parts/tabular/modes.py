"""Encoding of table rows as scalars and one-hot codes, and decoding of encoded rows.

This is the mode-specific normalisation of Xu et al., "Modeling tabular data using conditional GAN", NeurIPS 2019,
section 4.2, with the constants of the package `ctgan`. A Gaussian mixture is fitted to each continuous column, and its
components are called modes. A mode is valid if its mixture weight is above a threshold. To encode a value x, a valid
mode is drawn with probability proportional to its responsibility (probability of the mode given x) plus 10^-6. The
scalar is (x - mean) / (4 std) with mean and std of this mode, clipped to ±0.99. To decode, the largest entry of the
one-hot code gives the mode, and the scalar is clipped to ±1.

    N rows   C continuous columns   K discrete columns   M modes of a column   D width of an encoded row
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tabgenbench import DataError
from tabgenbench_plugins.generators.parts.tabular.layout import Layout
from tabgenbench_plugins.generators.parts.tabular.mixture import Modes, fit_modes, fit_present_modes

__all__ = ["ModeTransformer"]

Floats = NDArray[np.float64]
Values = NDArray[np.float64] | NDArray[np.float32]
Codes = NDArray[np.int64]

STD_MULTIPLIER = 4.0
CLIP = 0.99
PROBABILITY_FLOOR = 1e-6
CHUNK_ENTRIES = 2**18  # (column, mode, row) triples processed together: 2 MB for each temporary array


class ModeTransformer:
    """Encodes and decodes rows.

    With 10 modes and up to about 25,000 rows, fitting and encoding each need about 5 MB besides inputs and outputs. For
    more rows, fitting needs 160 N bytes and encoding 210 N bytes. Decoding needs 33 N C bytes.
    """

    def __init__(self, modes: Modes, n_categories: Sequence[int] = ()) -> None:
        self.modes = modes
        self.n_categories = tuple(int(n) for n in n_categories)
        self.layout = Layout(modes.n_modes, self.n_categories)
        self._means_CM = _valid_first(modes.means, modes.valid)
        self._stds_CM = _valid_first(modes.stds, modes.valid)

    @classmethod
    def from_modes(cls, modes: Modes, n_categories: Sequence[int] = ()) -> ModeTransformer:
        """Return a transformer with the given modes; discrete column j has ``n_categories[j]`` values."""
        return cls(modes, n_categories)

    @classmethod
    def fit(
        cls,
        values_NC: Values,
        codes_NK: Codes,
        n_categories: Sequence[int],
        *,
        seed: int,
        present_NC: NDArray[np.bool_] | None = None,
        max_modes: int = 10,
        weight_threshold: float = 0.005,
    ) -> ModeTransformer:
        """Fit the modes of every continuous column and return the transformer.

        Args:
            values_NC: continuous columns; C may be 0.
            codes_NK: codes of the discrete columns, from 0; K may be 0. `fit` only checks the range of the codes.
            n_categories: number of values of each discrete column.
            seed: see `fit_modes`.
            present_NC: mask of the values to which the modes are fitted; None for all values.
            max_modes: largest number of modes of a column.
            weight_threshold: modes with at most this weight are not used.

        Raises:
            DataError: fewer than two rows, a value that is not finite, or a code outside its range.
        """
        values_NC = np.asarray(values_NC, dtype=np.float64)
        if present_NC is None:
            modes = fit_modes(values_NC, max_modes=max_modes, weight_threshold=weight_threshold, seed=seed)
        else:
            modes = fit_present_modes(
                values_NC, present_NC, max_modes=max_modes, weight_threshold=weight_threshold, seed=seed
            )
        transformer = cls(modes, n_categories)
        transformer._check(values_NC, codes_NK)
        return transformer

    def transform(self, values_NC: Values, codes_NK: Codes, *, generator: np.random.Generator) -> NDArray[np.float32]:
        """Encode values and codes as rows of scalars and one-hot codes, shape (N, D).

        Raises:
            DataError: the shapes do not match the fit, a value is not finite, or a code is outside its range.
        """
        self._check(values_NC, codes_NK)
        n_rows, n_columns = values_NC.shape
        layout = self.layout
        encoded_ND = np.zeros((n_rows, layout.width), dtype=np.float32)
        step = max(1, CHUNK_ENTRIES // max(1, n_rows * self.modes.means.shape[1]))
        for start in range(0, n_columns, step):
            columns = slice(start, start + step)
            x_CN = np.ascontiguousarray(values_NC[:, columns].T, dtype=np.float64)
            mode_CN = self._draw_modes(x_CN, columns, generator.random(x_CN.shape))
            mean_CN = np.take_along_axis(self._means_CM[columns], mode_CN, axis=1)
            std_CN = np.take_along_axis(self._stds_CM[columns], mode_CN, axis=1)
            scalar_CN = np.clip((x_CN - mean_CN) / (STD_MULTIPLIER * std_CN), -CLIP, CLIP)
            encoded_ND[:, layout.scalar_index[columns]] = scalar_CN.T
            _set_ones(encoded_ND, layout.block_starts[:n_columns][columns, None] + mode_CN)
        _set_ones(encoded_ND, layout.block_starts[n_columns:, None] + codes_NK.T)
        return encoded_ND

    def inverse(
        self,
        encoded_ND: NDArray[np.float32] | Floats,
        *,
        sigmas_D: NDArray[np.float32] | Floats | None = None,
        generator: np.random.Generator | None = None,
    ) -> tuple[Floats, Codes]:
        """Decode rows to continuous values, shape (N, C), and codes of discrete columns, shape (N, K).

        Args:
            encoded_ND: encoded rows. A one-hot code may also contain probabilities; its largest entry is used.
            sigmas_D: standard deviations of normal noise that is added to the scalars before they are clipped to ±1, as
                in TVAE of the package `ctgan`. Entries for one-hot codes are ignored.
            generator: random generator for the noise.

        Raises:
            DataError: the rows have a wrong width, or ``sigmas_D`` is given without a generator.
        """
        if encoded_ND.ndim != 2 or encoded_ND.shape[1] != self.layout.width:
            raise DataError(
                f"decoding of rows: got an array of shape {encoded_ND.shape}, expected (n_rows, {self.layout.width}); "
                "decode with the transformer that encoded them"
            )
        scalar_NC = encoded_ND[:, self.layout.scalar_index].astype(np.float64)
        if sigmas_D is not None:
            if generator is None:
                raise DataError("decoding of rows: got sigmas_D without a generator, expected both; pass generator=")
            scalar_NC += generator.standard_normal(scalar_NC.shape) * sigmas_D[self.layout.scalar_index]
        np.clip(scalar_NC, -1.0, 1.0, out=scalar_NC)
        chosen_NB = self._largest(encoded_ND)
        n_columns = self.layout.n_continuous
        column_C = np.arange(n_columns)
        mode_NC = chosen_NB[:, :n_columns]
        values_NC = scalar_NC * (STD_MULTIPLIER * self._stds_CM[column_C, mode_NC])
        values_NC += self._means_CM[column_C, mode_NC]
        return values_NC, np.ascontiguousarray(chosen_NB[:, n_columns:])

    def _draw_modes(self, x_CN: Floats, columns: slice, uniform_CN: Floats) -> Codes:
        """Draw a mode for each value; return its position among the valid modes of the column."""
        modes = self.modes
        means, stds, log_weights = (a[columns, :, None] for a in (modes.means, modes.stds, modes.log_weights))
        p_CMN = (x_CN[:, None, :] - means) / stds
        np.square(p_CMN, out=p_CMN)
        p_CMN *= -0.5
        p_CMN += log_weights - np.log(stds)
        p_CMN -= p_CMN.max(axis=1, keepdims=True)
        np.exp(p_CMN, out=p_CMN)
        p_CMN /= p_CMN.sum(axis=1, keepdims=True)
        p_CMN += PROBABILITY_FLOOR
        p_CMN *= modes.valid[columns, :, None]
        np.cumsum(p_CMN, axis=1, out=p_CMN)
        p_CMN /= p_CMN[:, -1:, :].copy()
        passed_CMN = (p_CMN <= uniform_CN[:, None, :]) & modes.valid[columns, :, None]
        return np.asarray(passed_CMN.sum(axis=1, dtype=np.int64))

    def _largest(self, encoded_ND: NDArray[np.float32] | Floats) -> Codes:
        starts_B, sizes_B = self.layout.block_starts, self.layout.block_sizes
        best_NB = encoded_ND[:, starts_B]
        chosen_NB = np.zeros(best_NB.shape, dtype=np.int64)
        for entry in range(1, self.layout.max_block):
            blocks = np.flatnonzero(sizes_B > entry)
            candidate = encoded_ND[:, starts_B[blocks] + entry]
            larger = candidate > best_NB[:, blocks]
            best_NB[:, blocks] = np.where(larger, candidate, best_NB[:, blocks])
            chosen_NB[:, blocks] = np.where(larger, entry, chosen_NB[:, blocks])
        return chosen_NB

    def _check(self, values_NC: Values, codes_NK: Codes) -> None:
        n_columns, n_discrete = self.layout.n_continuous, len(self.n_categories)
        if values_NC.ndim != 2 or codes_NK.shape != (len(values_NC), n_discrete) or values_NC.shape[1] != n_columns:
            raise DataError(
                f"encoding of rows: got values of shape {values_NC.shape} and codes of shape {codes_NK.shape}, "
                f"expected (n_rows, {n_columns}) and (n_rows, {n_discrete}); pass the columns of the fit"
            )
        if not np.isfinite(values_NC).all():
            raise DataError("encoding of rows: got a value that is not finite; fill or drop such values first")
        for column, n in enumerate(self.n_categories):
            codes = codes_NK[:, column]
            if len(codes) and not 0 <= codes.min() <= codes.max() < n:
                raise DataError(
                    f"encoding of rows: discrete column {column} has codes {codes.min()} to {codes.max()}, expected "
                    f"0 to {n - 1}; encode with the categories of the fit"
                )


def _valid_first(parameters_CM: Floats, valid_CM: NDArray[np.bool_]) -> Floats:
    return np.take_along_axis(parameters_CM, np.argsort(~valid_CM, axis=1, kind="stable"), axis=1)


def _set_ones(encoded_ND: NDArray[np.float32], position_BN: Codes) -> None:
    encoded_ND[np.arange(len(encoded_ND)), position_BN] = 1.0
