"""Direction of imports: plugins, datasets and leaderboard import the harness, which imports none of them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabgenbench_plugins import register_generators

ROOT = Path(__file__).parents[2]
HOMES = {
    "tabgenbench": ROOT / "benchmark",
    "tabgenbench_plugins": ROOT / "plugins",
    "tabgenbench_datasets": ROOT / "datasets",
    "tabgenbench_leaderboard": ROOT / "leaderboard",
}
ROOMS = {  # the folders of the harness that each folder may import; "root" means the modules directly in the package
    "root": set(),
    "engines": {"root"},
    "data": {"root"},
    "interfaces": {"root", "engines", "data"},
    "registry": {"root", "engines", "data", "interfaces"},
    "store": {"root", "data"},
    "run": {"root", "engines", "data", "interfaces", "registry", "store"},
    "api": {"root", "engines", "data", "interfaces", "registry", "store", "run"},  # one module, beside the commands
    "commands": {"root", "engines", "data", "interfaces", "registry", "store", "run", "api"},
}
BOARD_ROOMS = {
    "board": set(),
    "figures": {"board"},
    "pages": {"board", "figures"},
    "web": {"board", "pages"},
    "root": {"board", "figures", "pages", "web"},
    "publish": {"board", "figures", "pages", "web", "root"},
    "commands": {"board", "figures", "pages", "web", "root", "publish"},
}
FRONT = {"tabgenbench", "tabgenbench.__main__", "tabgenbench_leaderboard"}  # these may name any room
HEAVY = {"anndata", "h5py", "matplotlib", "numpy", "pandas", "pydantic", "scipy", "sklearn", "torch"}
HEAVY_TRAINING = {"ctgan", "joblib", "scipy.cluster", "sdv", "sklearn", "torch"}


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and top-level name of every import, including imports by name (``import_module("x")``)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.partition(":")[0]
            if all(part.isidentifier() for part in name.split(".")):
                yield node.lineno, name.partition(".")[0]


def offences(package: str, forbidden: set[str]) -> list[str]:
    found = []
    for path in sorted((HOMES[package] / package).rglob("*.py")):
        found += [f"{path.name}:{line} {name}" for line, name in imported(path) if name in forbidden]
    return found


def import_graph(package: str) -> dict[str, set[str]]:
    """Return the modules of a package, each with the modules of the package that it imports at any place."""
    home = HOMES[package]
    paths = {
        ".".join(path.relative_to(home).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((home / package).rglob("*.py"))
    }
    graph: dict[str, set[str]] = {}
    for module, path in paths.items():
        named: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: a relative import"
                parts = {f"{node.module}.{alias.name}" for alias in node.names}
                named |= {part if part in paths else str(node.module) for part in parts}
            elif isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
        graph[module] = {name for name in named if name in paths} - {module}
    return graph


def room_of(module: str, rooms: dict[str, set[str]]) -> str:
    part = [*module.split("."), ""][1]
    return part if part in rooms else "root"


def find_cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one import cycle, or an empty list."""
    done: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str]:
        if module in way:
            return way[way.index(module) :]
        for name in sorted(graph[module] - done):
            if found := visit(name, [*way, module]):
                return found
        done.add(module)
        return []

    return next((found for module in sorted(graph) if (found := visit(module, []))), [])


@pytest.mark.parametrize(("package", "rooms"), [("tabgenbench", ROOMS), ("tabgenbench_leaderboard", BOARD_ROOMS)])
def test_rooms_import_in_one_direction(package: str, rooms: dict[str, set[str]]) -> None:
    wrong = [
        f"{module} imports {name}"
        for module, names in import_graph(package).items()
        for name in names
        if module not in FRONT
        and name not in FRONT
        and room_of(name, rooms) not in {room_of(module, rooms), *rooms[room_of(module, rooms)]}
    ]
    assert wrong == []
    folders = {path.parent.name for path in (HOMES[package] / package).glob("*/__init__.py")}
    assert folders == set(rooms) - {"root", "api"}


