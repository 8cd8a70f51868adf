"""The command line: each file in this folder is one command."""

from __future__ import annotations

import sys
import traceback
import warnings
from io import StringIO, TextIOWrapper
from typing import Any

import click

from nbcnn.cli import _watchdog
from nbcnn.cli._command_group import Verbs
from nbcnn.cli._option_hints import better_words
from nbcnn.cli._output import OutputLostError, open_closed_streams, say
from nbcnn.errors import NbcnnError
from nbcnn.util import activity
from nbcnn.util.version import __version__


@click.group(cls=Verbs, package=__name__, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="nbcnn %(version)s")
@click.option("--debug", is_flag=True, help="Show the Python traceback of an error. May also stand after the command.")
def nbcnn(debug: bool) -> None:
    """Convolutional networks from YAML, on kernels that read like the formulas.

    Start with: nbcnn train lenet
    """


def main(args: list[str] | None = None) -> None:
    """Run the command line. Exit code 0, or 2 with one sentence for every error that a person can mend."""
    words = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    warnings.showwarning = _show_warning
    open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × shows ?
    try:
        if args is None and _watchdog.needed(words):
            _watchdog.watch(words)
        code = nbcnn.main(words, prog_name="nbcnn", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and (sentence := better_words(error)):
            error = click.UsageError(sentence, error.ctx)
        told = StringIO()  # click quotes what was typed, and a shell types the names of files
        error.show(told)
        say(told.getvalue().rstrip("\n"), err=True)
        code = _told(2, debug)
    except (click.Abort, KeyboardInterrupt):
        say("stopped", err=True)
        code = 130
    except NbcnnError as error:
        for line in str(error).splitlines():
            say(f"error: {line}", err=True)
        code = _told(2, debug)
    except MemoryError:
        say("error: there is not enough memory; use smaller images, batches or networks, or fewer threads", err=True)
        code = _told(2, debug)
    except (OutputLostError, BrokenPipeError):
        sys.stdout = None
        code = 0
    except OSError as error:
        what = f"{error.filename}: " if error.filename else "the output can't be written: "
        say(f"error: {what}{error.strerror or error}", err=True)
        code = _told(2, debug)
        sys.stdout = None
    finally:
        activity.tell(done=True)
    sys.exit(code if isinstance(code, int) else 0)


def _told(code: int, debug: bool) -> int:
    """The exit code, after the traceback for those who want it."""
    if debug:
        say(traceback.format_exc(), err=True)
    return code


def _show_warning(message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
    """A warning is a sentence for the person too."""
    say(f"warning: {message}", err=True)
