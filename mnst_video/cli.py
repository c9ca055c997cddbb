"""The command line: parse, call, print."""

import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from mnst_video.config import MAX_SIDE, Options, make_options, preset_names
from mnst_video.errors import MnstError, Terminated

# Rich would read `:cat:` in a file's name as an emoji.
out = Console(emoji=False)
err = Console(stderr=True, emoji=False)

MAIN, LOOK, METHOD, MACHINE = "Main options", "Look", "Method", "Machine and progress"


class RenderByDefault(TyperGroup):
    """Inserts `render` where the first argument is no command, and shows its main options."""

    own_options = ("--help", "--version")
    showing_help = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args:
            args = ["--help"]
        if args[0] not in self.commands and args[0] not in self.own_options:
            args = ["render", *args]
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
    add_completion=False,
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


def _default(name: str) -> str:
    """The default of an option, for its help text."""
    value = Options.model_fields[name].default
    return f"[dim](default: {value.name if isinstance(value, Path) else value})[/dim]"


def _option(name: str, panel: str, text: str, metavar: str | None = None) -> Any:
    """A flag for a field of `Options`; it is None unless the user gives it."""
    flag = "--" + name.replace("_", "-")
    has_default = Options.model_fields[name].default is not None
    shown = f"{text} {_default(name)}" if has_default else text
    return typer.Option(
        flag, help=shown, rich_help_panel=panel, metavar=metavar, show_default=False, readable=False
    )


@app.command(name="render")
def render_command(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="The clip.", show_default=False, readable=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            rich_help_panel=MAIN,
            show_default=False,
            help="The clip to write: .mp4, .mov, .m4v or .mkv (default: INPUT_mnst.mp4 beside it).",
        ),
    ] = None,
    style1: Annotated[Path | None, _option("style1", MAIN, "The picture that γ = 1 shows.")] = None,
    style2: Annotated[Path | None, _option("style2", MAIN, "The picture that γ = 0 shows.")] = None,
    gamma_from: Annotated[
        float | None, _option("gamma_from", MAIN, "γ at the first frame.")
    ] = None,
    gamma_to: Annotated[float | None, _option("gamma_to", MAIN, "γ at the last frame.")] = None,
    start: Annotated[
        float | None, _option("start", MAIN, "Render from this time on.", metavar="SECONDS")
    ] = None,
    end: Annotated[
        float | None, _option("end", MAIN, "Render up to this time.", metavar="SECONDS")
    ] = None,
    max_side: Annotated[
        int | None,
        _option(
            "max_side",
            MAIN,
            "Longer side of the working size, in pixels; never enlarges "
            f"(default: {', '.join(f'{side} on {kind}' for kind, side in MAX_SIDE.items())}).",
        ),
    ] = None,
    preset: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=MAIN,
            show_default=False,
            metavar="NAME|FILE",
            help=f"A shipped preset ({', '.join(preset_names())}), a .toml file, or a finished "
            "clip's .mnst.json. Repeatable: the later wins, and options win over all.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=MAIN, help="Replace an existing output.")
    ] = False,
    style_scale: Annotated[
        float | None, _option("style_scale", LOOK, "Size of the strokes.")
    ] = None,
    sigma: Annotated[
        str | None,
        _option(
            "sigma",
            LOOK,
            "Balance of the styles: auto (one for the clip), shot (one a shot), or "
            "a number; 1 = off.",
            metavar="auto|shot|NUMBER",
        ),
    ] = None,
    content_weight: Annotated[
        float | None, _option("content_weight", LOOK, "More keeps faces, less lets paint flow.")
    ] = None,
    style_weight: Annotated[
        float | None, _option("style_weight", LOOK, "More brings the picture closer to the styles.")
    ] = None,
    temporal_weight: Annotated[
        float | None, _option("temporal_weight", LOOK, "More holds the paint to what moves.")
    ] = None,
    output_size: Annotated[
        str | None,
        _option(
            "output_size",
            LOOK,
            "Size of the clip that is written (default: the working size).",
            metavar="source|WxH",
        ),
    ] = None,
    crf: Annotated[
        int | None, _option("crf", LOOK, "x264's quality: less is better and larger.")
    ] = None,
    first_steps: Annotated[
        int | None, _option("first_steps", METHOD, "Steps on the first frame of a shot.")
    ] = None,
    steps: Annotated[int | None, _option("steps", METHOD, "Steps on each later frame.")] = None,
    cuts: Annotated[
        str | None,
        _option(
            "cuts",
            METHOD,
            "Where shots begin: found in the picture, nowhere, or at these seconds.",
            metavar="auto|none|T,T…",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        _option(
            "weights",
            METHOD,
            "VGG-19's weights.",
            metavar="packaged|torchvision|FILE",
        ),
    ] = None,
    device: Annotated[
        str | None, _option("device", MACHINE, "auto, cpu, cuda, cuda:1 or mps.")
    ] = None,
    precision: Annotated[
        str | None, _option("precision", MACHINE, "auto, float32 or bf16.")
    ] = None,
    threads: Annotated[
        int | None, _option("threads", MACHINE, "CPU threads (default: all cores).")
    ] = None,
    frames_dir: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=MACHINE,
            show_default=False,
            help="Keep the frames, as PNG, in this folder.",
        ),
    ] = None,
    keep_frames: Annotated[
        bool,
        typer.Option(
            "--keep-frames",
            rich_help_panel=MACHINE,
            help="Keep the frames in OUTPUT.mnst/ after the clip is written.",
        ),
    ] = False,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart",
            rich_help_panel=MACHINE,
            help="Move the frames of an unfinished job with other settings aside.",
        ),
    ] = False,
    progress: Annotated[
        Literal["auto", "plain", "json", "none"],
        typer.Option(rich_help_panel=MACHINE, help="How progress is shown, on stderr."),
    ] = "auto",
    debug: Annotated[
        bool, typer.Option("--debug", rich_help_panel=MACHINE, help="Show tracebacks.")
    ] = False,
) -> None:
    """Stylize a clip (the default command).

    An interrupted render goes on where it stopped when the same command is given again.
    """
    given = {
        name: value
        for name, value in locals().items()
        if name in Options.model_fields and value is not None
    }
    with _for_people(debug, "the finished frames are kept; the same command goes on from there"):
        options = make_options(tuple(preset or ()), given)
        # Imported here: torch takes seconds, which --help and a wrong option need not wait for.
        from mnst_video.job import render
        from mnst_video.progress import clock, make_display

        with make_display(progress, err) as display:
            report = render(
                source,
                output,
                options,
                overwrite=overwrite,
                restart=restart,
                keep_frames=keep_frames,
                frames_dir=frames_dir,
                observe=display,
            )
    reused = f", {report.reused} of them from before" if report.reused else ""
    print(
        f"{report.output}: {report.duration:.2f} s, {report.frames} frames{reused}, "
        f"in {clock(report.seconds)}"
    )
    if report.kept:
        print(f"frames: {report.kept}")


