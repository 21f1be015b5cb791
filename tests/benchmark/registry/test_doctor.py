from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import click
import pytest

from tabgenbench import PluginError
from tabgenbench.engines.base import Engine, EngineOptions
from tabgenbench.engines.local import LocalEngine
from tabgenbench.registry.doctor import PluginReport, examine_plugins
from tabgenbench.registry.manager import make_manager

Call = Callable[..., int]
Install = Callable[..., list[EntryPoint]]

GENERATOR = """
from tabgenbench import Card, Generator

class Mine(Generator):
    name = "broken"
    {}
    def fit(self, train, validation, context): ...
    def sample(self, conditions, context): ...
"""
HEALTHY = """
from pathlib import Path
import click
from tabgenbench import Card, Generator, Lazy, hookimpl

class Here(Generator):
    name, card = "here", Card("a class")
    def fit(self, train, validation, context): ...
    def sample(self, conditions, context): ...

@hookimpl
def register_generators():
    return [Here]

@hookimpl
def register_metrics():
    return [Lazy("lazy-metric", "healthy_metric:Mine")]

@hookimpl
def register_suites():
    return [Path(__file__).parent / "small.toml"]

@hookimpl
def register_commands(cli):
    cli.add_command(click.Command("mine"))

@hookimpl
def run_finished(run): ...
"""
METRIC = """
from tabgenbench import Metric, Result, ScoreSpec
print("imported")

class Mine(Metric):
    name, scores = "lazy-metric", (ScoreSpec(name="mine", direction="lower"),)
    def compute(self, evaluation, context):
        return Result({"mine": 0.0})
"""
SUITE = 'datasets = ["wdbc"]\ngenerators = ["here"]\nmetrics = ["lazy-metric"]\n'


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution, version 2.5, of modules and other files; the first module is the entry point returned."""

    def install(name: str, **files: str) -> list[EntryPoint]:
        folder = tmp_path / name
        info = folder / f"{name.replace('-', '_')}-2.5.dist-info"
        info.mkdir(parents=True)
        module = next(iter(files))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
        (info / "entry_points.txt").write_text(f"[tabgenbench]\nplugin = {module}\n")
        for stem, text in files.items():
            (folder / (stem if "." in stem else f"{stem}.py")).write_text(text)
            monkeypatch.delitem(sys.modules, stem, raising=False)
        monkeypatch.syspath_prepend(str(folder))
        return [point for found in distributions(path=[str(folder)]) for point in found.entry_points]

    return install


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = LocalEngine(EngineOptions(device="cpu", workers=2, threads=1))
    yield engine
    engine.close()


@pytest.fixture
def doctor(engine: Engine) -> Callable[[list[EntryPoint]], dict[str, PluginReport]]:
    """Run the doctor on the plugins of entry points; return its reports by plugin."""

    def ask(points: list[EntryPoint]) -> dict[str, PluginReport]:
        plugins = make_manager(points=points)
        plugins.add_commands(click.Group())
        return {report.plugin: report for report in examine_plugins(plugins, engine)}

    return ask


Doctor = Callable[[list[EntryPoint]], dict[str, PluginReport]]


def lazy(kind: str, *registrations: tuple[str, str], extra: str | None = None) -> str:
    """The module of a plugin that registers names for targets."""
    lines = ", ".join(f"Lazy({name!r}, {target!r}, extra={extra!r})" for name, target in registrations)
    return f"from tabgenbench import Lazy, hookimpl\n\n@hookimpl\ndef register_{kind}():\n    return [{lines}]\n"


def test_a_healthy_stranger_is_listed_with_all_that_it_registers(install: Install, doctor: Doctor) -> None:
    [report] = doctor(install("tgb-healthy", healthy=HEALTHY, healthy_metric=METRIC, **{"small.toml": SUITE})).values()
    assert (report.plugin, report.distribution, report.version) == ("tgb-healthy:plugin", "tgb-healthy", "2.5")
    assert (report.state, report.problems) == ("ok", [])
    assert [(item.kind, item.name, item.state) for item in report.items] == [
        ("generator", "here", "ok"),
        ("metric", "lazy-metric", "ok"),
        ("suite", "small", "ok"),
    ]
    assert (report.commands, report.observers) == (["mine"], ["run_finished"])
    assert "healthy_metric" not in sys.modules, "what is lazy is imported in processes of its own"


def test_a_plugin_disabled_is_listed_with_its_reason(install: Install, doctor: Doctor) -> None:
    [report] = doctor(install("tgb-broken", broken="import a_library_that_is_not_there")).values()
    assert (report.state, report.version, report.items) == ("disabled", "2.5", [])
    assert report.reason == "does not load: ModuleNotFoundError: No module named 'a_library_that_is_not_there'"
    assert [(one.kind, one.name) for one in report.problems] == [("plugin", "tgb-broken:plugin")]


def test_a_hook_that_misbehaves_when_asked_sets_its_plugin_aside(install: Install, doctor: Doctor) -> None:
    code = "from tabgenbench import hookimpl\n\n@hookimpl\ndef register_metrics():\n    return 3\n"
    found = doctor(install("tgb-odd", odd=code))
    assert "register_metrics returned 3" in found["tgb-odd:plugin"].reason


@pytest.mark.parametrize(
    ("code", "state", "words"),
    [
        ("import a_library_that_is_not_there", "cannot import", "No module named 'a_library_that_is_not_there'"),
        ("def broken(:", "cannot import", "SyntaxError"),
        ("raise RuntimeError('no\\nlicence')", "cannot import", "RuntimeError: no licence"),
        ("raise SystemExit('bye')", "cannot import", "SystemExit: bye"),
        ("import os; os._exit(4)", "cannot import", "importing target: the process ended with exit status 4"),
        ("class Other: name = 'broken'", "cannot import", "module target has no 'Mine'; correct its target"),
        ("class Mine: name = 'other'", "cannot import", "target:Mine is named 'other', expected 'broken'"),
        ("class Mine: name = 'broken'", "does not fit", "target:Mine is not a Generator; derive it from"),
        (
            "from tabgenbench import Generator\nclass Mine(Generator): name = 'broken'",
            "does not fit",
            "target:Mine lacks fit, sample",
        ),
    ],
    ids=["library", "syntax", "raises", "leaves", "exits", "no class", "other name", "no generator", "abstract"],
)
def test_a_name_that_cannot_be_used(install: Install, doctor: Doctor, code: str, state: str, words: str) -> None:
    registers = lazy("generators", ("broken", "target:Mine"))
    [report] = doctor(install("tgb-lazy", registers=registers, target=code)).values()
    assert report.state == "ok"
    [item] = report.problems
    assert (item.kind, item.name, item.state) == ("generator", "broken", state)
    assert words in item.reason
    assert "\n" not in item.reason


UNFIT = [
    ("generators", GENERATOR.format(""), 'has no card, expected a tabgenbench.Card; write card = Card("...")'),
    ("generators", GENERATOR.format('card = "a model"'), "card is 'a model', expected a tabgenbench.Card"),
    (
        "generators",
        GENERATOR.format("card = Card(3)"),
        "cannot import unfit_target: Card.summary is 3: Input should be a valid string",
    ),
    ("generators", GENERATOR.format("card = Card('x'); is_control = 'no'"), "is_control is 'no', expected True or"),
    (
        "generators",
        GENERATOR.format("card = Card('x'); planted_for = 'privacy'"),
        "planted_for is 'privacy', expected a question; only controls are planted failures",
    ),
    ("generators", GENERATOR.format("card = Card('x'); scale = 'log'"), "scale is 'log', expected"),
    ("generators", GENERATOR.format("card = Card('x'); libraries = 'torch'"), "libraries is 'torch', expected a tuple"),
    ("generators", GENERATOR.format("card = Card('x'); Config = dict"), "Config is <class 'dict'>, expected a class"),
    (
        "generators",
        GENERATOR.format("card = Card('x', licens='MIT')"),
        "card has an unknown field 'licens'; did you mean",
    ),
    ("metrics", "", "has no scores, expected a tuple of tabgenbench.ScoreSpec, at least one; write scores ="),
    ("metrics", "scores = ()", "scores is (), expected a tuple of tabgenbench.ScoreSpec"),
    ("metrics", "scores = ('mine',)", "scores is ('mine',), expected a tuple"),
    ("metrics", "scores = (ScoreSpec(name='mine', direction='up'),)", "ScoreSpec.direction is 'up': Input should be"),
]


@pytest.mark.parametrize(("kind", "code", "words"), UNFIT, ids=[words[:25] for _, _, words in UNFIT])
def test_a_class_that_lacks_what_its_kind_asks_for_is_told_by_doctor_and_run(
    install: Install, doctor: Doctor, tabgenbench: Call, capsys: pytest.CaptureFixture[str], kind: str, code: str,
    words: str,
) -> None:  # fmt: skip
    if kind == "metrics":
        own = 'name, scores = "lazy-metric", (ScoreSpec(name="mine", direction="lower"),)'
        code = METRIC.replace(own, f'name = "broken"\n    {code}')
    points = install("tgb-unfit", unfit=lazy(kind, ("broken", "unfit_target:Mine")), unfit_target=code)
    [item] = doctor(points)["tgb-unfit:plugin"].problems
    state = "cannot import" if "Input should be" in words else "does not fit"  # made when the class is
    assert (item.kind, item.name, item.state) == (kind.removesuffix("s"), "broken", state)
    assert words in item.reason
    assert tabgenbench("run", "quickstart", "-d", "wdbc", "-g" if kind == "generators" else "-m", "broken") == 2
    captured = capsys.readouterr()
    reason = item.reason.removeprefix("plugin 'broken': ")
    assert captured.err.strip().splitlines()[-1] == f"tabgenbench: plugin 'broken': {reason}"
    assert "Traceback" not in captured.err
    assert not Path("store").exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("class Mine: name = 'broken'", "target:Mine is not a Report; derive it from tabgenbench.Report"),
        (
            "from tabgenbench import Report\nclass Mine(Report): name = 'broken'",
            "target:Mine lacks build; define every",
        ),
    ],
)
def test_a_report_that_cannot_be_used(install: Install, doctor: Doctor, code: str, words: str) -> None:
    registers = lazy("reports", ("broken", "target:Mine"))
    [report] = doctor(install("tgb-report", registers=registers, target=code)).values()
    [item] = report.problems
    assert (item.kind, item.name, item.state) == ("report", "broken", "does not fit")
    assert words in item.reason


def test_two_plugins_of_one_name_are_listed_with_both_distributions(install: Install, doctor: Doctor) -> None:
    points = []
    for side in ("first", "second"):
        names = (("same", "shared_metric:Mine"), (f"a-{side}", "shared_metric:Mine"))
        points += install(f"tgb-{side}", **{f"names_{side}": lazy("metrics", *names)})
    with pytest.raises(PluginError, match="two metrics are named 'same': in tgb-first:plugin and in tgb-second"):
        make_manager(points=points).entries("metrics")
    found = doctor(points)
    for side, other in (("first", "second"), ("second", "first")):
        item = found[f"tgb-{side}:plugin"].items[1]
        assert (item.name, item.state) == ("same", "name taken")
        assert item.reason == f"also registered by tgb-{other}:plugin; uninstall or rename one of them"
        assert item in found[f"tgb-{side}:plugin"].problems


@pytest.mark.parametrize("code", ["import sdv_that_is_not_there", METRIC.replace("lazy-metric", "needs-more")])
def test_a_missing_extra_is_no_problem(
    install: Install, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str
) -> None:
    """Also if the import is inside a function, so that the class itself can be imported."""
    names = lazy("metrics", ("needs-more", "extra_target:Mine"), extra="moon")
    points = install("tgb-extra", extra_names=names, extra_target=code)
    own = tmp_path / "own" / "tabgenbench-0.1.dist-info"  # the distribution with one more extra
    own.mkdir(parents=True)
    (own / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tabgenbench\nVersion: 0.1\nProvides-Extra: moon\n"
        "Requires-Dist: a-library-that-is-not-there>=2; extra == 'moon'\nRequires-Dist: pluggy; extra == 'moon'\n"
    )
    monkeypatch.syspath_prepend(str(own.parent))
    [report] = doctor(points).values()
    assert report.problems == []
    assert report.items[0].state == "not installed"
    assert report.items[0].reason == "needs a-library-that-is-not-there: pip install 'tabgenbench[moon]'"


@pytest.mark.parametrize(
    ("text", "words"), [(None, "unknown suite 'small'"), ("datasets = 3", "datasets"), ("= 3", "not TOML")]
)
def test_a_suite_that_cannot_be_read(install: Install, doctor: Doctor, text: str | None, words: str) -> None:
    files = {} if text is None else {"small.toml": text}
    code = (
        "from pathlib import Path\nfrom tabgenbench import hookimpl\n\n@hookimpl\ndef register_suites():\n"
        "    return [Path(__file__).parent / 'small.toml']\n"
    )
    [report] = doctor(install("tgb-suite", suites_only=code, **files)).values()
    [item] = report.problems
    assert (item.kind, item.state) == ("suite", "does not fit")
    assert words in item.reason


@pytest.mark.slow
def test_the_command_lists_everything_within_100_columns(
    install: Install, tabgenbench: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks = HEALTHY + "".join(f"\n@hookimpl\ndef {hook}(): ...\n" for hook in ("run_started", "cell_finished"))
    install("tgb-with-quite-a-long-name", wide=hooks, healthy_metric=METRIC, **{"small.toml": SUITE})
    install("tgb-broken", broken=f"raise RuntimeError({'no licence for this machine; ' * 12!r})")
    assert tabgenbench("plugin", "doctor") == 1
    printed = capsys.readouterr().out
    assert max(len(line) for line in printed.splitlines()) <= 100
    assert "tgb-with-quite-a-long-name:plugin  2.5" in printed
    assert "1 generator, 1 metric, 1 suite, 1 command," in printed
    assert "problems:\n  tgb-broken:plugin: does not load: RuntimeError: no licence" in printed


@pytest.mark.slow
def test_as_json(install: Install, tabgenbench: Call, capsys: pytest.CaptureFixture[str]) -> None:
    install("tgb-broken", broken="1 / 0")
    assert tabgenbench("plugin", "doctor", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    reports = {one["plugin"]: one for one in found["plugins"]}
    assert found["ok"] is False
    assert reports["tgb-broken:plugin"] == {
        "plugin": "tgb-broken:plugin",
        "distribution": "tgb-broken",
        "version": "2.5",
        "state": "disabled",
        "reason": "does not load: ZeroDivisionError: division by zero",
        "items": [],
        "commands": [],
        "observers": [],
    }
    assert "plugin" in reports["tabgenbench:commands"]["commands"]
    assert {item["state"] for item in reports["tabgenbench:plugins"]["items"]} <= {"ok", "not installed"}
