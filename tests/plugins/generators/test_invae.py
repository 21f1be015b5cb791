"""`invae`: counts for any combination of covariates, blocks of latents, and a model that is saved."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from tabgenbench import ConfigError, FitContext, SampleContext, Schema, Table, Unsupported, check_generator, failures
from tabgenbench.interfaces.checks import check_sample
from tabgenbench.options import make_options
from tabgenbench_datasets.simulated_cells import SimulatedCells
from tabgenbench_plugins.generators.invae import InVAE
from tabgenbench_plugins.generators.parts.cell_covariates import CellPool, TrainingCells

G = 30
SMALL: dict[str, Any] = {"epochs": 12, "hidden": [16], "latent_invariant": 3, "latent_spurious": 1, "batch_size": 120}
PRIORS = ("factorised", "exponential")


def make_cells(n: int = 240, *, seed: int = 0, without: tuple[str, str] | None = None) -> Table:
    """Cells of types a and b, untreated and treated, of donors d1 and d2; treated cells of b come from d2 alone.

    Type b has ten times the counts of a in the first ten genes, treatment triples the next ten, donor d2 the next five;
    the last gene is 0. Treated cells have twice the library size.
    """
    rng = np.random.default_rng(seed)
    kind, treated, donor = np.arange(n) % 2, np.arange(n) // 2 % 2, np.arange(n) // 4 % 2
    donor = np.where((kind == 1) & (treated == 1), 1, donor)
    rate = np.ones((n, G))
    rate[:, :10] *= np.where(kind, 10.0, 1.0)[:, None]
    rate[:, 10:20] *= np.where(treated, 3.0, 1.0)[:, None]
    rate[:, 20:25] *= np.where(donor, 3.0, 1.0)[:, None]
    rate[:, -1] = 0
    rate *= rng.gamma(5.0, 0.2, rate.shape)
    rate *= (rng.integers(150, 300, n) * (1 + treated) / rate.sum(axis=1))[:, None]
    columns = {
        "kind": np.array(["a", "b"])[kind],
        "treatment": np.array(["no", "yes"])[treated],
        "donor": np.array(["d1", "d2"])[donor],
    }
    obs = pd.DataFrame(columns, index=[f"c{i}" for i in range(n)])
    kept = np.ones(n, dtype=bool)
    if without is not None:
        kept = ~((obs["kind"] == without[0]) & (obs["treatment"] == without[1])).to_numpy()
    counts = sparse.csr_matrix(rng.poisson(rate), dtype=np.float32)[kept]
    schema = Schema(conditions=("kind", "treatment"), batch="donor", per_10k=True)
    names = tuple(f"g{j}" for j in range(G))
    return Table(counts, obs[kept].astype("category"), names, schema, scale="counts")


def fitted(table: Table, *, seed: int = 1, **options: Any) -> InVAE:
    generator = InVAE(make_options(InVAE.Config, {**SMALL, **options}, where="invae"))
    generator.fit(table, None, FitContext(device="cpu", seed=seed))
    return generator


def sampled(generator: InVAE, asked: pd.DataFrame, *, seed: int = 2) -> tuple[Table, SampleContext]:
    context = SampleContext(device="cpu", seed=seed)
    return generator.sample(asked, context), context


@pytest.fixture(scope="module")
def cells() -> Table:
    """240 cells; no test changes them."""
    return make_cells()


@pytest.fixture(scope="module", params=PRIORS)
def model(request: pytest.FixtureRequest, cells: Table) -> InVAE:
    """A model with each prior, trained for 120 epochs; no test changes it."""
    return fitted(cells, seed=2, prior=request.param, epochs=120, langevin_steps=60, learning_rate=1e-2)


def test_counts_are_whole_sparse_and_as_asked(model: InVAE, cells: Table) -> None:
    asked = cells.conditions.iloc[::-1]
    made, context = sampled(model, asked)
    checked = check_sample(made, asked, like=cells, plugin="invae")
    assert sparse.isspmatrix_csr(checked.X)
    assert checked.scale == "counts"
    assert (checked.X.data >= 0).all()
    assert (checked.X.data == np.rint(checked.X.data)).all()
    assert "'donor' of a sampled cell is that of a random training cell of its condition" in context.notes[0]
    accepted = [re.search(r"MALA accepted (\d+) %", note) for note in context.notes]
    assert any(accepted) == (model.config.prior == "exponential")
    assert all(30 < int(found[1]) < 85 for found in accepted if found)


def test_sampled_conditions_have_the_profiles_and_libraries_of_training_cells(model: InVAE, cells: Table) -> None:
    made, _ = sampled(model, cells.conditions)
    labels = (cells.obs["kind"].astype(str) + cells.obs["treatment"].astype(str)).to_numpy()
    profiles = []
    for one in np.unique(labels):
        real, drawn = cells.dense()[labels == one], made.dense()[labels == one]
        assert drawn.sum(axis=1).mean() == pytest.approx(real.sum(axis=1).mean(), rel=0.12)
        profiles.append([counts.sum(axis=0) / counts.sum() for counts in (real, drawn)])
    real, drawn = np.array(profiles).transpose(1, 0, 2)
    assert np.corrcoef(real.ravel(), drawn.ravel())[0, 1] > 0.93
    effects = [one[3] - one[0] for one in (real, drawn)]  # from untreated a to treated b
    assert np.corrcoef(*effects)[0, 1] > 0.9
    assert drawn[:, -1].max() < 0.002  # the gene without counts


@pytest.mark.slow
def test_cells_are_shifted_to_another_condition() -> None:
    cells = SimulatedCells(SimulatedCells.Config(n_cells=1200, n_genes=80)).load()
    generator = InVAE(InVAE.Config(epochs=30))
    generator.fit(cells, None, FitContext(device="cpu", seed=1))
    control, treated = (
        cells.take(np.flatnonzero((cells.obs["condition"] == one).to_numpy())) for one in ("control", "treated")
    )
    asked = control.conditions.assign(condition="treated").astype("category")
    made, same = (
        generator.shift(control, frame, SampleContext(device="cpu", seed=3)) for frame in (asked, control.conditions)
    )
    pd.testing.assert_frame_equal(made.conditions, asked, check_categorical=False)
    profiles = [
        np.log1p(1e4 * x.dense() / x.dense().sum(axis=1, keepdims=True)).mean(axis=0)
        for x in (control, treated, same, made)
    ]
    real, found = profiles[1] - profiles[0], profiles[3] - profiles[2]
    assert ((found - real) ** 2).sum() < 0.5 * (real**2).sum()
    assert np.corrcoef(profiles[2], profiles[0])[0, 1] > 0.97  # the old condition changes nothing
    assert np.corrcoef(made.dense().sum(axis=1), control.dense().sum(axis=1))[0, 1] > 0.9  # library size of the cell


def test_a_shift_that_is_not_possible_is_named(cells: Table) -> None:
    context = SampleContext(device="cpu", seed=3)
    generator = fitted(cells, epochs=1)
    with pytest.raises(ConfigError, match="treatment='maybe', which no training cell has; expected one of no, yes"):
        generator.shift(cells, cells.conditions.assign(treatment="maybe"), context)
    with pytest.raises(ConfigError, match="got 3 conditions for 240 cells"):
        generator.shift(cells, cells.conditions.iloc[:3], context)
    with pytest.raises(Unsupported, match="needs learned prior means"):
        fitted(cells, epochs=1, prior_mean="zero").shift(cells, cells.conditions, context)


def test_an_unseen_combination_is_sampled_by_adding_effects() -> None:
    train = make_cells(without=("b", "yes"))
    generator = fitted(train, epochs=60, learning_rate=1e-2)
    asked = pd.DataFrame({"kind": ["b"] * 200, "treatment": ["yes"] * 200})
    made, context = sampled(generator, asked)
    others = [
        sampled(generator, asked.assign(**{column: value}))[0] for column, value in (("kind", "a"), ("treatment", "no"))
    ]
    new, of_a, untreated = (table.dense().sum(axis=0) / table.X.sum() for table in (made, *others))
    assert new[:10].sum() > 1.5 * of_a[:10].sum()  # genes of kind b
    assert new[10:20].sum() > 1.5 * untreated[10:20].sum()  # genes of treatment
    assert not context.fallbacks
    assert "the model combines values it knows: kind=b, treatment=yes" in context.notes[0]
    assert "batches and library sizes are those of kind=" in context.notes[1]
    _, context = sampled(generator, pd.DataFrame({"kind": ["c"], "treatment": ["no"]}))
    assert context.fallbacks[0].rule == "nearest known condition: kind=a, treatment=no"


def with_doses(cells: Table) -> Table:
    """The cells with treatment doses 0 to 3 of which each multiplies the counts of genes 10 to 19 by 2."""
    rng, dose = np.random.default_rng(5), np.arange(cells.n_rows) // 8 % 4
    counts = cells.dense().copy()
    counts[:, 10:20] = rng.poisson(1.5 * 2.0 ** dose[:, None] * np.ones(10))
    obs = cells.obs.assign(dose=dose.astype(str))[["kind", "dose", "donor"]].astype("category")
    schema = Schema(conditions=("kind", "dose"), batch="donor", per_10k=True)
    return replace(cells, X=sparse.csr_matrix(counts), obs=obs, schema=schema)


def test_a_continuous_condition_is_extrapolated(cells: Table, tmp_path: Path) -> None:
    table = with_doses(cells)
    train = table.take(np.flatnonzero((table.obs["dose"] != "3").to_numpy()))
    generator = fitted(train, continuous=["dose"], epochs=40, learning_rate=1e-2, covariate_penalty=0)
    made = {}
    for dose in ("0", "1", "2", "3"):
        made[dose], context = sampled(generator, pd.DataFrame({"kind": ["a"] * 200, "dose": dose}))
        assert not context.fallbacks
    shares = [table.dense()[:, 10:20].sum() / table.X.sum() for table in made.values()]
    assert shares == sorted(shares)
    assert shares[-1] > 1.15 * shares[-2]  # dose 3 goes beyond dose 2, the largest of training
    assert "200 sampled cells have values of 'dose' that no training cell has" in " ".join(context.notes)
    with pytest.raises(Unsupported, match="invae predicts kind, not 'dose'"):
        generator.predict(table, "dose")
    shifted = generator.shift(table, table.conditions.assign(dose="3.5"), SampleContext(device="cpu", seed=3))
    assert shifted.dense()[:, 10:20].sum() / shifted.X.sum() > shares[-1]
    generator.save(tmp_path)
    loaded = InVAE.load(tmp_path, generator.config, template=train.take([]), device="cpu")
    asked = pd.DataFrame({"kind": ["b"], "dose": "2.7"})
    assert (sampled(loaded, asked)[0].X != sampled(generator, asked)[0].X).nnz == 0


@pytest.mark.slow
def test_unseen_severities_of_simulated_cells_are_extrapolated() -> None:
    cells = SimulatedCells(SimulatedCells.Config(n_cells=1000, n_genes=80, severity="continuous")).load()
    severity = cells.obs["severity"].astype(float).to_numpy()
    train, mild, severe = (
        cells.take(np.flatnonzero(kept)) for kept in (severity < 0.65, severity < 0.05, severity > 0.95)
    )
    generator = InVAE(InVAE.Config(epochs=100, continuous=["severity"]))
    generator.fit(train, None, FitContext(device="cpu", seed=1))
    asked = [pd.concat([severe.conditions] * 4).assign(severity=one) for one in ("0.6", "1.0")]
    tables = [mild, severe, *(sampled(generator, one)[0] for one in asked)]
    profiles = [np.log1p(1e4 * x / x.sum(axis=1, keepdims=True)).mean(axis=0) for x in (t.dense() for t in tables)]
    errors = [((made - profiles[1]) ** 2).sum() / ((profiles[0] - profiles[1]) ** 2).sum() for made in profiles[2:]]
    print(f"error at the largest severity of training and at the asked one: {errors}")
    assert errors[1] < 0.9 * errors[0]
    assert errors[1] < 0.8


def test_labels_are_predicted_without_covariates(model: InVAE, cells: Table) -> None:
    hidden = replace(cells, obs=cells.obs[["donor"]], schema=Schema(batch="donor", per_10k=True))
    for column, least in (("kind", 0.95), ("treatment", 0.9)):
        found = model.predict(hidden, column)
        assert found.shape == (cells.n_rows,)
        assert (found == cells.obs[column].astype(str)).mean() > least
    with pytest.raises(Unsupported, match="invae predicts kind, treatment, not 'donor'"):
        model.predict(hidden, "donor")


def test_batches_and_libraries_are_those_of_training_cells_of_the_condition(cells: Table) -> None:
    pool = CellPool.of(TrainingCells.of(cells))
    asked = pd.DataFrame({"kind": ["b"] * 50 + ["a"] * 50, "treatment": "yes"})
    batch, library = pool.draw(asked, SampleContext(device="cpu", seed=3))
    assert (batch[:50] == 1).all()
    assert 10 < batch[50:].sum() < 40
    of_a = ((cells.obs["kind"] == "a") & (cells.obs["treatment"] == "yes")).to_numpy()
    pairs = set(zip((cells.obs["donor"][of_a] == "d2").astype(int), cells.dense()[of_a].sum(axis=1), strict=True))
    assert set(zip(batch[50:], library[50:], strict=True)) <= pairs


def test_blocks_are_embedded_without_covariates_unless_training_never_hid_them(cells: Table) -> None:
    separated, published = fitted(cells), fitted(cells, recipe="published", epochs=2, latent_spurious=1)
    unknown = replace(cells, obs=cells.obs.assign(donor="d9", kind="z"))
    nothing = replace(cells, obs=cells.obs.iloc[:, :0], schema=Schema(per_10k=True))
    z_inv, z_spur = separated.blocks(cells)
    assert (z_inv.shape, z_spur.shape) == ((cells.n_rows, 3), (cells.n_rows, 1))
    assert z_inv.dtype == np.float32
    for one in (unknown, nothing):
        np.testing.assert_array_equal(separated.blocks(one)[0], z_inv)
    given = published.blocks(cells)[0]
    assert not np.array_equal(published.blocks(unknown)[0], given)
    np.testing.assert_array_equal(published.blocks(nothing)[0], published.blocks(cells, hide=True)[0])


@pytest.mark.parametrize("prior", PRIORS)
def test_the_shipped_kit_finds_nothing(prior: str) -> None:
    checks = check_generator(InVAE, epochs=2, hidden=[8], prior=prior, langevin_steps=4)
    assert failures(checks) == []
    assert len(checks) == 11


def test_a_loaded_model_samples_and_embeds_like_the_saved_one(model: InVAE, cells: Table, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded = InVAE.load(tmp_path, model.config, template=cells.take([]), device="cpu")
    unseen = pd.DataFrame({"kind": ["b", "x"], "treatment": ["yes", "no"]})
    for asked in (cells.conditions.iloc[::7], unseen):
        (made, first), (again, second) = sampled(model, asked), sampled(loaded, asked)
        assert (made.X != again.X).nnz == 0
        assert (first.notes, first.fallbacks) == (second.notes, second.fallbacks)
    np.testing.assert_array_equal(loaded.blocks(cells)[1], model.blocks(cells)[1])
    np.testing.assert_array_equal(loaded.predict(cells, "kind"), model.predict(cells, "kind"))


def test_tables_without_batch_or_conditions_are_sampled(cells: Table) -> None:
    for columns, schema in (
        (["kind"], Schema(conditions=("kind",), per_10k=True)),
        (["donor"], Schema(batch="donor", per_10k=True)),
        ([], Schema(per_10k=True)),
    ):
        table = replace(cells, obs=cells.obs[columns], schema=schema)
        made, _ = sampled(fitted(table, epochs=1), table.conditions)
        assert made.X.shape == cells.X.shape


def test_recipes_set_defaults_that_options_override() -> None:
    config = make_options(InVAE.Config, {"recipe": "published", "tc": "2"}, where="invae")
    assert (config.epochs, config.latent_spurious, config.prior_mean, config.mask, config.tc) == (500, 1, "zero", 0, 2)
    assert (InVAE.Config().covariate_penalty, config.covariate_penalty) == (20.0, 0.0)
    assert (InVAE.Config().fixed_encoder_share, config.fixed_encoder_share) == (0.25, 0.0)


def test_embeddings_and_labels_do_not_depend_on_the_last_epochs(cells: Table) -> None:
    with_them, without = (fitted(cells, epochs=6, fixed_encoder_share=share) for share in (0.5, 0))
    for block, found in with_them.embed(cells).items():
        assert np.array_equal(found, without.embed(cells)[block])
    assert np.array_equal(with_them.predict(cells, "kind"), without.predict(cells, "kind"))
    assert (sampled(with_them, cells.conditions)[0].X != sampled(without, cells.conditions)[0].X).nnz > 0


def test_offsets_move_sampled_and_shifted_cells_of_known_combinations(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = make_cells(without=("b", "yes"))
    made = fitted(cells, epochs=6)
    asked = pd.DataFrame({"kind": ["a", "a", "b", "b"], "treatment": ["no", "yes", "no", "yes"]})
    base = cells.take(np.flatnonzero((cells.obs["kind"] == "a") & (cells.obs["treatment"] == "no"))[:4])
    decoded: list[np.ndarray] = []
    monkeypatch.setattr(made, "_all_counts", lambda z, *_: decoded.append(z.numpy().copy()) or base.X)
    for scale in (0.0, 1.0):
        made._offsets = scale * np.arange(9, dtype=np.float32).reshape(3, 3)  # of (a, no), (a, yes) and (b, no)
        made.sample(asked, SampleContext(device="cpu", seed=2))
        made.shift(base, asked, SampleContext(device="cpu", seed=2))
    sampled_by, shifted_by = decoded[2] - decoded[0], decoded[3] - decoded[1]
    own = np.vstack([np.arange(9).reshape(3, 3), np.zeros((1, 3))])  # the last combination has no training cell
    assert sampled_by[:, :3] == pytest.approx(own, abs=1e-4)
    assert shifted_by[:, :3] == pytest.approx(own - own[0], abs=1e-4)
    assert not sampled_by[:, 3:].any()
    assert not shifted_by[:, 3:].any()


def test_the_last_epochs_are_reported(cells: Table) -> None:
    generator = InVAE(make_options(InVAE.Config, {**SMALL, "epochs": 8}, where="invae"))
    context = FitContext(device="cpu", seed=1)
    generator.fit(cells, None, context)
    assert [(one.epoch, one.of) for one in context.curve] == [(epoch, 10) for epoch in range(1, 11)]
    assert set(context.curve[-1].losses) == {"reconstruction", "kl", "prior"}


def test_losses_are_reported_and_terms_without_weight_are_0(cells: Table) -> None:
    generator = InVAE(make_options(InVAE.Config, {**SMALL, "recipe": "published"}, where="invae"))
    context = FitContext(device="cpu", seed=1)
    generator.fit(cells, None, context)
    assert len(context.curve) == 12
    assert context.curve[-1].losses["reconstruction"] < context.curve[0].losses["reconstruction"]
    assert {context.curve[-1].losses[name] for name in ("tc", "penalty", "prior")} == {0.0}


def test_other_tables_are_declined(make_table: Callable[..., Table]) -> None:
    with pytest.raises(Unsupported, match="the table is not one of counts with per_10k = true"):
        InVAE.supports(make_table().schema, 60, 5)
    with pytest.raises(Unsupported, match="1 training cells, expected at least 2"):
        InVAE.supports(Schema(per_10k=True), 1, 5)


GOLDEN = {"factorised": (0.74421, 0.065833, 345.6), "exponential": (0.74388, 0.066806, 345.59)}


@pytest.mark.parametrize("prior", PRIORS)
def test_golden_scores(prior: str, cells: Table) -> None:
    """Correlation of log profiles of conditions, share of zeros, and mean library size of sampled cells."""
    made, _ = sampled(fitted(cells, prior=prior, langevin_steps=20), cells.conditions)
    labels = (cells.obs["kind"].astype(str) + cells.obs["treatment"].astype(str)).to_numpy()
    profiles = [np.log1p([t.dense()[labels == one].mean(axis=0) for one in np.unique(labels)]) for t in (cells, made)]
    found = (
        float(np.corrcoef(*(one.ravel() for one in profiles))[0, 1]),
        float((made.dense() == 0).mean()),
        float(made.X.sum() / made.n_rows),
    )
    print(f"{prior}: ({', '.join(f'{x:.5g}' for x in found)})")
    assert found == pytest.approx(GOLDEN[prior], rel=2e-3, abs=2e-4)


@pytest.mark.slow
def test_a_large_sparse_table_needs_no_dense_copy() -> None:
    import tracemalloc

    counts = sparse.random(20_000, 2_000, 0.01, format="csr", random_state=0, dtype=np.float32)
    counts.data = np.ceil(counts.data * 3)
    obs = pd.DataFrame(index=[f"c{i}" for i in range(20_000)])
    table = Table(counts, obs, tuple(f"g{j}" for j in range(2_000)), Schema(per_10k=True), scale="counts")
    tracemalloc.start()
    made, _ = sampled(fitted(table, epochs=1, batch_size=2_000), obs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert made.X.nnz > 0
    assert peak < 20_000 * 2_000 * 4  # bytes of a dense copy
