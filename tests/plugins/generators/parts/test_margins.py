"""Empirical margins: the map between quantiles, its tails, its limits, and conditions without a map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from tabgenbench import load_arrays, save_arrays
from tabgenbench_plugins.generators.parts.margins import Margins, quantiles_of_draws

TRAIN = np.array([[1.0], [2.0], [4.0], [8.0], [16.0], [32.0], [64.0], [128.0]])
ONE = np.zeros(8, dtype=np.int64)


def ranks(code: int, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quantiles of a model whose eight quantiles are 0 to 7."""
    return np.arange(len(levels), dtype=np.float64)[:, None]


def mapped(margins: Margins, *values: float, code: int = 0) -> list[float]:
    rows = np.array(values)[:, None]
    return margins.apply(rows, np.full(len(rows), code))[:, 0].tolist()


def test_quantiles_of_the_model_become_training_values_and_between_them_it_is_linear() -> None:
    margins = Margins.fit(TRAIN, ONE, ranks)
    assert mapped(margins, 0.0, 2.0, 7.0, 2.5, 6.25) == [1.0, 4.0, 128.0, 6.0, 80.0]


def test_tails_are_shifted() -> None:
    margins = Margins.fit(TRAIN, ONE, ranks)
    assert mapped(margins, 7.5, 9.0, -0.5, -30.0) == [128.5, 130.0, 0.5, -29.0]


def test_a_lowest_value_of_several_rows_is_a_limit_in_every_condition() -> None:
    for lowest, limited in (([[-3.0], [-3.0]], [0.5, -3.0, -3.0]), ([[-3.0], [-2.0]], [0.5, -29.0, -29.0])):
        margins = Margins.fit(np.vstack([TRAIN, lowest]), np.append(ONE, [1, 1]), ranks)
        assert mapped(margins, -0.5, -30.0) == limited[:2]
        assert mapped(margins, -29.0, 5.5, code=1) == [limited[2], 5.5]  # two rows: no map, only the limit


@pytest.mark.parametrize(("n", "is_mapped"), [(7, False), (8, True)])
def test_a_map_needs_eight_rows(n: int, is_mapped: bool) -> None:
    margins = Margins.fit(TRAIN[:n], ONE[:n], ranks)
    assert mapped(margins, 2.0) == ([4.0] if is_mapped else [2.0])


def test_gaps_count_as_no_value() -> None:
    values = np.column_stack([np.append(TRAIN, -99.0), np.arange(9.0), np.full(9, 5.0)])
    present = np.ones(values.shape, dtype=bool)
    present[8, 0] = present[:2, 1] = False  # eight values of the first feature, seven of the second
    present[:, 2] = False  # none of the third
    margins = Margins.fit(
        values, np.zeros(9, dtype=np.int64), lambda k, levels: np.ones((9, 3)) * levels[:, None], present=present
    )
    assert np.isneginf(margins.lowest).all()
    low, middle = margins.apply(np.array([[0.0, 0.5, -7.0], [0.5, 0.5, -7.0]]), np.zeros(2, dtype=np.int64))
    assert low.tolist() == [pytest.approx(1 - 1 / 18), 0.5, -7.0]
    assert middle.tolist() == [12.0, 0.5, -7.0]  # the median of the present values


def test_features_that_do_not_vary() -> None:
    margins = Margins.fit(np.full((8, 1), 3.0), ONE, lambda k, levels: np.full((len(levels), 1), 5.0))
    assert mapped(margins, 5.0, 6.0) == [5.0, 6.0]  # a model without variation has no ranks to map
    margins = Margins.fit(np.full((8, 1), 3.0), ONE, ranks)
    assert mapped(margins, 0.0, 3.3, 7.0) == [3.0, 3.0, 3.0]


def test_many_rows_are_summarised_by_a_thousand_quantiles() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=(5000, 1))
    margins = Margins.fit(values, np.zeros(5000, dtype=np.int64), lambda k, levels: ndtri(levels)[:, None])
    assert margins.train[0].shape == margins.model[0].shape == (1000, 1)
    made = margins.apply(np.random.default_rng(1).normal(size=(20_000, 1)), np.zeros(20_000, dtype=np.int64))
    assert np.quantile(made, [0.05, 0.5, 0.95]) == pytest.approx(np.quantile(values, [0.05, 0.5, 0.95]), rel=0.03)


def test_a_model_without_formula_draws_rows() -> None:
    rng = np.random.default_rng(2)
    values = rng.exponential(size=(500, 2))
    codes = np.arange(500) % 2

    def draw(code: int, n_rows: int) -> NDArray[Any]:
        return rng.normal(10.0 * code, 2.0, size=(n_rows, 2))

    margins = Margins.fit(values, codes, quantiles_of_draws(draw, 20_000))
    for code in (0, 1):
        made = margins.apply(draw(code, 4000), np.full(4000, code))
        assert made.mean() == pytest.approx(values[codes == code].mean(), rel=0.05)
        assert made.std() == pytest.approx(values[codes == code].std(), rel=0.1)


def test_the_argument_is_not_changed_and_no_row_gives_no_row() -> None:
    margins, values = Margins.fit(TRAIN, ONE, ranks), np.array([[2.5]], dtype=np.float32)
    assert margins.apply(values, ONE[:1]).tolist() == [[6.0]]
    assert values.tolist() == [[2.5]]
    assert margins.apply(values[:0], ONE[:0]).shape == (0, 1)


def test_a_saved_map_is_the_same(tmp_path: Path) -> None:
    margins = Margins.fit(np.vstack([TRAIN, TRAIN * 2]), np.repeat([3, 11], 8), ranks)
    save_arrays(tmp_path, {"weights": np.ones(3), **margins.arrays()})
    loaded, values = Margins.from_arrays(load_arrays(tmp_path)[0]), np.linspace(-3, 9, 40)[:, None]
    for code in (3, 11, 12):
        codes = np.full(40, code)
        assert loaded.apply(values, codes).tobytes() == margins.apply(values, codes).tobytes()