@pytest.mark.parametrize("package", sorted(HOMES))
def test_no_import_cycle(package: str) -> None:
    graph = import_graph(package)
    front = {name: set() if name in HOMES else names - set(HOMES) for name, names in graph.items()}
    assert find_cycle(front) == []


def test_our_plugins_import_the_harness_by_its_front_door() -> None:
    deep = [
        f"{path.name}: {name}"
        for package in ("tabgenbench_plugins", "tabgenbench_datasets")
        for path in sorted((HOMES[package] / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
        if name.startswith("tabgenbench.")
    ]
    assert deep == []


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh process has after running code."""
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("package", sorted(HOMES))
def test_a_package_imports_only_itself_and_the_harness(package: str) -> None:
    assert (HOMES[package] / package / "__init__.py").exists()
    assert offences(package, set(HOMES) - {package, "tabgenbench"}) == []


def test_the_board_never_imports_torch() -> None:
    assert offences("tabgenbench_leaderboard", {"torch"}) == []
    everything = (
        "import importlib, pkgutil, tabgenbench_leaderboard as board\n"
        "for module in pkgutil.walk_packages(board.__path__, 'tabgenbench_leaderboard.'):\n"
        "    importlib.import_module(module.name)\n"
    )
    assert "torch" not in modules_after(everything)


@pytest.mark.parametrize(
    "module", ["tabgenbench", "tabgenbench_plugins", "tabgenbench_datasets", "tabgenbench_leaderboard"]
)
def test_a_module_that_an_entry_point_names_imports_nothing_heavy(module: str) -> None:
    assert modules_after(f"import {module}") & HEAVY == set()


def test_every_entry_point_of_ours_is_light_and_loads() -> None:
    code = (
        "from tabgenbench.registry.manager import make_manager\n"
        "plugins = make_manager()\n"
        "assert not plugins.disabled, plugins.disabled\n"
        "assert plugins.entries('generators') and plugins.entries('metrics') and plugins.entries('datasets')\n"
    )
    assert modules_after(code) & HEAVY == set()


PLANNING = """
import contextlib, sys
from tabgenbench import Schema, Unsupported
from tabgenbench.registry.manager import make_manager
plugins = make_manager()
for name in sys.argv[1:]:
    kind = plugins.find("generators", name).load()
    schema = Schema(conditions=("tissue",), per_10k=name == "condition-nb")
    with contextlib.suppress(Unsupported):
        kind.supports(schema, 40, 6)
    memory = kind(kind.Config()).estimate_memory(schema, 40, 6)
    assert memory is None or memory > 0, name
    assert kind.name == name and kind.card.summary and kind.scale in ("standardized", "own"), name
    print(name, *sys.modules)
"""


def test_what_planning_asks_of_a_generator_imports_no_library_of_its_training() -> None:
    """All generators in one process, so a library is reported with the first generator that imports it."""
    names = [lazy.name for lazy in register_generators() if not lazy.lacks]
    done = subprocess.run([sys.executable, "-c", PLANNING, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = {name: set(modules) & HEAVY_TRAINING for name, *modules in map(str.split, done.stdout.splitlines())}
    assert list(found) == names
    assert not any(found.values()), found


def test_planning_and_preparing_a_run_imports_neither_anndata_nor_scikit_learn(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from tabgenbench.commands.cli import make_cli\n"
        "arguments = 'run quickstart -d wdbc -g shuffled -m moments --splits 1 --draws 1 --executor inline'.split()\n"
        f"make_cli().main([*arguments, '--store', {str(tmp_path / 'store')!r}], standalone_mode=False)\n"
        "from tabgenbench.store.store import Store\n"
        f"assert next(Store(Path({str(tmp_path / 'store')!r})).cells()).status == 'ok'\n"
    )
    assert modules_after(code) & {"anndata", "sklearn", "torch", "zarr"} == set()


def test_the_public_names_are_all_there() -> None:
    import tabgenbench

    assert all(getattr(tabgenbench, name) is not None for name in tabgenbench.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        tabgenbench.Nothing  # noqa: B018 - to look it up is the test


@pytest.mark.parametrize("folder", sorted(home.name for home in HOMES.values()))
def test_no_package_init_stands_in_a_top_level_folder(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()
