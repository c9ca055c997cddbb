"""The command line: parse, call, print."""

import io
import re
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from mnst_video.cli.flags import (
    MACHINE,
    MAIN,
    METHOD,
    ONLY_CLIPS,
    options_of,
    read_rate,
    read_time,
    takes_options,
)
from mnst_video.errors import MnstError, Terminated, UsageError
from mnst_video.options import Options
from mnst_video.presets import (
    check_preset_target,
    make_options,
    options_toml,
    preset_names,
    preset_summary,
    preset_text,
    save_preset_file,
)

# Rich would read `:cat:` in a file's name as an emoji.
out = Console(emoji=False)
err = Console(stderr=True, emoji=False)


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


def _option(panel: str, text: str, *names: str) -> Any:
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
Debug = Annotated[bool, _option(MACHINE, "Show tracebacks.", "--debug")]


@app.command(name="render")
@takes_options
def render_command(
    source: Source,
    *,
    output: Annotated[
        Path | None,
        _option(
            MAIN,
            "The clip to write: .mp4, .mov, .mkv, .webm, .gif, .webp, or pictures: a folder, or a "
            "pattern, shot.%04d.png (default: INPUT_mnst.mp4 beside it).",
            *("--output", "-o"),
        ),
    ] = None,
    preview: Annotated[
        bool,
        _option(
            MAIN,
            "A first impression in seconds: some frames, small, with few steps "
            "(default output: INPUT_preview.mp4).",
            "--preview",
        ),
    ] = False,
    overwrite: Annotated[bool, _option(MAIN, "Replace an existing output.", "--overwrite")] = False,
    frames_dir: Annotated[
        Path | None, _option(MACHINE, "Keep the frames, as PNG, in this folder.")
    ] = None,
    keep_frames: Annotated[
        bool,
        _option(
            MACHINE, "Keep the frames in OUTPUT.mnst/ after the clip is written.", "--keep-frames"
        ),
    ] = False,
    restart: Annotated[
        bool,
        _option(
            MACHINE, "Move the frames of an unfinished job with other settings aside.", "--restart"
        ),
    ] = False,
    jobs: Jobs = 1,
    progress: Annotated[
        Literal["auto", "plain", "json", "none"],
        typer.Option(rich_help_panel=MACHINE, help="How progress is shown, on stderr."),
    ] = "auto",
    debug: Debug = False,
    **given: Any,
) -> None:
    """Stylize a clip (the default command).

    An interrupted render goes on where it stopped when the same command is given again.
    """
    after_interrupt = "the finished frames are kept; the same command goes on from there"
    with _for_people(debug, "nothing was written" if preview else after_interrupt):
        options = options_of(given)
        # Imported here: torch takes seconds, which --help and a wrong option need not wait for.
        if preview:
            kept = {"--frames-dir": frames_dir, "--keep-frames": keep_frames, "--restart": restart}
            for flag in (flag for flag, value in kept.items() if value):
                raise UsageError(f"{flag}: a preview keeps no frames; leave out one or the other")
            if jobs > 1:
                raise UsageError(f"--jobs {jobs}: a preview's pictures are one job's; leave it out")
            if progress == "json":
                raise UsageError("--progress json: a preview has no events; use none, or auto")
            _preview(source, output, options, overwrite, progress == "auto")
            return
        from mnst_video.cli.show.durations import minutes
        from mnst_video.cli.show.progress import make_display
        from mnst_video.job.render import render

        with make_display(progress, err) as display:
            report = render(
                source,
                output,
                options,
                overwrite=overwrite,
                restart=restart,
                keep_frames=keep_frames,
                frames_dir=frames_dir,
                jobs=jobs,
                observe=display,
            )
    reused = f", {report.reused} of them from before" if report.reused else ""
    print(
        f"{report.output}: {report.duration:.2f} s, {report.frames} frames{reused}, "
        f"in {minutes(report.seconds)}"
    )
    if report.kept:
        print(f"frames: {report.kept}")


