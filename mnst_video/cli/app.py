"""The application: what its commands share."""

import re
import signal
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from mnst_video.errors import MnstError, Terminated
from mnst_video.option_panels import MACHINE, MAIN

# Rich would read `:cat:` in a file's name as an emoji.
out = Console(emoji=False)
err = Console(stderr=True, emoji=False)


class RenderByDefault(TyperGroup):
    """Inserts `render` where the first argument is no command, and shows its main options."""

    order = (
        "render",
        "plan",
        "still",
        "sweep",
        "calibrate",
        "evaluate",
        "train",
        "live",
        "export",
        "studio",
        "timeline",
        "cluster",
        "presets",
        "doctor",
    )
    own_options = ("--help", "--version", "--install-completion", "--show-completion")
    showing_help = False

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=self.order.index)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args:
            args = ["--help"]
        if args[0] not in self.commands and args[0] not in self.own_options:
            args = ["render", *args]
        if args[1:2] == [""]:  # else it would be the folder one is in
            raise typer.BadParameter("the input's name is empty: is a variable not set?")
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        params = super().get_params(ctx)
        if not self.showing_help:
            return params
        render = self.commands["render"].params
        return [p for p in render if getattr(p, "rich_help_panel", "") in (None, MAIN)] + params

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return ["INPUT [OPTIONS]", "or: COMMAND …"]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self.showing_help = True
        super().format_help(ctx, formatter)
        self.showing_help = False


app = typer.Typer(
    cls=RenderByDefault,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Stylize video with two paintings and a crossfader γ between them.\n\n"
    "[bold]mnst-video input.mp4 --gamma-from 0 --gamma-to 1[/bold] writes input_mnst.mp4. "
    "γ = 1 is style 1 alone, γ = 0 is style 2 alone. "
    "All options: [bold]mnst-video render --help[/bold]",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        out.print(f"mnst-video {version('mnst-video')}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            rich_help_panel=MACHINE,
            help="Show the version.",
        ),
    ] = False,
) -> None:
    pass


def option(panel: str, text: str, *names: str) -> Any:
    return typer.Option(*names, help=text, rich_help_panel=panel, show_default=False)


Source = Annotated[
    Path, typer.Argument(metavar="INPUT", help="The clip.", show_default=False, readable=False)
]
Jobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        min=1,
        max=256,
        metavar="N",
        rich_help_panel=MACHINE,
        help="Shots, or pictures of a sheet, rendered at once; each has its part of the threads.",
    ),
]
ClusterAddress = Annotated[
    str | None,
    option(
        MACHINE,
        "Paint on the workers of a Dask cluster: its scheduler's address, or its file.",
        "--cluster",
    ),
]
Debug = Annotated[bool, option(MACHINE, "Show tracebacks.", "--debug")]
Overwrite = Annotated[bool, option(MAIN, "Replace what is there already.", "--overwrite")]
AsJson = Annotated[bool, option(MAIN, "Print a JSON object instead.", "--json")]
At = Annotated[str, option(MAIN, "Of a clip, the frame at this time.")]
Content = Annotated[
    Path, typer.Argument(metavar="CONTENT", help="A picture, or a clip.", show_default=False)
]
Style = Literal["auto", "plain", "json", "none"]
ProgressStyle = Annotated[
    Style,
    typer.Option("--progress", rich_help_panel=MACHINE, help="How progress is shown, on stderr."),
]


def show(report: Iterable[Any]) -> None:
    """Print lines, which a terminal may wrap, and tables."""
    for part in report:
        out.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))


@contextmanager
def for_people(debug: bool, after_interrupt: str) -> Iterator[None]:
    """Turn every failure into one line on stderr and the exit code of its kind."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except MnstError as error:
        if debug:
            traceback.print_exc()
        fail(str(error), error.exit_code)
    except KeyboardInterrupt as interrupt:
        stopped = isinstance(interrupt, Terminated)
        fail(
            f"{'terminated' if stopped else 'interrupted'}: {after_interrupt}",
            143 if stopped else 130,
        )
    except Exception as error:
        if debug:
            raise
        line = " ".join(str(error).split())[:300]
        fail(f"a bug in mnst-video: {type(error).__name__}: {line} (--debug shows where)", 1)


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def fail(message: str, code: int) -> NoReturn:
    message = re.sub(r"[\x00-\x1f\x7f]+", " ", message)  # names can hold newlines, and worse
    err.print(f"mnst-video: {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
