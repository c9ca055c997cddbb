"""`train`, `live` and `export`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from mnst_video.cli.app import Debug, Overwrite, ProgressStyle, app, err, for_people, option
from mnst_video.cli.flags import options_of, takes_options
from mnst_video.errors import UsageError
from mnst_video.option_panels import FLAGS, MAIN

CONTROL = "Control"

# What a training has to do with; the rest of the options is for renders.
OF_TRAINING = frozenset(
    {
        *("style1", "style2", "style", "max_side", "preset", "stream", "matte", "max_pixels"),
        *("allow_partial", "style_scale", "colors", "sigma", "gamma_scale", "strokes", "weights"),
        *("layer_shares", "faces", "content_weight", "style_weight", "device", "precision"),
        *("threads", "tile"),
    }
)
# What a live session has to do with.
OF_LIVE = frozenset(
    {
        *("model", "gamma", "gamma_from", "gamma_to", "position", "react", "bpm", "beat_offset"),
        *("beats_per_bar", "audio", "fps", "stream", "seconds", "matte", "max_pixels", "start"),
        *("allow_partial", "end", "max_side", "preset", "device", "precision", "threads"),
    }
)


@app.command(name="train")
@partial(takes_options, without=FLAGS - OF_TRAINING)
def train_command(
    contents: Annotated[
        list[Path],
        typer.Argument(
            metavar="CONTENT…",
            help="What is to be painted, or is like it: clips, pictures, folders of pictures.",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[
        Path, option(MAIN, "The model to write, such as pair.safetensors.", *("--output", "-o"))
    ],
    minutes: Annotated[
        float, option(MAIN, "How long, in all; the same command with more goes on.", "--minutes")
    ] = 5.0,
    begin_with: Annotated[
        str,
        option(
            MAIN,
            "What to begin with: another model, the program's own base, or none.",
            "--begin-with",
        ),
    ] = "base",
    overwrite: Overwrite = False,
    progress: ProgressStyle = "auto",
    debug: Debug = False,
    **given: Any,
) -> None:
    """Train a network on the paintings, which paints many frames a second.

    An interrupted training goes on where it stopped when the same command is given again.
    """
    after_interrupt = "the last state is kept; the same command goes on from there"
    with for_people(debug, after_interrupt):
        options = options_of(given)
        from mnst_video.cli.show.durations import minutes as in_minutes
        from mnst_video.cli.show.training import training_display, training_report
        from mnst_video.training.train import train

        with training_display(progress, err) as observe:
            done = train(
                contents,
                output,
                options,
                minutes=minutes,
                begin_with=begin_with,
                overwrite=overwrite,
                observe=observe,
            )
    print(
        f"{done.output}: {done.steps} steps on {done.frames} frames, in {in_minutes(done.seconds)}"
    )
    for line in training_report(done):
        print(line)


@app.command(name="live")
@partial(takes_options, without=FLAGS - OF_LIVE)
def live_command(
    source: Annotated[
        str,
        typer.Argument(metavar="INPUT", help="A clip, or a camera: camera:0.", show_default=False),
    ],
    *,
    output: Annotated[
        str | None,
        option(MAIN, "A dash: the frames as raw RGB, to standard output.", *("--output", "-o")),
    ] = None,
    record: Annotated[
        Path | None, option(MAIN, "Keep what is shown as a clip; it plays once then.", "--record")
    ] = None,
    save_gamma: Annotated[
        Path | None,
        option(MAIN, "Keep γ as it was played, as a preset (.toml) for a render.", "--save-gamma"),
    ] = None,
    record_input: Annotated[
        Path | None,
        option(MAIN, "Keep what the camera gave, to render the take from.", "--record-input"),
    ] = None,
    midi: Annotated[
        str | None, option(CONTROL, "Take γ from a MIDI input: a part of its name.", "--midi")
    ] = None,
    midi_control: Annotated[
        str | None,
        option(CONTROL, "cc1, cc7@2, pitch (default: the first that moves).", "--midi-control"),
    ] = None,
    osc: Annotated[
        str | None,
        option(CONTROL, "Listen to OSC: a port, or 0.0.0.0:PORT for other machines.", "--osc"),
    ] = None,
    mic: Annotated[
        str | None,
        option(CONTROL, "--react hears a microphone: a part of its name, or default.", "--mic"),
    ] = None,
    glide: Annotated[
        float, option(CONTROL, "Seconds in which γ follows; 0 is at once.", "--glide")
    ] = 0.0,
    once: Annotated[bool, option(MAIN, "Play the clip once, not in a loop.", "--once")] = False,
    sound: Annotated[bool, option(MAIN, "Let the clip be heard.", "--sound")] = False,
    no_window: Annotated[bool, option(MAIN, "Show nothing.", "--no-window")] = False,
    virtual_camera: Annotated[
        bool, option(MAIN, "Be a camera for other programs.", "--virtual-camera")
    ] = False,
    overwrite: Overwrite = False,
    debug: Debug = False,
    **given: Any,
) -> None:
    """Play a model: γ from keys, wheel, MIDI, OSC or the timeline, and the picture at once."""
    with for_people(debug, "what was played until then is kept"):
        options = options_of(given)
        if output not in (None, "-"):
            raise UsageError(
                f"-o {output}: a dash, for standard output; --record FILE keeps a clip"
            )
        if not 0.0 <= glide <= 60.0:
            raise UsageError(f"--glide {glide:g}: give 0 to 60 seconds")
        from mnst_video.live.midi import Control
        from mnst_video.live.osc import address_of
        from mnst_video.live.play import Controls, live
        from mnst_video.live.take import Kept

        controls = Controls(
            midi=midi,
            control=Control.parse(midi_control) if midi_control else None,
            osc=address_of(osc) if osc else None,
            mic=mic,
            sound=sound,
            glide=glide,
            window=not no_window,
            raw=output == "-",
            virtual_camera=virtual_camera,
        )
        kept = Kept(record, save_gamma, record_input, overwrite)
        played = live(source, options, controls, kept, loop=not once)
    rate = played.frames / played.seconds if played.seconds else 0.0
    latency = f", {played.latency:.0f} ms from a movement to the picture" if played.latency else ""
    err.print(
        f"{played.frames} frames, {rate:.1f} a second, {played.dropped} dropped{latency}",
        highlight=False,
    )
    for path in filter(None, (record, save_gamma, record_input)):
        err.print(str(path), markup=False, highlight=False, soft_wrap=True)


@app.command(name="export")
def export_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The model.", show_default=False)],
    *,
    output: Annotated[
        Path | None,
        option(MAIN, "The file to write (default: MODEL.onnx beside it).", *("--output", "-o")),
    ] = None,
    overwrite: Overwrite = False,
    debug: Debug = False,
) -> None:
    """Write a model as ONNX, for other programs: γ and pictures of any size go in."""
    with for_people(debug, "nothing was written"):
        from mnst_video.media.files import check_target
        from mnst_video.model.export import export_model
        from mnst_video.model.file import load_model

        target = output or model.with_suffix(".onnx")
        loaded = load_model(model)
        check_target(target, (model,), overwrite)
        export_model(loaded, target)
    print(target)