def _preview(
    source: Path, output: Path | None, options: Options, overwrite: bool, shows_progress: bool
) -> None:
    """What `render --preview` does."""
    from mnst_video.cli.show.durations import minutes
    from mnst_video.cli.show.plan import preview_report
    from mnst_video.cli.show.progress import step_bar
    from mnst_video.job.preview import render_preview

    with step_bar(err if shows_progress else Console(quiet=True)) as observe:
        done = render_preview(source, output, options, overwrite=overwrite, observe=observe)
    for note in done.notes:
        err.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    print(
        f"{done.output}: {float(done.duration):.2f} s, {done.pictures} pictures, "
        f"in {minutes(done.seconds)}"
    )
    _show(preview_report(done))


@app.command(name="plan")
@takes_options
def plan_command(
    source: Source,
    *,
    plot: Annotated[
        Path | None, _option(MAIN, "Draw the curve, over the sound, into this .png, .svg or .pdf.")
    ] = None,
    overwrite: Annotated[bool, _option(MAIN, "Replace an existing plot.", "--overwrite")] = False,
    as_json: Annotated[bool, _option(MAIN, "Print a JSON object instead.", "--json")] = False,
    debug: Debug = False,
    **given: Any,
) -> None:
    """Show what a render would do, frame by frame, and take, without rendering."""
    with _for_people(debug, "nothing was changed"):
        options = options_of(given)
        from mnst_video.cli.show.plan import plan_json, plan_report
        from mnst_video.cli.show.plots import check_plot, draw_plan
        from mnst_video.plan.estimate import plan

        if plot is not None:
            check_plot(plot, (source, *options.styles), overwrite)
        resolved, estimate = plan(source, options)
        if plot is not None:
            draw_plan(resolved, plot)
    if as_json:
        print(plan_json(resolved, estimate))
        return
    _show(plan_report(resolved, estimate))
    if plot is not None:
        print(f"curve: {plot}")


@app.command(name="still")
@partial(takes_options, without=ONLY_CLIPS | {"gamma_from", "gamma_to"})
def still_command(
    source: Annotated[
        Path,
        typer.Argument(metavar="CONTENT", help="A picture, or a clip.", show_default=False),
    ],
    *,
    output: Annotated[
        Path | None,
        _option(
            MAIN,
            "The picture to write: .png, .jpg, or .tif with 16 bits "
            "(default: CONTENT_mnst.png beside it).",
            *("--output", "-o"),
        ),
    ] = None,
    overwrite: Annotated[bool, _option(MAIN, "Replace an existing output.", "--overwrite")] = False,
    at: Annotated[str, _option(MAIN, "Of a clip, the frame at this time.")] = "start",
    save_every: Annotated[
        int | None, _option(METHOD, "Write the picture after every so many steps too.")
    ] = None,
    debug: Debug = False,
    **given: Any,
) -> None:
    """Stylize one picture, or a frame of a clip; γ is 0.5 unless it is given."""
    with _for_people(debug, "nothing was written"):
        options = options_of(given)
        time = read_time("at", at)
        from mnst_video.cli.show.durations import minutes
        from mnst_video.cli.show.progress import step_bar
        from mnst_video.stills.still import render_still

        with step_bar(err) as step_done:
            done = render_still(
                source,
                output,
                options,
                at=time,
                save_every=save_every,
                overwrite=overwrite,
                observe=step_done,
            )
    tiles = f", in {done.tiles} tiles" if done.tiles > 1 else ""
    if tiles and options.tile is None:
        tiles += ", as memory is short for the whole"
    print(f"{done.output}: {done.size[0]}×{done.size[1]}{tiles}, in {minutes(done.seconds)}")


