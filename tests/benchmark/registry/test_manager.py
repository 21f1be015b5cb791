from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any

import pytest

from tabgenbench import Card, ConfigError, Generator, Lazy, PluginError, hookimpl
from tabgenbench.registry.manager import make_manager

Distribution = Callable[..., list[EntryPoint]]


class Quiet(Generator):
    """A generator of which only the name matters."""

    name = "quiet"
    card = Card("says nothing")

    def fit(self, train: Any, validation: Any, context: Any) -> None:
        """Learn nothing."""

    def sample(self, conditions: Any, context: Any) -> Any:
        """Return no rows."""


class Good:
    """A valid plugin."""

    def __init__(self) -> None:
        self.finished: list[str] = []

    @hookimpl
    def register_generators(self) -> list[type[Generator] | Lazy]:
        return [Quiet, Lazy("lazy-one", "nowhere:Nothing", "not imported")]

    @hookimpl
    def run_finished(self, run: Any) -> None:
        self.finished.append(run)


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Distribution:
    """Install a distribution with one module in its own folder; return its entry points."""

    def install(name: str, code: str) -> list[EntryPoint]:
        module = name.replace("-", "_")
        folder = tmp_path / name
        info = folder / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / f"{module}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[tabgenbench]\nplugin = {module}\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, module, raising=False)
        return [point for found in distributions(path=[str(folder)]) for point in found.entry_points]

    return install


NAMED = """
from tabgenbench import Lazy, hookimpl

@hookimpl
def register_generators():
    return [Lazy({name!r}, "nowhere:Nothing", "from " + __name__)]
"""


def test_entries_are_sorted_and_say_who_registered_them() -> None:
    entries = make_manager([Good()], points=[]).entries("generators")
    assert list(entries) == ["lazy-one", "quiet"]
    assert entries["quiet"].load() is Quiet
    assert (entries["quiet"].plugin, entries["quiet"].summary) == ("Good", "says nothing")
    assert entries["quiet"].module == Quiet.__module__
    assert (entries["lazy-one"].summary, entries["lazy-one"].module) == ("not imported", "nowhere")


def test_a_class_is_instantiated() -> None:
    assert "quiet" in make_manager([Good], points=[]).entries("generators")


def test_no_entry_point_means_none() -> None:
    plugins = make_manager(points=[])
    assert plugins.entries("generators") == {}
    assert plugins.disabled == []


def test_managers_are_independent() -> None:
    make_manager([Good()], points=[])
    assert make_manager(points=[]).entries("generators") == {}


def test_entry_points_are_named_by_their_distribution(distribution: Distribution) -> None:
    plugins = make_manager(points=distribution("tgb-first", NAMED.format(name="one")))
    assert plugins.entries("generators")["one"].plugin == "tgb-first:plugin"


def test_two_plugins_of_one_name_are_an_error_that_names_both(distribution: Distribution) -> None:
    points = distribution("tgb-first", NAMED.format(name="same")) + distribution(
        "tgb-second", NAMED.format(name="same")
    )
    plugins = make_manager(points=points)
    with pytest.raises(PluginError, match=r"two generators are named 'same': in tgb-first:.* and in tgb-second:"):
        plugins.entries("generators")
    with pytest.raises(PluginError, match="uninstall or rename one"):
        plugins.find("generators", "same")


def test_equal_entry_point_names_of_two_distributions_both_count(distribution: Distribution) -> None:
    points = distribution("tgb-first", NAMED.format(name="one")) + distribution("tgb-second", NAMED.format(name="two"))
    assert list(make_manager(points=points).entries("generators")) == ["one", "two"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import a_library_that_is_not_there", "does not load: ModuleNotFoundError: No module named 'a_library"),
        ("def broken(:", "does not load: SyntaxError"),
        ("raise RuntimeError('no licence')", "does not load: RuntimeError: no licence"),
        ("import sys; sys.exit('bye')", "does not load: SystemExit: bye"),
        (
            "from tabgenbench import hookimpl\n@hookimpl\ndef register_generator():\n    return []\n",
            "register_generator",
        ),
        (
            "from tabgenbench import hookimpl\n@hookimpl\ndef run_started(runner):\n    pass\n",
            "does not load: PluginValidationError",
        ),
    ],
    ids=["import", "syntax", "raises", "exits", "unknown hook", "unknown argument"],
)
def test_a_broken_plugin_is_disabled_and_the_rest_works(distribution: Distribution, code: str, reason: str) -> None:
    points = distribution("tgb-broken", code) + distribution("tgb-whole", NAMED.format(name="one"))
    plugins = make_manager(points=points)
    assert list(plugins.entries("generators")) == ["one"]
    assert [one.plugin for one in plugins.disabled] == ["tgb-broken:plugin"]
    assert reason in plugins.disabled[0].reason
    assert "\n" not in plugins.disabled[0].reason


def test_a_plugin_disabled_registers_nothing_at_all(distribution: Distribution) -> None:
    bad_signature = "\n@hookimpl\ndef run_started(runner):\n    pass\n"
    points = distribution("tgb-half", NAMED.format(name="half") + bad_signature)
    assert make_manager(points=points).entries("generators") == {}


