from __future__ import annotations

import subprocess
import sys

import pytest

UNTOUCHED = """
import sys, torch
from tabgenbench.engines.isolate import unchanged_process
with unchanged_process():
    torch.set_default_dtype(torch.float64)
assert torch.get_default_dtype() == torch.float32
assert "torch._inductor.config" not in sys.modules, "the compiler was imported"
"""
CHANGED = """
import torch
from tabgenbench.engines.isolate import unchanged_process
with unchanged_process():
    torch.use_deterministic_algorithms(True)
assert not torch.are_deterministic_algorithms_enabled()
"""
IMPORTED_INSIDE = """
import sys
from tabgenbench.engines.isolate import unchanged_process
with unchanged_process():
    import torch
    torch.set_grad_enabled(False)
assert torch.is_grad_enabled()
assert "torch._inductor.config" not in sys.modules, "the compiler was imported"
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", [UNTOUCHED, CHANGED, IMPORTED_INSIDE], ids=["untouched", "changed", "imported inside"]
)
def test_torch_is_restored_without_an_import_of_its_compiler(script: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
