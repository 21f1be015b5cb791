from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from tabgenbench.commands.cli import main


@dataclass(frozen=True)
class Samples:
    """The files that docs/plugins.md shows, in a folder that replaces site-packages."""

    folder: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, timeout=240, cwd=self.folder, env=environment
        )

    def tabgenbench(self, *arguments: str) -> str:
        """Run the command line in this process, which finds the samples; return its output."""
        printed = StringIO()
        with redirect_stdout(printed), pytest.raises(SystemExit) as ended:
            main(list(arguments))
        assert not ended.value.code, printed.getvalue()
        return printed.getvalue()


def install(folder: Path, project: str) -> None:
    """Write the metadata that an installer writes, with the entry points of the distribution."""
    content = tomllib.loads(project)
    name, version = content["project"]["name"], content["project"]["version"]
    points = content["project"]["entry-points"]["tabgenbench"]
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{key} = {target}" for key, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[tabgenbench]", *lines]) + "\n")


@pytest.fixture(scope="module")
def samples(
    repository: Path, fenced: Callable[[Path, str], list[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Samples]:
    folder = tmp_path_factory.mktemp("site")
    page = repository / "docs" / "plugins.md"
    for block in [*fenced(page, "python"), *fenced(page, "toml")]:
        first = block.partition("\n")[0]
        assert first.startswith("# "), f"a sample names its file in its first line: {first!r}"
        path = folder / first.removeprefix("# ")
        if path.name == "pyproject.toml":
            install(folder, block)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.chdir(folder)
        yield Samples(folder)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture(scope="module")
def store(samples: Samples) -> Path:
    """The store of the page's suite, after one run with all plugins of the page."""
    samples.tabgenbench("run", "lab", "--store", "store", "--executor", "inline")
    return samples.folder / "store"


def test_a_generator_takes_a_dozen_lines(samples: Samples) -> None:
    text = (samples.folder / "tabgenbench_marginals.py").read_text(encoding="utf-8")
    body = [line for line in text.partition("\n\n\n")[2].splitlines() if line.strip()]
    assert len(body) <= 15


@pytest.mark.slow
def test_the_adapted_model_passes_the_contract_kit(samples: Samples) -> None:
    code = (
        "from tabgenbench import check_generator, failures\n"
        "from tabgenbench.registry.manager import make_manager\n"
        "kind = make_manager().find('generators', 'mixture').load_fitting('generators')\n"
        "print(kind.__module__, kind.__name__, failures(check_generator(kind, components=2)))\n"
    )
    done = samples.run("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "tabgenbench_mixture Mixture []"


def test_the_call_without_a_run_prints_a_row_for_each_condition(samples: Samples) -> None:
    done = samples.run("try_marginals.py")
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in done.stdout.splitlines()[1:]] == ["lung", "lung", "colon"]


def test_everything_on_the_page_is_listed(samples: Samples) -> None:
    listed = json.loads(samples.tabgenbench("list", "--json"))
    found = {(kind, row["name"], row["plugin"]) for kind, rows in listed.items() for row in rows}
    assert found >= {
        ("generators", "marginals", "tabgenbench-marginals:marginals"),
        ("generators", "linear-gaussian", "tabgenbench-lab:lab"),
        ("generators", "mixture", "tabgenbench-mixture:mixture"),
        ("metrics", "in-range", "tabgenbench-lab:lab"),
        ("datasets", "iris", "tabgenbench-lab:lab"),
        ("engines", "spawn", "tabgenbench-lab:lab"),
        ("suites", "lab", "tabgenbench-lab:lab"),
    }


@pytest.mark.slow
def test_doctor_finds_nothing(samples: Samples) -> None:
    shown = samples.tabgenbench("plugin", "doctor")
    lines = [line.split() for line in shown.splitlines()]
    assert {words[2] for words in lines if words and words[0].startswith("tabgenbench-")} == {"ok"}
    assert {"tabgenbench-lab:journal", "tabgenbench-marginals:marginals"} <= {words[0] for words in lines if words}


def test_the_command_runs(samples: Samples) -> None:
    licences = dict(line.split(": ") for line in samples.tabgenbench("licences").splitlines())
    assert licences["linear-gaussian"] == "Apache-2.0"
    assert licences["marginals"] == "not stated"


def test_the_suite_trains_and_scores_every_generator(store: Path) -> None:
    records = [json.loads(path.read_bytes()) for path in store.glob("cells/*/fit.json")]
    assert sorted(record["cell"]["label"] for record in records) == [
        "linear-gaussian:epochs=100",
        "linear-gaussian:epochs=20,learning_rate=0.1",
        "marginals",
        "real-resample",
    ]
    assert {record["status"] for record in records} == {"ok"}
    scores = [json.loads(path.read_bytes()) for path in store.glob("cells/*/scores/*.json")]
    assert sorted(score["metric"] for score in scores) == ["gamma"] * 4 + ["in-range"] * 4
    assert {score["status"] for score in scores} == {"ok"}
    in_range = [draw["scores"]["in-range"] for one in scores if one["metric"] == "in-range" for draw in one["draws"]]
    assert len(in_range) == 8
    assert min(in_range) > 0.8


@pytest.mark.slow
def test_the_engine_runs_what_the_local_one_does(samples: Samples, store: Path) -> None:
    options = ("-g", "linear-gaussian:epochs=20,learning_rate=0.1", "-m", "in-range", "--threads", "1")
    samples.tabgenbench("run", "lab", *options, "--executor", "spawn", "--store", "spawned")
    scores = list((samples.folder / "spawned").glob("cells/*/scores/*.json"))
    assert len(scores) == 1
    same = store / scores[0].relative_to(samples.folder / "spawned")
    assert json.loads(scores[0].read_bytes())["draws"] == json.loads(same.read_bytes())["draws"]
    arguments = ("run", "lab", "--executor", "spawn", "--timeout", "1", "--store", "refused")
    refused = samples.run("-m", "tabgenbench", *arguments)
    assert refused.returncode == 2
    assert "has no limits" in refused.stderr


def test_the_trained_sample_learns(store: Path) -> None:
    records = [json.loads(path.read_bytes()) for path in store.glob("cells/*/fit.json")]
    losses = next(one["losses"]["loss"] for one in records if one["cell"]["label"] == "linear-gaussian:epochs=100")
    assert len(losses) == 100
    assert losses[-1] < losses[0] - 0.3


def test_the_observer_heard_every_event(store: Path) -> None:
    events = [json.loads(line) for line in (store / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    kinds = [one["event"] for one in events]
    assert kinds[0] == "run"
    assert kinds[-1] == "done"
    assert kinds.count("begin") == kinds.count("end") == 4
    assert {"epoch", "of", "loss"} <= next(one for one in events if one["event"] == "progress").keys()
    assert events[-1]["problems"] == []


def test_the_board_shows_the_label_and_the_figure_of_the_metric(samples: Samples, store: Path) -> None:
    shown = samples.tabgenbench("leaderboard", "lab", "--store", str(store), "--out", "board")
    assert any(line.startswith("Linear, 20 epochs ") for line in shown.splitlines())
    board = samples.folder / "board"
    assert "share of values inside the range" in (board / "figures" / "iris-range.svg").read_text(encoding="utf-8")
    page = (board / "README.md").read_text(encoding="utf-8")
    assert "`Linear, 20 epochs`" in page
    assert "linear-gaussian:epochs=20" not in page.partition("## What the scores mean")[0]
    assert "![Share of values inside the range of the real rows on iris, feature by feature.]" in page


@pytest.mark.slow
def test_the_report_is_found_by_its_name_and_builds_a_board(samples: Samples, store: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from tabgenbench.registry.manager import make_manager\n"
        "report = make_manager().find('reports', 'ranking').load_fitting('reports')()\n"
        "board = report.build(Path('store'), 'lab')\n"
        "print(len(board.table()), board.table()['value'].is_monotonic_decreasing, len(board.scores))\n"
        "print(sorted(board.table()['label'])[0])\n"
        "print(board.save(Path('ranking'))[0], '<table' in board._repr_html_())\n"
    )
    done = samples.run("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["4 True 24", "Linear, 20 epochs", "ranking/ranking.csv True"]