@app.command()
def doctor() -> None:
    """Print versions, device, weights and ffmpeg, and what is wrong, if anything."""
    with _for_people(debug=False, after_interrupt="nothing was changed"):
        from mnst_video.doctor import examine

        findings = examine()
    for name, value, problem in findings:
        out.print(
            f"{'✗' if problem else '✓'} {name}: {value}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if any(problem for *_, problem in findings):
        raise typer.Exit(4)


@contextmanager
def _for_people(debug: bool, after_interrupt: str) -> Iterator[None]:
    """Turn every failure into one line on stderr and the exit code of its kind."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except MnstError as error:
        if debug:
            traceback.print_exc()
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt as interrupt:
        stopped = isinstance(interrupt, Terminated)
        _fail(
            f"{'terminated' if stopped else 'interrupted'}: {after_interrupt}",
            143 if stopped else 130,
        )
    except Exception as error:
        if debug:
            raise
        line = " ".join(str(error).split())[:300]
        _fail(f"a bug in mnst-video: {type(error).__name__}: {line} (--debug shows where)", 1)


def _terminate(*_: object) -> NoReturn:
    raise Terminated


def _fail(message: str, code: int) -> NoReturn:
    err.print(f"mnst-video: {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def main() -> None:
    """The console script. Exit codes are listed in docs/cli.md."""
    try:
        sys.exit(app(standalone_mode=False))
    except typer.TyperException as error:  # a flag that does not exist, a value missing
        message = error.format_message()
        line = f"mnst-video: {message} (see mnst-video --help)"
        err.print(line, markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