@app.command(name="sweep")
@partial(takes_options, without=ONLY_CLIPS - {"steps", "bpm", "beat_offset", "beats_per_bar"})
def sweep_command(
    source: Annotated[
        Path, typer.Argument(metavar="CONTENT", help="A picture, or a clip.", show_default=False)
    ],
    *,
    output: Annotated[
        Path | None,
        _option(
            MAIN,
            "A sheet (.png, .jpg, .tif), or a moving sweep (.mp4, .webm, .gif, .webp …) "
            "(default: CONTENT_sweep.png beside it).",
            *("--output", "-o"),
        ),
    ] = None,
    overwrite: Annotated[bool, _option(MAIN, "Replace an existing output.", "--overwrite")] = False,
    at: Annotated[str, _option(MAIN, "Of a clip, the frame at this time.")] = "start",
    pictures: Annotated[int, _option(MAIN, "Of a sheet: pictures a row.")] = 11,
    rows: Annotated[
        str | None,
        _option(MAIN, "Of a sheet: a row for each value, such as content_weight=0.03,0.1,0.3."),
    ] = None,
    seconds: Annotated[float, _option(MAIN, "How long a moving sweep lasts, and γ's times.")] = 4.0,
    fps: Annotated[str, _option(MAIN, "Of a moving sweep: its rate, such as 25 or 30000/1001.")] = (
        "24"
    ),
    loop: Annotated[
        bool, _option(MAIN, "Of a moving sweep: there and back, without a seam.", "--loop")
    ] = False,
    jobs: Jobs = 1,
    debug: Debug = False,
    **given: Any,
) -> None:
    """Paint one picture along γ, from 0 to 1 unless given: a contact sheet, or a moving sweep."""
    with _for_people(debug, "nothing was written"):
        options = options_of(given)
        time, rate = read_time("at", at), read_rate("fps", fps)
        from mnst_video.cli.show.durations import minutes
        from mnst_video.cli.show.progress import step_bar
        from mnst_video.stills.sweep import render_sweep

        with step_bar(err) as observe:
            done = render_sweep(
                source,
                output,
                options,
                at=time,
                pictures=pictures,
                rows=rows,
                seconds=seconds,
                fps=rate,
                loop=loop,
                overwrite=overwrite,
                jobs=jobs,
                observe=observe,
            )
    print(f"{done.output}: {done.pictures} pictures, in {minutes(done.seconds)}")


@app.command(name="calibrate")
@partial(
    takes_options,
    without=ONLY_CLIPS
    | {"gamma", "gamma_from", "gamma_to", "position", "style", "sigma", "gamma_scale"},
)
def calibrate_command(
    source: Annotated[
        Path, typer.Argument(metavar="CONTENT", help="A picture, or a clip.", show_default=False)
    ],
    *,
    plot: Annotated[
        Path | None, _option(MAIN, "Draw RI1 and RI2 over γ, without and with σ, into this .png.")
    ] = None,
    save_preset: Annotated[
        Path | None, _option(MAIN, "Keep the refined σ in this preset, a .toml file.")
    ] = None,
    overwrite: Annotated[
        bool, _option(MAIN, "Replace an existing plot or preset.", "--overwrite")
    ] = False,
    as_json: Annotated[bool, _option(MAIN, "Print a JSON object instead.", "--json")] = False,
    debug: Debug = False,
    **given: Any,
) -> None:
    """Measure how balanced two styles are over γ, and the σ that balances them."""
    with _for_people(debug, "nothing was written"):
        options = options_of(given)
        if save_preset is not None:
            check_preset_target(save_preset, overwrite)
        from mnst_video.cli.show.judgement import balance_json, balance_report
        from mnst_video.cli.show.plots import check_plot, draw_balance
        from mnst_video.cli.show.progress import step_bar
        from mnst_video.stills.calibrate import measure

        if plot is not None:
            check_plot(plot, (source, *options.styles), overwrite)
        with step_bar(err) as observe:
            balance = measure(source, options, observe)
        if as_json:
            print(balance_json(balance))
        else:
            _show(balance_report(balance))
        done = []
        if plot is not None:
            draw_balance(balance, plot)
            done.append(f"curves: {plot}")
        if save_preset is not None:
            if balance.check is None:
                raise UsageError(f"{save_preset}: not written, as no σ balances the two styles")
            made = make_options((), {"sigma": balance.sigma2["refined"]})
            save_preset_file(save_preset, made, overwrite)
            done.append(f"preset: {save_preset}")
        if done and not as_json:
            print("\n".join(done))


