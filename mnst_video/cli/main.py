"""The console script: all commands, and what is said of a wrong command line."""

import io
import sys

import typer

from mnst_video.cli.app import app, err
from mnst_video.cli.commands import doctor, judge, presets, render, stills

# They are there as soon as their modules are imported.
COMMANDS = (render, stills, judge, doctor, presets)


def main() -> None:
    """The console script. Exit codes are listed in docs/cli.md."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a narrow encoding must not end a finished run
            stream.reconfigure(errors="replace")
    try:
        sys.exit(app(standalone_mode=False))
    except typer.TyperException as error:  # a flag that does not exist, a value missing
        message = error.format_message()
        line = f"mnst-video: {message} (see mnst-video --help)"
        err.print(line, markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
