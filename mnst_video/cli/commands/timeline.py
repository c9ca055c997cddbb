"""`timeline import` and `timeline export`: keys from other programs, and for them."""

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from mnst_video.cli.app import Debug, Overwrite, Source, app, err, for_people, option, show
from mnst_video.cli.flags import options_of, read_rate, takes_options
from mnst_video.errors import UsageError
from mnst_video.interchange.formats import FORMATS, READ
from mnst_video.option_panels import INPUT, MAIN

timeline_app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Take keys from other programs, and give them keys.",
)
app.add_typer(timeline_app, name="timeline")

Lane = Annotated[str, option(MAIN, "What the keys are of: gamma, position or strength.", "--lane")]
Field = Annotated[str | None, option(MAIN, "The field of a Parseq document.", "--field")]


@timeline_app.command(name="import")
def import_command(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help=f"What to read: {', '.join(READ)}.", readable=False),
    ],
    *,
    output: Annotated[
        Path | None,
        option(
            MAIN,
            "The preset to write, .toml (default: print it).",
            *("--output", "-o"),
        ),
    ] = None,
    lane: Lane = "gamma",
    value_range: Annotated[
        str | None,
        option(MAIN, "The values in the file that stand for 0 and 1, such as 0,100.", "--range"),
    ] = None,
    events: Annotated[
        str | None,
        option(MAIN, "Of a MIDI file: markers, notes, or a controller, such as cc74.", "--events"),
    ] = None,
    field: Field = None,
    clip: Annotated[
        Path | None, option(INPUT, "The clip that the keys are for, for its rate.", "--clip")
    ] = None,
    fps: Annotated[
        str | None, option(INPUT, "Frames a second, where the file counts frames.", "--fps")
    ] = None,
    bpm: Annotated[
        float | None, option(INPUT, "Beats a minute, where the file counts bars.", "--bpm")
    ] = None,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Make a preset of another program's markers, labels, notes or frames."""
    with for_people(debug, "nothing was written"):
        from fractions import Fraction

        from mnst_video.interchange.formats import Reading, read_score
        from mnst_video.interchange.preset import settings_of
        from mnst_video.presets import check_preset_target, make_options, save_preset_file, to_toml
        from mnst_video.timeline.clock import Clock, Tempo

        name = lane_name(lane)
        if output is not None:
            check_preset_target(output, overwrite)
        rate = read_rate("fps", fps) if fps is not None else None
        clock = None
        if bpm is not None or clip is not None:
            if bpm is not None and not 1.0 <= bpm <= 1000.0:
                raise UsageError(f"--bpm {bpm:g}: give beats a minute, 1 to 1000")
            tempo = Tempo.steady(Fraction(str(bpm)), Fraction(0)) if bpm is not None else None
            times: tuple[Fraction, ...] = (Fraction(0),)
            if clip is not None:
                from mnst_video.plan.source import clip_of

                found = clip_of(clip, options_of({}).input, depth="packets")
                times, rate = found.times.begins, rate or found.times.fps
            clock = Clock(times, rate or Fraction(25), tempo)
        reading = Reading(clock, rate, events, field, _range(value_range))
        score = read_score(file, reading)
        settings = settings_of(score, name)
        options = make_options((), settings)
        for note in score.notes:
            err.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
        if output is None:
            print(to_toml(settings, f"From {file.name}"), end="")
        else:
            save_preset_file(output, options, overwrite)
    if output is not None:
        print(f"{output}: {len(score.keys)} keys; use it with --preset {output}")


@timeline_app.command(name="export")
@takes_options
def export_command(
    source: Source,
    *,
    output: Annotated[
        Path | None,
        option(
            MAIN,
            "The file to write: .csv, .txt, .mid, .edl, .otio or .json.",
            *("--output", "-o"),
        ),
    ] = None,
    form: Annotated[
        str | None,
        option(
            MAIN,
            f"Its format, where the ending leaves more than one: {', '.join(FORMATS)}.",
            "--format",
        ),
    ] = None,
    lane: Lane = "gamma",
    field: Field = None,
    overwrite: Overwrite = False,
    debug: Debug = False,
    **given: Any,
) -> None:
    """Write a clip's keys, or the values of its frames, for another program."""
    with for_people(debug, "nothing was written"):
        if output is None:
            raise UsageError("give the file to write with --output, such as keys.csv")
        options = options_of(given)
        from mnst_video.interchange.clip import export
        from mnst_video.interchange.score import Writing

        name = lane_name(lane)
        notes = export(source, output, options, name, form, Writing(field=field), overwrite)
        show(f"note: {note}" for note in notes)
    print(f"{output}: {name}")


def lane_name(text: str) -> Any:
    """The lane of a name. Raises UsageError."""
    from mnst_video.interchange.preset import LANES

    if text not in LANES:
        raise UsageError(f"--lane {text}: there is no such lane; use one of {', '.join(LANES)}")
    return cast("Any", text)


def _range(text: str | None) -> tuple[float, float]:
    if text is None:
        return (0.0, 1.0)
    try:
        low, high = (float(part) for part in text.split(","))
        if low == high:
            raise ValueError
    except ValueError:
        raise UsageError(f"--range {text}: give two numbers, such as 0,100") from None
    return low, high
