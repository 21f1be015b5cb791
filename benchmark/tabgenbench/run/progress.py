"""Display of the progress of a run, with bars on a terminal, one bar in a notebook, and plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tabgenbench.formatting import duration_text, place_text
from tabgenbench.registry.hookspecs import hookimpl

if TYPE_CHECKING:
    from tabgenbench.interfaces.generator import Progress
    from tabgenbench.records import CellRecord
    from tabgenbench.run.plan import Cell
    from tabgenbench.run.state import Run

__all__ = ["ProgressDisplay", "in_notebook", "say"]

FIXED_WIDTHS = (12, 9, 7, 14)  # bar, count, time left and loss; also on narrow terminals
LINE_SECONDS = 15.0  # minimum time between plain lines of a cell
REFRESH_SECONDS = 0.2  # minimum time between updates of a notebook's bar


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


def say(line: str) -> None:
    """Print a line to standard error; in a notebook, print to standard output, because notebooks show errors in red."""
    print(line, file=sys.stdout if in_notebook() else sys.stderr, flush=True)


class ProgressDisplay:
    """Plugin that shows the epoch, the loss and the remaining time of the trainings in a run."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._total = self._done = 0
        self._one_dataset = False
        self._bars: Any = None
        self._bar: _NotebookBar | None = None
        self._tasks: dict[str, Any] = {}
        self._started: dict[str, float] = {}
        self._last_line: dict[str, float] = {}

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Start the display."""
        from tabgenbench.run.pending import count_failed  # this module is imported by every command

        self._run, self._total, self._done = run, len(run.todo), 0
        self._one_dataset = len({cell.identity.dataset for cell in run.plan.cells}) == 1
        refused, failed = len(run.preflight.refusals), count_failed(run)
        ready = run.n_cells - self._total - refused - failed
        for line in run.preflight.lines(run.plan.cells):
            say(line)
        before = f"{ready} done before, " + (f"{failed} failed before, " if failed else "")
        counts = f"{run.n_cells} cells, {before}{self._total} to do" + (f", {refused} refused" if refused else "")
        say(f"suite {run.plan.suite.name}: {counts}")
        if run.estimate is not None:
            say(f"estimate: {run.estimate.line}")
        if self._total and in_notebook():
            self._bar = _NotebookBar(self._total)
        elif self._total and sys.stderr.isatty():
            self._bars = _bars()
            self._bars.start()
            self._tasks["all"] = self._bars.add_task("all cells", total=self._total, detail="")

    @hookimpl
    def cell_started(self, cell: Cell) -> None:
        """Show that a training has started."""
        self._started[cell.key] = time.monotonic()
        if self._bars is not None:
            one = cell.identity
            name = (
                f"{one.label} · {place_text(one.split, one.fold)} · seed {one.seed}"
                if self._one_dataset
                else cell.title
            )
            self._tasks[cell.key] = self._bars.add_task(name, total=None, detail="")

    @hookimpl
    def cell_progress(self, cell: Cell, progress: Progress) -> None:
        """Show the epoch and the losses of a running training.

        New time estimates of generators are printed first. If there is no bar, the printed line also contains the
        remaining time of the training.
        """
        while self._run is not None and self._run.timed:
            self._say(f"estimate: {self._run.make_estimate().timed_line(self._run.timed.popleft())}")
        shown = [f"{name} {value:.4g}" for name, value in progress.losses.items()]
        if self._bars is not None:
            task = self._tasks[cell.key]
            # A terminal has space for one loss; by convention, a generator reports its main loss first.
            self._bars.update(task, completed=progress.epoch, total=progress.of, detail="".join(shown[:1]))
            return
        reached = ", ".join([f"epoch {progress.epoch} of {progress.of}", *shown])
        if self._bar is not None:
            self._bar.show(self._done, f"{cell.identity.label}: {reached}")
            return
        now, started = time.monotonic(), self._started[cell.key]
        if now - self._last_line.get(cell.key, started) >= LINE_SECONDS:
            self._last_line[cell.key] = now
            left = (now - started) / max(progress.epoch, 1) * (progress.of - progress.epoch)
            say(f"  {cell.title}: {reached}, {duration_text(left)} left")

    @hookimpl
    def cell_finished(self, record: CellRecord) -> None:
        """Count a finished training, and print its time or failure."""
        self._done += 1
        one = record.cell
        seconds = sum(phase.seconds or 0.0 for name, phase in record.phases.items() if name in ("fit", "sample"))
        outcome = duration_text(seconds) if record.status == "ok" else f"{record.status}: {record.reason}"
        line = f"[{self._done}/{self._total}] {one.title}: {outcome}"
        if self._bar is None or record.status != "ok":
            self._say(line)
        if self._bars is not None:
            self._bars.remove_task(self._tasks.pop(record.key))
            self._bars.advance(self._tasks["all"])
        if self._bar is not None:
            self._bar.show(self._done, "", at_once=True)

    @hookimpl
    def run_finished(self, run: Run) -> None:
        """Stop the display."""
        self._run = None
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
        self._bar = None

    def _say(self, line: str) -> None:
        if self._bars is not None:
            self._bars.console.print(line, markup=False, highlight=False)
        else:
            say(line)


class _NotebookBar:
    def __init__(self, total: int) -> None:
        self._total, self._started, self._drawn = total, time.monotonic(), time.monotonic()
        display = import_module("IPython.display").display  # IPython is only partly typed
        self._handle = display({"text/plain": self._text(0, "")}, raw=True, display_id=True)

    def show(self, done: int, detail: str, *, at_once: bool = False) -> None:
        if at_once or time.monotonic() - self._drawn >= REFRESH_SECONDS:
            self._drawn = time.monotonic()
            self._handle.update({"text/plain": self._text(done, detail)}, raw=True)

    def _text(self, done: int, detail: str) -> str:
        from tqdm import tqdm

        elapsed = time.monotonic() - self._started
        return str(tqdm.format_meter(done, self._total, elapsed, ncols=100, unit="cell", postfix=detail or None))


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    console = Console(stderr=True)

    def fixed(width: int) -> Column:
        return Column(min_width=width, no_wrap=True)

    name_width = max(16, console.width - 2 * len(FIXED_WIDTHS) - sum(FIXED_WIDTHS))
    bar, count, left, detail = FIXED_WIDTHS
    return Progress(
        TextColumn("{task.description}", table_column=Column(max_width=name_width, no_wrap=True, overflow="ellipsis")),
        BarColumn(bar_width=bar, table_column=fixed(bar)),
        MofNCompleteColumn(table_column=fixed(count)),
        TimeRemainingColumn(table_column=fixed(left)),
        TextColumn("{task.fields[detail]}", table_column=fixed(detail)),
        console=console,
        transient=True,
    )