@app.command(name="evaluate")
@takes_options
def evaluate_command(
    source: Source,
    painted: Annotated[
        Path,
        typer.Argument(metavar="OUTPUT", help="What was made of it.", show_default=False),
    ],
    *,
    plot: Annotated[
        Path | None, _option(MAIN, "Draw the scores over time into this .png, .svg or .pdf.")
    ] = None,
    overwrite: Annotated[bool, _option(MAIN, "Replace an existing plot.", "--overwrite")] = False,
    as_json: Annotated[bool, _option(MAIN, "Print a JSON object instead.", "--json")] = False,
    flow: Annotated[
        Path | None,
        _option(METHOD, "Judge by the true flow in this folder, as of the sample clip."),
    ] = None,
    debug: Debug = False,
    **given: Any,
) -> None:
    """Judge a finished clip: stability, style, lag, naked areas, grain, drift.

    Settings are taken from OUTPUT.mnst.json where it is there; options win over it.
    """
    with _for_people(debug, "nothing was changed"):
        from mnst_video.job.folder import record_path
        from mnst_video.media.files import check_name

        check_name(painted)
        record = record_path(painted)
        options = options_of(given, [str(record)] if record.exists() else [])
        from mnst_video.cli.show.judgement import evaluation_json, evaluation_report
        from mnst_video.cli.show.plots import check_plot, draw_evaluation
        from mnst_video.cli.show.progress import step_bar
        from mnst_video.judge.evaluate import evaluate

        if plot is not None:
            check_plot(plot, (source, painted, *options.styles), overwrite)
        with step_bar(err) as observe:
            evaluation = evaluate(source, painted, options, flow=flow, observe=observe)
        if plot is not None:
            draw_evaluation(evaluation, plot)
    if as_json:
        print(evaluation_json(evaluation))
        return
    _show(evaluation_report(evaluation))
    if plot is not None:
        print(f"curves: {plot}")


presets_app = typer.Typer(
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    help="List the shipped presets, show one, or save options as one.",
)
app.add_typer(presets_app, name="presets")


@presets_app.callback()
def presets_command(context: typer.Context) -> None:
    """List the shipped presets, show one, or save options as one."""
    if context.invoked_subcommand is None:
        for name in preset_names():
            print(f"{name:14}{preset_summary(name)}")


@presets_app.command(name="show")
def presets_show(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="The preset.")],
    resolved: Annotated[
        bool,
        typer.Option("--resolved", help="All options as they are with it, also those it leaves."),
    ] = False,
) -> None:
    """Print a preset."""
    with _for_people(debug=False, after_interrupt="nothing was changed"):
        if resolved:
            options = make_options((name,), {})
            text = options_toml(options, Options.model_fields, f"All options with {name}", Path())
        else:
            text = preset_text(name)
    print(text, end="")


@presets_app.command(name="save")
@takes_options
def presets_save(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .toml file to write.")],
    *,
    overwrite: Annotated[bool, _option(MAIN, "Replace an existing file.", "--overwrite")] = False,
    **given: Any,
) -> None:
    """Write the options that are given, and those of the presets given, as a preset."""
    with _for_people(debug=False, after_interrupt="nothing was changed"):
        save_preset_file(file, options_of(given), overwrite)
    print(f"{file}: use it with --preset {file}")


@app.command()
def doctor() -> None:
    """Print versions, device, weights and ffmpeg, and what is wrong, if anything."""
    with _for_people(debug=False, after_interrupt="nothing was changed"):
        from mnst_video.cli.doctor import examine

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


def _show(report: Iterable[Any]) -> None:
    """Print lines, which a terminal may wrap, and tables."""
    for part in report:
        out.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))


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
    message = re.sub(r"[\x00-\x1f\x7f]+", " ", message)  # names can hold newlines, and worse
    err.print(f"mnst-video: {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


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
