"""The ``sk-qdots`` command: a module for each of its words."""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor

from ._calibrate import add_calibrate
from ._evaluate import add_evaluate
from ._info import add_info
from ._library import add_augment, add_simulate
from ._page import add_page
from ._size import add_size
from ._train import add_train
from ._watch import add_watch
from ._words import BAD_INPUT, INTERRUPTED, complain

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command-line arguments; those of the process by default.

    Returns
    -------
    int
        Exit status: 0, 2 where an input was bad, 130 where it was interrupted.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name of a file may be in no encoding
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    usual, warnings.formatwarning = warnings.formatwarning, _format_warning
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output left, as head does
        _drop_output()
        return 0
    except OSError as error:  # a full disk, say
        _drop_output()
        complain(_place_of_error(error))
        return BAD_INPUT
    except (MemoryError, BrokenExecutor):  # a worker that was killed is told as broken
        complain("there is not enough memory: ask for fewer or smaller particles, or fewer --jobs")
        return BAD_INPUT
    finally:
        warnings.formatwarning = usual


def _format_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,
) -> str:
    """A warning as a reader of a terminal needs it, without lines of code."""
    return f"sk-qdots: {' '.join(str(message).split())}\n"


def _place_of_error(error: OSError) -> str:
    """What cannot be read or written; the output where no file is named."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else f"cannot be written: {reason}"


def _drop_output() -> None:
    """Keep the interpreter from flushing into a closed or full output when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    from importlib.metadata import version

    parser = argparse.ArgumentParser(
        prog="sk-qdots", description="The size of quantum dots from one X-ray pattern."
    )
    parser.add_argument("--version", action="version", version=f"sk_qdots {version('sk_qdots')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_size(commands)
    add_watch(commands)
    add_page(commands)
    add_simulate(commands)
    add_augment(commands)
    add_train(commands)
    add_evaluate(commands)
    add_calibrate(commands)
    add_info(commands)
    return parser
