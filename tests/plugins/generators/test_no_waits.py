"""During an epoch, the host never waits for the device: no code reads a tensor's value or depends on it for a shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tabgenbench import FitContext
from tabgenbench.interfaces.device_split import upload
from tabgenbench_plugins.generators.ctgan import CTGAN
from tabgenbench_plugins.generators.cvae import CVAE
from tabgenbench_plugins.generators.parts.tabular.training import AdversarialTraining, AutoencoderTraining
from tabgenbench_plugins.generators.tvae import TVAE
from tabgenbench_plugins.generators.wgan_gp import WGANGP

Make = Callable[..., Any]
SMALL = {"embedding_dim": 4, "generator_dim": [8], "discriminator_dim": [8], "batch_size": 20, "pac": 2}
EPOCHS: list[tuple[Any, dict[str, Any], Any, str]] = [  # a generator, its options, and the method that runs an epoch
    (CVAE, {"hidden": [8], "batch_size": 20}, CVAE, "_epoch"),
    (WGANGP, {"hidden": [8], "batch_size": 20}, WGANGP, "_epoch"),
    (CTGAN, SMALL, AdversarialTraining, "epoch"),
    (TVAE, {"compress_dims": [8], "decompress_dims": [8], "batch_size": 20}, AutoencoderTraining, "epoch"),
]
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "_unique2", "unique_dim", "equal", "bincount"}


class NoWaits(TorchDispatchMode):
    """Raises for operations that wait for a GPU."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        indices = args[1] if name in ("index", "index_put", "index_put_") else ()
        if name in WAITS or any(one is not None and one.dtype == torch.bool for one in indices):
            raise AssertionError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


def guard(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, enter: Callable[[], Any]) -> list[int]:
    """Make a method run inside a context; return a list that grows by one entry per call."""
    method, calls = getattr(owner, name), []

    def guarded(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        with enter():
            return method(*args, **kwargs)

    monkeypatch.setattr(owner, name, guarded)
    return calls


@pytest.mark.parametrize("read", [float, torch.nonzero, lambda x: x[x > 0], lambda x: bool((x > 0).all())])
def test_what_waits_is_noticed(read: Callable[[torch.Tensor], Any]) -> None:
    with pytest.raises(AssertionError, match="waits for the device"), NoWaits():
        read(torch.ones(()).reshape(1) if read is not float else torch.ones(()))


@pytest.mark.parametrize(("kind", "options", "owner", "name"), EPOCHS, ids=lambda value: getattr(value, "name", None))
def test_an_epoch_reads_no_value(
    kind: Any, options: dict[str, Any], owner: Any, name: str, make_table: Make, fit: Make, monkeypatch: Any
) -> None:
    calls = guard(monkeypatch, owner, name, NoWaits)
    fit(kind, make_table(), epochs=2, **options)
    assert len(calls) == 2


@pytest.mark.gpu
@pytest.mark.parametrize(("kind", "options", "owner", "name"), EPOCHS, ids=lambda value: getattr(value, "name", None))
def test_an_epoch_does_not_wait_for_a_gpu(
    kind: Any, options: dict[str, Any], owner: Any, name: str, make_table: Make, monkeypatch: Any
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")

    class Strict:
        def __enter__(self) -> None:
            torch.cuda.set_sync_debug_mode("error")

        def __exit__(self, *_: object) -> None:
            torch.cuda.set_sync_debug_mode("default")

    train = make_table()
    calls = guard(monkeypatch, owner, name, Strict)
    split = upload(train, None, "cuda:0")
    generator = kind(kind.Config(epochs=2, **options))
    generator.fit(train, None, FitContext(device="cuda:0", seed=1, make_device_split=lambda: split))
    assert len(calls) == 2
