"""The smoothed bootstrap preserves means and variances, and records its rule for rare conditions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tabgenbench_example.smoothed_bootstrap import SmoothedBootstrap

from tabgenbench import FitContext, SampleContext, Schema, Table, Unsupported


def make_table(tissues: list[str], seed: int = 0) -> Table:
    """Return a table of 4 correlated features, one row for each tissue."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(len(tissues), 4)) @ rng.normal(size=(4, 4)) + (np.array(tissues) == "lung")[:, None] * 3
    frame = pd.DataFrame(values, columns=list("abcd"), index=[f"row-{i}" for i in range(len(tissues))])
    return Table.from_frame(frame.assign(tissue=tissues), schema=Schema(conditions=("tissue",)), scale="standardized")


def draw(train: Table, conditions: pd.DataFrame, **options: object) -> tuple[Table, SampleContext]:
    """Fit the generator and sample once."""
    generator = SmoothedBootstrap(SmoothedBootstrap.Config.model_validate(options))
    generator.fit(train, None, FitContext(device="cpu", seed=1))
    context = SampleContext(device="cpu", seed=2)
    return generator.sample(conditions, context), context


def test_without_jitter_every_row_is_a_training_row_of_its_condition() -> None:
    """Bandwidth 0 is the plain bootstrap."""
    train = make_table(["lung"] * 20 + ["colon"] * 20)
    synthetic, _ = draw(train, train.conditions, bandwidth=0)
    for tissue in ("lung", "colon"):
        rows = (train.conditions["tissue"] == tissue).to_numpy()
        known = {row.tobytes() for row in np.round(train.X[rows], 4)}
        assert {row.tobytes() for row in np.round(synthetic.X[rows], 4)} <= known


@pytest.mark.parametrize(("keep_variance", "ratio"), [(True, 1.0), (False, 1.25)])
def test_variance_is_kept_only_where_asked(keep_variance: bool, ratio: float) -> None:
    """Without shrinkage, jitter of h standard deviations adds h^2 of the variance."""
    train = make_table(["lung"] * 400)
    asked = pd.DataFrame({"tissue": ["lung"] * 20_000})
    synthetic, _ = draw(train, asked, bandwidth=0.5, keep_variance=keep_variance)
    np.testing.assert_allclose(synthetic.X.var(axis=0) / train.X.var(axis=0), ratio, rtol=0.05)
    np.testing.assert_allclose(synthetic.X.mean(axis=0), train.X.mean(axis=0), atol=0.1)


def test_equal_seeds_give_equal_rows_in_the_order_asked() -> None:
    """Samples depend only on the seed."""
    train = make_table(["lung", "colon"] * 10)
    first, _ = draw(train, train.conditions)
    second, _ = draw(train, train.conditions)
    np.testing.assert_array_equal(first.X, second.X)
    assert list(first.obs["tissue"]) == list(train.obs["tissue"])


def test_rare_and_unknown_conditions_are_recorded() -> None:
    """A condition with one training row uses the pooled spread; one without training rows, the nearest condition."""
    train = make_table(["lung"] * 10 + ["colon"])
    asked = pd.DataFrame({"tissue": ["colon", "colon", "liver"]})
    synthetic, context = draw(train, asked)
    rules = {one.condition: one.rule for one in context.fallbacks}
    assert rules["tissue=colon"] == "pooled standard deviation, as the condition has 1 training row"
    assert rules["tissue=liver"] == "nearest known condition: tissue=lung"
    assert not np.array_equal(synthetic.X[0], synthetic.X[1])


def test_a_table_of_one_row_is_declined() -> None:
    """A table of one row has no spread, so it is not supported."""
    with pytest.raises(Unsupported, match="needs 2 training rows"):
        SmoothedBootstrap.supports(Schema(), 1, 4)
