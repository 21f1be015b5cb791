from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tabgenbench.errors import ConfigError
from tabgenbench.registry.manager import make_manager
from tabgenbench.registry.suite import find_suite, parse_choice
from tabgenbench.store.store import Store


def test_built_in_suites_are_found_and_resolve() -> None:
    from tabgenbench.run.plan import resolve

    plugins = make_manager()
    for name in plugins.suites():
        suite = find_suite(name, plugins)
        assert suite.name == name
        assert suite.summary
        resolved = resolve(suite, plugins)
        assert any(generator.is_control for generator in resolved.generators)


@pytest.mark.parametrize("name", ["integration-mixology", "unseen-combination-kang"])
def test_suites_of_single_cell_files_are_valid(name: str) -> None:
    plugins = make_manager()
    path = Path(__file__).parents[3] / "examples" / "single-cell" / f"{name}.toml"
    suite = find_suite(str(path), plugins)
    assert (suite.name, len(suite.datasets)) == (name, 1)
    for choice in suite.generators:
        plugins.find("generators", choice.name)  # raises for an unknown name


def test_the_card_of_a_generator_names_the_extra_that_installs_its_packages() -> None:
    from tabgenbench.run.plan import resolve

    plugins = make_manager()
    cards = {one.name: one.card for one in resolve(find_suite("quickstart", plugins), plugins).generators}
    assert {name: card.extra for name, card in cards.items() if card.extra} == {"gaussian-copula": "sdv"}
    assert not plugins.find("generators", "gaussian-copula").load_fitting("generators").card.extra


def test_the_suite_of_the_first_run_has_every_model_and_both_families_of_metrics() -> None:
    suite = find_suite("quickstart", make_manager())
    models = {"cvae", "wgan-gp", "ctgan", "tvae", "gaussian-copula"}
    controls = {"real-resample", "condition-mvn", "condition-gaussian", "condition-mean", "shuffled", "truth"}
    assert {choice.name for choice in suite.generators} == models | controls
    assert {"gamma", "gamma-within", "gamma-by-condition", "pca-separability", "umap-separability"} <= {
        choice.name for choice in suite.metrics
    }
    assert [choice.name for choice in suite.datasets] == ["simulated-tissues", "wdbc", "simulated-clinic"]
    assert (suite.splits, suite.seeds, suite.draws) == (3, 1, 1)