def test_an_observer_that_raises_is_disabled_and_the_others_are_told() -> None:
    class Raises:
        calls = 0

        @hookimpl
        def run_finished(self, run: Any) -> None:
            Raises.calls += 1
            raise ValueError("cannot reach the server")

    before, after = Good(), Good()
    plugins = make_manager(points=[])
    for name, plugin in (("before", before), ("raises", Raises()), ("after", after)):
        plugins.manager.register(plugin, name=name)
    plugins.notify("run_finished", run="first")
    plugins.notify("run_finished", run="second")
    assert before.finished == after.finished == ["first", "second"]
    assert Raises.calls == 1
    assert [(one.plugin, one.reason) for one in plugins.disabled] == [
        ("raises", "run_finished raised ValueError: cannot reach the server")
    ]


def test_a_register_hook_that_raises_is_disabled() -> None:
    class Raises:
        @hookimpl
        def register_generators(self) -> list[Any]:
            raise KeyError("x")

    plugins = make_manager([Raises(), Good()], points=[])
    assert "quiet" in plugins.entries("generators")
    assert plugins.disabled[0].reason == "register_generators raised KeyError: 'x'"


@pytest.mark.parametrize("answer", ["quiet", [3], [object], Quiet, {"quiet": Quiet}])
def test_a_register_hook_that_returns_something_else_is_disabled(answer: Any) -> None:
    class Odd:
        @hookimpl
        def register_generators(self) -> Any:
            return answer

    plugins = make_manager([Odd(), Good()], points=[])
    assert list(plugins.entries("generators")) == ["lazy-one", "quiet"]
    assert [one.plugin for one in plugins.disabled] == ["Odd"]
    assert "expected a list of classes with a name, or Lazy" in plugins.disabled[0].reason


def test_suites_come_from_paths_alone(tmp_path: Path) -> None:
    class Suites:
        @hookimpl
        def register_suites(self) -> list[Path]:
            return [tmp_path / "b.toml", tmp_path / "a.toml"]

    class Text:
        @hookimpl
        def register_suites(self) -> Any:
            return ["c.toml"]

    plugins = make_manager([Suites(), Text()], points=[])
    assert list(plugins.suites()) == ["a", "b"]
    assert plugins.disabled[0].plugin == "Text"


def test_an_unknown_name_is_told_with_a_suggestion() -> None:
    plugins = make_manager([Good()], points=[])
    assert plugins.find("generators", "quiet").load() is Quiet
    with pytest.raises(ConfigError, match="unknown generator 'quite'; did you mean 'quiet'"):
        plugins.find("generators", "quite")
    with pytest.raises(ConfigError, match=r"^unknown metric 'gamma'$"):
        plugins.find("metrics", "gamma")


def test_commands_are_added_by_every_plugin() -> None:
    import click

    class Commands:
        @hookimpl
        def register_commands(self, cli: click.Group) -> None:
            cli.add_command(click.Command("mine"))

    group = click.Group()
    make_manager([Commands()], points=[]).add_commands(group)
    assert list(group.commands) == ["mine"]


def test_each_plugin_is_known_by_its_version_and_the_commands_that_it_adds(distribution: Distribution) -> None:
    import click

    code = "import click\nfrom tabgenbench import hookimpl\n\n@hookimpl\ndef register_commands(cli):\n"
    points = distribution("tgb-first", code + "    cli.add_command(click.Command('mine'))\n")
    points += distribution(
        "tgb-second", code + "    cli.add_command(click.Command('b'))\n    cli.add_command(click.Command('a'))\n"
    )
    points += distribution("tgb-third", "import a_library_that_is_not_there")
    plugins = make_manager([Good()], points=points)
    plugins.add_commands(click.Group())
    assert plugins.commands == {"tgb-first:plugin": ["mine"], "tgb-second:plugin": ["a", "b"]}
    assert plugins.versions == {f"tgb-{one}:plugin": "1.0" for one in ("first", "second", "third")}


def test_all_that_is_registered_can_be_had_even_where_names_clash(distribution: Distribution) -> None:
    points = [point for side in ("first", "second") for point in distribution(f"tgb-{side}", NAMED.format(name="same"))]
    found = make_manager([Good()], points=points).registered("generators")
    assert [(entry.name, entry.plugin) for entry in found] == [
        ("lazy-one", "Good"),
        ("quiet", "Good"),
        ("same", "tgb-first:plugin"),
        ("same", "tgb-second:plugin"),
    ]


def test_of_two_suites_with_one_name_the_first_counts_and_both_are_registered(tmp_path: Path) -> None:
    def registering(folder: str) -> object:
        class Suites:
            @hookimpl
            def register_suites(self) -> list[Path]:
                return [tmp_path / folder / "same.toml"]

        return Suites()

    plugins = make_manager(points=[])
    for name in ("a", "b"):
        plugins.manager.register(registering(name), name=name)
    paths = [suite.path for suite in plugins.registered_suites()]
    assert len(paths) == 2
    assert plugins.suites()["same"].path == paths[0]
