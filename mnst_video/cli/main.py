"""All commands, and what is said of a wrong command line."""

import sys
from typing import NoReturn

import typer

from mnst_video.cli.app import app, err
from mnst_video.cli.commands import (
    cluster,
    doctor,
    judge,
    models,
    presets,
    render,
    stills,
    studio,
    timeline,
)
from mnst_video.cli.outlet import Outlet, take_over
from mnst_video.errors import MachineError

# They are there as soon as their modules are imported.
COMMANDS = (render, stills, judge, models, studio, timeline, cluster, doctor, presets)


def main() -> NoReturn:
    """Run a command line. Exit codes are listed in docs/cli.md."""
    take_over()
    sys.exit(_told(_run()))


def _run() -> int:
    try:
        return int(app(standalone_mode=False) or 0)
    except typer.TyperException as error:  # a flag that does not exist, a value missing
        message = error.format_message()
        line = f"mnst-video: {message} (see mnst-video --help)"
        err.print(line, markup=False, highlight=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:  # before the command began
        err.print("mnst-video: interrupted: nothing was begun", highlight=False)
        return 130


def _told(code: int) -> int:
    """The exit code, of an error where a result could not be written."""
    sys.stdout.flush()
    lost = sys.stdout.lost if isinstance(sys.stdout, Outlet) else None
    if lost is None:
        return code
    err.print(
        f"mnst-video: standard output cannot be written ({lost.strerror}); what was made is there",
        highlight=False,
        soft_wrap=True,
    )
    return code or MachineError.exit_code
