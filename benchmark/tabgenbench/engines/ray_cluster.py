"""Connection to an existing cluster of Ray (distributed computing), or to Ray started on this machine."""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tabgenbench.engines.devices import resolve_device
from tabgenbench.engines.environment import available_cores, visible_gpus
from tabgenbench.engines.memory import machine_memory
from tabgenbench.engines.scratch import short_scratch
from tabgenbench.engines.variables import environment_variables
from tabgenbench.errors import ConfigError, DeviceError

__all__ = ["Cluster", "Node", "Offer", "import_ray", "last_line", "survey", "usable"]

KNOCK_SECONDS = 5.0
STORE_BYTES = 256 * 2**20  # size of Ray's object store, which holds only messages
LONGEST_FOLDER = 43  # Ray appends up to 64 characters for socket addresses, which have at most 107
# Ray reads these variables at import and start. They turn off usage statistics and Ray's messages about workers on
# standard output; the records contain the relevant information.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@dataclass(frozen=True)
class Node:
    """A machine (node) of a cluster: Ray's id of the node, host name, and resources (memory in bytes)."""

    id: str
    host: str
    cpus: float
    gpus: float
    memory: float


@dataclass(frozen=True)
class Offer:
    """Resources of a cluster: kind of device, and number of trainings that can run at the same time (``slots``)."""

    device: str
    slots: int


class Cluster:
    """A connection to Ray. If this process is already connected to Ray, this connection is used, not the arguments.

    Args:
        address: ``host:port`` of the cluster, or ``auto``. With None, Ray is started on this machine.
        cpus: number of cores that Ray may use if it is started on this machine.
        gpus: GPUs that Ray may use if it is started on this machine, as in the variable CUDA_VISIBLE_DEVICES.

    Raises:
        ConfigError: Ray is not installed, or no cluster answers at the address.
    """

    def __init__(self, address: str | None, *, cpus: int = 0, gpus: Sequence[str] = ()) -> None:
        self.ray = import_ray()
        self.is_local = address is None
        self._folder: str | None = None
        self._is_ours = not self.ray.is_initialized()
        if not self._is_ours:
            return
        with environment_variables(QUIET), _own_signals():
            if address is None:
                self._start(cpus, gpus)
            else:
                self._connect(address)

    def nodes(self) -> list[Node]:
        """Return the machines of the cluster that are alive."""
        return [
            Node(
                id=one["NodeID"],
                host=one["NodeManagerHostname"],
                cpus=one["Resources"].get("CPU", 0.0),
                gpus=one["Resources"].get("GPU", 0.0),
                memory=one["Resources"].get("memory", 0.0),
            )
            for one in self.ray.nodes()
            if one["Alive"]
        ]

    def close(self) -> None:
        """Disconnect if this object has connected. If this object has started Ray, stop Ray and remove its files."""
        if self._is_ours:
            self.ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, cpus: int, gpus: Sequence[str]) -> None:
        self._folder = _folder_of_ray()
        with environment_variables({"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}):
            self.ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=len(gpus),
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=STORE_BYTES,
                _memory=machine_memory(),  # by default Ray subtracts the memory currently in use
                _temp_dir=self._folder,
            )

    def _connect(self, address: str) -> None:
        _knock(address)
        try:
            self.ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError, among others
            raise ConfigError(
                f"--address: cannot join the Ray cluster at {address} ({_first_line(error)}); "
                "run this command on a node of the cluster, with the cluster's versions of Ray and Python"
            ) from None


def import_ray() -> Any:
    """Import and return the package ray.

    Raises:
        ConfigError: the package ray is not installed.
    """
    try:
        with environment_variables(QUIET):
            import ray
    except ImportError:
        raise ConfigError(
            "--executor ray: needs the package ray, which is not installed; run: pip install 'tabgenbench[ray]'"
        ) from None
    return ray


def usable(nodes: Sequence[Node], *, threads: int, device: str, slots_per_gpu: int) -> dict[str, int]:
    """Return, by node id, how many tasks a node can run at the same time; nodes that can run none are left out.

    Args:
        nodes: the machines of the cluster.
        threads: number of threads of each task, such as a training. A task uses one core per thread.
        device: ``cpu`` or ``cuda``.
        slots_per_gpu: number of tasks that share a GPU.

    Raises:
        ConfigError: no node has ``threads`` cores, or with ``cuda``, no node has ``threads`` cores and a GPU.
        DeviceError: ``device`` requires a GPU and no node has one.
    """
    slots = {}
    for node in nodes:
        by_cores = int(node.cpus // threads)
        slots[node.id] = by_cores if device == "cpu" else min(by_cores, int(node.gpus) * slots_per_gpu)
    if device != "cpu" and not any(node.gpus for node in nodes):
        raise DeviceError(f"--device: got {device!r}, but no node of the Ray cluster has a GPU; use --device cpu")
    found = {node: count for node, count in slots.items() if count}
    if not found:
        most = max((int(node.cpus) for node in nodes), default=0)
        raise ConfigError(
            f"--threads: got {threads}, but no node of the Ray cluster has so many cores"
            f"{'' if device == 'cpu' else ' and a GPU'} (at most {most}); use fewer --threads"
        )
    return found


def survey(address: str | None, *, threads: int, device: str, slots_per_gpu: int = 1) -> Offer:
    """Return the resources of a cluster, or of this machine if ``address`` is None.

    Args:
        address: as for `Cluster`.
        threads: number of threads of each task.
        device: ``auto``, ``cpu``, ``cuda`` or, without a cluster, ``cuda:INDEX``. On a cluster, Ray chooses the GPUs.
        slots_per_gpu: number of tasks that share a GPU.

    Raises:
        ConfigError: Ray is not installed or does not answer, or no node has enough cores for a task.
        DeviceError: the device does not exist.
    """
    if address is None:
        device = resolve_device(device)
        gpus = len(visible_gpus(device))
        return Offer(device, gpus * slots_per_gpu or max(1, available_cores() // threads))
    if device not in ("auto", "cpu", "cuda"):
        raise DeviceError(
            f"--device: got {device!r}, expected auto, cpu or cuda: a Ray cluster assigns its GPUs itself"
        )
    cluster = Cluster(address)
    try:
        nodes = cluster.nodes()
    finally:
        cluster.close()
    if device == "auto":
        device = "cuda" if any(node.gpus for node in nodes) else "cpu"
    return Offer(device, sum(usable(nodes, threads=threads, device=device, slots_per_gpu=slots_per_gpu).values()))


def _knock(address: str) -> None:
    """Raise `ConfigError` if no program listens at an address, because Ray would try to connect for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        raise ConfigError(
            f"--address: got {address!r}, expected HOST:PORT of a Ray cluster's head, or auto; "
            "run this command on a node of the cluster"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"--address: nothing answers at {address} ({error}); "
            "start Ray there (ray start --head), or use the address that it printed"
        ) from None


def _folder_of_ray() -> str:
    folder = short_scratch()
    if len(str(folder / "r12345678")) <= LONGEST_FOLDER:
        return tempfile.mkdtemp(prefix="r", dir=folder)
    return tempfile.mkdtemp(prefix=f"{folder.name}-", dir="/tmp")  # `scratch` removes folders of such names


def last_line(error: object) -> str:
    """Return the last line of an error message; in messages of Ray, this line states the cause."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip().rstrip(".") if lines else type(error).__name__


def _first_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
