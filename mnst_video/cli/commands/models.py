"""`train`."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from mnst_video.cli.app import Debug, Overwrite, ProgressStyle, app, err, for_people, option
from mnst_video.cli.flags import FLAGS, MAIN, options_of, takes_options

# What a training has to do with; the rest of the options is for renders.
OF_TRAINING = frozenset(
    {
        *("style1", "style2", "style", "max_side", "preset", "stream", "matte", "max_pixels"),
        *("allow_partial", "style_scale", "colors", "sigma", "gamma_scale", "strokes", "weights"),
        *("layer_shares", "faces", "content_weight", "style_weight", "device", "precision"),
        *("threads", "tile"),
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
                contents, output, options, minutes=minutes, overwrite=overwrite, observe=observe
            )
    print(
        f"{done.output}: {done.steps} steps on {done.frames} frames, in {in_minutes(done.seconds)}"
    )
    for line in training_report(done):
        print(line)
