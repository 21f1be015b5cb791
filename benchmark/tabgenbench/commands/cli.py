"""The command line: a click group to which plugins add commands."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

import click

from tabgenbench import __version__
from tabgenbench.errors import TabGenBenchError, is_of_file_system
from tabgenbench.registry.manager import make_manager

__all__ = ["EXIT_BAD_INPUT", "EXIT_INTERRUPTED", "EXIT_NOT_OK", "main", "make_cli"]

EXIT_NOT_OK = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def make_cli() -> click.Group:
    """Return the command line with the commands of all installed plugins.

    The attribute ``obj`` of a command's click context contains the installed plugins (a `Plugins` object).
    """
    plugins = make_manager()

    @click.group(
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        epilog="Start with: tabgenbench run quickstart",
    )
    @click.version_option(__version__, prog_name="tabgenbench")
    @click.pass_context
    def cli(context: click.Context) -> None:
        """Train generators of tables on shared splits, score their samples and those of controls, and publish boards.

        Results go to standard output, progress to standard error. Exit status: 0 success, 1 failure (such as a failed
        training or check), 2 invalid input, 130 interrupted (Ctrl-C or SIGTERM).
        """
        context.obj = plugins

    plugins.add_commands(cli)
    return cli


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. After a user error, the program prints one message and exits with status 2."""
    try:
        with _termination_as_interrupt():
            status = make_cli().main(arguments, prog_name="tabgenbench", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_BAD_INPUT)
    except TabGenBenchError as error:
        click.echo(f"tabgenbench: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort):
        click.echo("tabgenbench: interrupted; repeat the command to resume", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # the reader, such as head, has closed the pipe
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if not is_of_file_system(error):
            raise
        where = f"{error.filename or 'a file'}: cannot be read or written ({os.strerror(error.errno or 0)})"
        click.echo(f"tabgenbench: {where}; repair its file system", err=True)
        sys.exit(EXIT_BAD_INPUT)


@contextlib.contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set signal handlers
        yield
        return

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # do not interrupt the cleanup
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is interrupt:
            signal.signal(signal.SIGTERM, before)
