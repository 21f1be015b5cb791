"""A run that is killed repeatedly resumes each time, and leaves no processes or temporary files."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from tabgenbench.commands.cli import main
from tabgenbench.store.store import Store

SITE = Path(__file__).parents[2] / "hostile" / "site"  # gives an observer that writes a line for each cell that begins
CELLS = 20
WAIT_SECONDS = 120
ARGUMENTS = [
    *("run", "quickstart", "-d", "simulated-tissues:n_rows=120,n_genes=20", "--splits", "2", "--seeds", "5"),
    *("-g", "cvae:epochs=60,hidden=[32],latent=4", "-g", "condition-mvn", "-m", "gamma", "-m", "moments"),
    *("--draws", "2", "--threads", "1", "--workers", "2"),
]


class Runner:
    """Starts runs of one suite on one store, and inspects what remains after them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.mark = folder, f"HOSTILE_MARK={uuid.uuid4().hex}"
        self.store, self.temporary, self.events = folder / "store", folder / "t", folder / "events"
        self.temporary.mkdir(parents=True)
        self.events.touch()

    def start(self) -> subprocess.Popen[bytes]:
        name, _, value = self.mark.partition("=")
        environment = {**os.environ, name: value, "PYTHONPATH": str(SITE), "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {"TMPDIR": str(self.temporary), "HOSTILE_EVENTS": str(self.events)}
        command = [sys.executable, "-m", "tabgenbench", *ARGUMENTS]
        with (self.folder / "said").open("ab") as said:
            return subprocess.Popen(
                [*command, "--store", "store"], cwd=self.folder, env=environment, stdout=said, stderr=said
            )

    def finish(self) -> None:
        with self.start() as process:
            assert process.wait(timeout=300) == 0, (self.folder / "said").read_text()[-3000:]

    def kill_at(self, seconds: float) -> bool:
        """Start a run, kill it this many seconds after its first cell starts, and return whether it still ran."""
        begun = self.events.stat().st_size
        with self.start() as process:
            deadline = time.monotonic() + WAIT_SECONDS
            while self.events.stat().st_size == begun and process.poll() is None:
                assert time.monotonic() < deadline, "no cell has begun"
                time.sleep(0.005)
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
            status = process.wait()
            assert status in (0, -signal.SIGKILL), (self.folder / "said").read_text()[-3000:]
            return status != 0

    def living(self, *, patience: float) -> list[str]:
        """Return the processes that a run has left, after waiting up to ``patience`` seconds for them to end."""
        deadline = time.monotonic() + patience
        while True:
            found = []
            for entry in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    if self.mark.encode() in (entry / "environ").read_bytes():
                        found.append(" | ".join((entry / name).read_text()[:200] for name in ("stat", "cmdline")))
            if not found or time.monotonic() >= deadline:
                return found
            time.sleep(0.05)

    def scores(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.store)): path.read_bytes() for path in self.store.glob("cells/*/scores/*")}

    def fits(self) -> dict[str, tuple[int, bytes]]:
        paths = self.store.glob("cells/*/fit.json")
        return {path.parent.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}

    def check_readable(self) -> None:
        for path in self.store.rglob("*.json"):
            if path.relative_to(self.store).parts[0] != "tmp":
                json.loads(path.read_bytes())
        with pytest.raises(SystemExit) as ended:
            main(["status", "--store", str(self.store)])
        assert ended.value.code == 0


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("wanted", [5, pytest.param(30, marks=pytest.mark.stress)])
def test_a_run_killed_again_and_again_ends_with_the_same_bytes(tmp_path: Path, wanted: int) -> None:
    undisturbed, killed = Runner(tmp_path / "u"), Runner(tmp_path / "k")
    undisturbed.finish()
    expected = undisturbed.scores()
    assert len(expected) == 2 * CELLS

    # Short of the time that a cell takes, more often than not, so that cells remain to the end; where none do, the rest
    # of the kills go to one more store.
    fits = [record.phases["fit"].seconds or 0.0 for record in Store(undisturbed.store).cells()]
    longest = 1.5 * statistics.mean(fits) + 0.2
    rng = random.Random(0)
    kills = 0
    while kills < wanted:
        before = killed.fits()
        if not killed.kill_at(rng.uniform(0.0, longest)):
            check_end(killed, expected)
            killed = Runner(tmp_path / f"k{kills}")
            continue
        kills += 1
        assert killed.living(patience=5.0) == []
        killed.check_readable()
        after = killed.fits()
        assert before.items() <= after.items()  # no finished cell was repeated
    before = killed.fits()
    killed.finish()
    assert before.items() <= killed.fits().items()
    check_end(killed, expected)


def check_end(killed: Runner, expected: dict[str, bytes]) -> None:
    """Check that a completed run has the scores of an undisturbed run, and that nothing else is left."""
    assert killed.scores() == expected
    assert killed.living(patience=5.0) == []
    assert list(killed.temporary.rglob("*")) == []
    assert list((killed.store / "tmp").iterdir()) == []