def test_a_choice_can_be_for_some_datasets_alone(
    tabgenbench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("two.toml").write_text(
        'datasets = ["simulated-tissues:n_rows=80,n_genes=5", "wdbc"]\nsplits = 1\ndraws = 1\n'
        'generators = ["shuffled", { name = "truth", only_for = ["simulated-tissues"] }]\n'
        'metrics = ["gamma", { name = "moments", only_for = ["wdbc"] }]\n'
    )
    assert tabgenbench("run", "two.toml", "--threads", "1") == 0
    assert "skipped" not in "".join(capsys.readouterr())
    suite = Store(Path("store")).read_suite("two")
    assert suite is not None
    assert {(row.dataset.partition(":")[0], row.label, *row.scores) for row in suite.rows} == {
        ("simulated-tissues", "shuffled", "gamma"),
        ("simulated-tissues", "truth", "gamma"),
        ("wdbc", "shuffled", "gamma", "moments"),
    }


def test_a_generator_that_declines_a_dataset_is_shown(
    tabgenbench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("-d", "wdbc", "-g", "truth", "-g", "shuffled", "-m", "gamma", "--splits", "1", "--draws", "1")
    assert tabgenbench("run", "quickstart", *arguments, "--threads", "1") == 0
    assert "truth samples from the model of 'simulated-tissues'" in "".join(capsys.readouterr())


def test_choices_are_read_from_text_and_tables() -> None:
    assert parse_choice("cvae:epochs=3") == parse_choice({"name": "cvae", "epochs": 3})


def test_suite_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'datasets = ["wdbc"]\ngenerators = [{ name = "cvae", epochs = 3 }]\nmetrics = ["gamma"]\nsplits = 2\n'
        "[split]\ntest_fraction = 0.5\n"
    )
    suite = find_suite(str(path), make_manager())
    assert (suite.name, suite.splits, suite.draws, suite.split.test_fraction) == ("mine", 2, 5, 0.5)
    assert suite.generators[0].options == {"epochs": 3}


def test_a_generator_may_have_a_label() -> None:
    choice = parse_choice({"name": "cvae", "label": " CVAE,  3 epochs", "epochs": 3})
    assert (choice.name, choice.label, choice.options) == ("cvae", "CVAE, 3 epochs", {"epochs": 3})
    assert parse_choice("cvae:epochs=3").label == ""


def test_generators_of_different_datasets_may_share_a_label(tmp_path: Path) -> None:
    from tabgenbench.run.plan import resolve

    path = tmp_path / "labels.toml"
    one, other = (
        '{ name = "cvae", label = "A", only_for = ["wdbc"]',
        '{ name = "cvae", label = "A", only_for = ["credit"]',
    )
    path.write_text(f'datasets = ["wdbc"]\nmetrics = ["gamma"]\ngenerators = [{one}, epochs = 2 }}, {other} }}]\n')
    plugins = make_manager()
    assert [one.shown for one in resolve(find_suite(str(path), plugins), plugins).generators] == ["A", "A"]


@pytest.mark.parametrize(
    ("generators", "message"),
    [
        (
            '{ name = "cvae", label = "Mine" }, { name = "tvae", label = "Mine" }',
            "generators: 'cvae' and 'tvae' have the same label, 'Mine'; give each its own label",
        ),
        (
            '"cvae", { name = "tvae", label = "cvae" }',
            "generators: 'cvae' and 'tvae' have the same label, 'cvae'; give each its own label",
        ),
        (
            '{ name = "cvae", label = "One", only_for = ["wdbc"] }, { name = "tvae", label = "One" }',
            "generators: 'cvae' and 'tvae' have the same label, 'One'; give each its own label",
        ),
        (
            '{ name = "cvae", label = "One" }, { name = "cvae", label = "Two" }',
            "generators: 'cvae' is listed 2 times with equal options; list it once",
        ),
    ],
)
def test_labels_that_boards_could_not_tell_apart_are_one_sentence(
    tmp_path: Path, generators: str, message: str
) -> None:
    from tabgenbench.run.plan import resolve

    path = tmp_path / "labels.toml"
    path.write_text(f'datasets = ["wdbc"]\nmetrics = ["gamma"]\ngenerators = [{generators}]\n')
    plugins = make_manager()
    with pytest.raises(ConfigError) as caught:
        resolve(find_suite(str(path), plugins), plugins)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('generators = [{ name = "cvae", label = " " }]', "generator 'cvae': got label ' ', expected a non-empty text"),
        ('generators = [{ name = "cvae", label = 3 }]', "generator 'cvae': got label 3, expected a non-empty text"),
        ('metrics = [{ name = "gamma", label = "G" }]', "metrics: 'gamma' has a label; only generators can have one"),
        ("splits = 0", "option 'splits': got 0"),
        ("splitz = 2", "unknown option 'splitz'; did you mean 'split"),
        ("[split]\ntest_fracton = 0.2", "unknown option 'test_fracton'; did you mean 'test_fraction'"),
        ("generators = [3]", "got 3, expected NAME"),
        (
            'generators = [{ name = "truth", only_for = ["wbdc"] }]',
            "only_for of 'truth' names 'wbdc', which is not a dataset; did you mean 'wdbc'",
        ),
        ("splits = ", "not TOML"),
    ],
)
def test_bad_suite_file_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    lines = {"datasets": '["wdbc"]', "metrics": '["gamma"]', "generators": '["cvae"]'}
    base = "".join(f"{name} = {value}\n" for name, value in lines.items() if not text.startswith(name))
    path.write_text(base + text)
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")) as caught:
        find_suite(str(path), make_manager())
    assert "\n" not in str(caught.value)


def test_unknown_suite_suggests() -> None:
    with pytest.raises(ConfigError, match="did you mean 'quickstart'"):
        find_suite("quickstrat", make_manager())
