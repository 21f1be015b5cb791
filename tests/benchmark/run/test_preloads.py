from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tabgenbench.registry.manager import make_manager
from tabgenbench.registry.suite import Suite
from tabgenbench.run.preloads import FULL, LIGHT, SCIENCE, TORCH, UMAP, first_preloads, preload_of


@pytest.mark.parametrize(
    ("module", "preload"),
    [
        ("tabgenbench_plugins.generators.shuffled", LIGHT),
        ("tabgenbench_plugins.generators.cvae", TORCH),
        ("tabgenbench_plugins.generators.gaussian_copula", FULL),
        ("tabgenbench_plugins.metrics.dendrogram", SCIENCE),
        ("tabgenbench_plugins.metrics.umap_separability", UMAP),
        ("no_such_module", FULL),
    ],
)
def test_a_plugin_gets_the_smallest_preload_with_what_it_imports(module: str, preload: str) -> None:
    assert preload_of(module) == preload


@pytest.mark.parametrize(
    ("source", "preload"),
    [
        ("import numpy as np", LIGHT),
        ("import json, tabgenbench", LIGHT),
        ("def fit():\n    import torch", TORCH),
        ("def fit(context):\n    return context.device_split", TORCH),
        ("from tabgenbench import upload", TORCH),
        ("def fit():\n    import anndata", FULL),
        ("from tabgenbench import to_anndata", FULL),
        ("import torch\nfrom sklearn.decomposition import PCA", FULL),
        ("def fit():\n    import umap", UMAP),
        ("import torch, umap", FULL),
        ("import a_package_that_nobody_knows", FULL),
        ("from tabgenbench_plugins.generators.cvae import CVAE", TORCH),
    ],
)
def test_the_source_says_it(source: str, preload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"plugin_{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert preload_of(name) == preload


def test_several_plugins_get_what_all_of_them_import() -> None:
    assert preload_of("tabgenbench_plugins.generators.cvae", "tabgenbench_plugins.metrics.dendrogram") == FULL


@pytest.mark.slow
def test_a_step_of_an_optimiser_leaves_the_compiler_alone_and_compiling_still_works() -> None:
    code = """
import sys
import tabgenbench.run.warm_torch
import torch
weight = torch.ones(3, requires_grad=True)
weight.sum().backward()
torch.optim.Adam([weight], lr=0.5).step()
assert torch.allclose(weight, torch.full((3,), 0.5)), weight
assert "torch._dynamo.eval_frame" not in sys.modules
import torch._dynamo.config
assert torch._dynamo.config.recompile_limit > 0
assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item() == 2
weight.sum().backward()
torch.optim.Adam([weight], lr=0.5).step()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("generators", "first"),
    [
        (["condition-mean"], [LIGHT]),
        (["cvae"], [TORCH]),
        (["cvae", "condition-mvn", "condition-mean"], [LIGHT, TORCH]),
        (["gaussian-copula", "condition-mean"], [LIGHT, FULL]),
    ],
)
def test_at_most_two_preloads_start_with_a_run(generators: list[str], first: list[str]) -> None:
    suite = Suite.model_validate({"name": "s", "datasets": ["wdbc"], "generators": generators, "metrics": ["gamma"]})
    assert first_preloads(suite, make_manager()) == first
