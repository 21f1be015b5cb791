"""``tabgenbench plugin new``: write a small complete distribution to start from."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import click

__all__ = ["new"]

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "0.1.0"
description = "The generator {name} for TabGenBench."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["tabgenbench"]

[project.optional-dependencies]
dev = ["pytest"]

# TabGenBench finds the plugin by this entry point.
[project.entry-points.tabgenbench]
{name} = "{module}"

[tool.hatch.build]
include = ["{module}.py"]

[tool.pytest.ini_options]
testpaths = ["tests"]
"""

MODULE = '''\
"""{name}: a generator for TabGenBench. Replace the example by your model."""

import numpy as np
from pydantic import Field

from tabgenbench import Card, Generator, Options, condition_labels, hookimpl, nearest_known


class {class_name}(Generator):
    """A training row of the condition with a little noise on every feature."""

    name = "{name}"
    card = Card(summary="Training rows of the condition with Gaussian noise.")

    class Config(Options):
        """Options of `{class_name}`."""

        noise: float = Field(0.1, ge=0, description="standard deviation of the noise, relative to that of the feature")

    def fit(self, train, validation, context):
        """Keep the training rows."""
        self.train, self.labels = train, condition_labels(train.conditions).to_numpy()

    def sample(self, conditions, context):
        """Return one row for each row of conditions, in order."""
        known, replaced = conditions, {{}}
        if conditions.shape[1] > 0:
            known, replaced = nearest_known(conditions, self.train.conditions)
        for label, stand_in in replaced.items():
            rows = int((condition_labels(conditions) == label).sum())
            context.fallback(label, rows=rows, rule=f"nearest known condition: {{stand_in}}")
        chosen = [context.numpy.choice(np.flatnonzero(self.labels == label)) for label in condition_labels(known)]
        values = self.train.take(np.array(chosen, dtype=int)).dense()
        return self.train.like(values + context.numpy.normal(0, self.config.noise, values.shape), conditions)


@hookimpl
def register_generators():
    """Return the generator."""
    return [{class_name}]
'''

TEST = '''\
"""{name} satisfies the contract of generators."""

from {module} import {class_name}

from tabgenbench import check_generator, failures


def test_contract():
    """Check shapes, conditions, seeds, inputs and options on a small table."""
    assert failures(check_generator({class_name})) == []


def test_without_noise():
    """The contract also holds without noise."""
    assert failures(check_generator({class_name}, noise=0.0)) == []
'''

README = """\
# {distribution}

The generator `{name}` for TabGenBench.

    pip install --editable '.[dev]'
    tabgenbench plugin check {name}
    tabgenbench run quickstart -g {name} -g real-resample -g shuffled
    tabgenbench leaderboard quickstart
    python -m pytest

The model is in `{module}.py`; the line under `[project.entry-points.tabgenbench]` in `pyproject.toml` registers it.
"""


@click.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default="this folder",
    help="Parent of the new folder.",
)
def new(name: str, out: Path) -> None:
    """Write a small complete plugin with a generator called NAME.

    The folder tabgenbench-NAME contains a pyproject.toml with the entry point, one module, a test and a README.
    Install it with pip install --editable, then replace the example by your model.
    """
    from tabgenbench.errors import ConfigError

    if re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) is None:
        raise ConfigError(f"plugin new: got name {name!r}, expected lower-case letters, digits and hyphens (my-model)")
    distribution = f"tabgenbench-{name}"
    folder, module = out / distribution, distribution.replace("-", "_")
    words = {
        "name": name,
        "distribution": distribution,
        "module": module,
        "class_name": "".join(part.capitalize() for part in name.split("-")),
    }
    files = {"pyproject.toml": PYPROJECT, f"{module}.py": MODULE, f"tests/test_{module}.py": TEST, "README.md": README}
    if find_spec(module) is not None:
        raise ConfigError(f"plugin new: a module {module!r} is already installed; choose another name than {name!r}")
    try:
        (folder / "tests").mkdir(parents=True)
        for path, text in files.items():
            (folder / path).write_text(text.format(**words), encoding="utf-8")
    except FileExistsError:
        raise ConfigError(f"plugin new: {folder} already exists; choose another name or --out folder") from None
    except OSError as error:
        raise ConfigError(f"plugin new: cannot write {folder} ({error.strerror}); choose another --out") from None
    click.echo(f"{folder}: next: pip install --editable {folder}; tabgenbench plugin check {name}")
